"""An id token in the frames of the archive: put out of every file it is in, and no row lost."""

import json

from adapters.memory_telemetry import MemoryArchive
from domain import archive
from domain.archive import FRAMES
from fleet.privacy import FrameLog

CARD, ERASED = "04A1B2C3", "erased-0123456789abc"


def logged(hours: int) -> MemoryArchive:
    log = MemoryArchive()
    for hour in range(hours):
        rows = [
            {
                "id": f"{hour}/{number}",
                "charge_point_id": f"CP-{number}",
                "received_at": f"2026-11-{1 + hour // 24:02}T{hour % 24:02}:00:00.000Z",
                "message": json.dumps(
                    [2, "1", "Authorize", {"idTag": CARD.lower() if number == hour % 3 else "OTHER"}]
                ),
            }
            for number in range(3)
        ]
        for key, body in archive.files(FRAMES, rows).items():
            log.put(key, body)
    return log


def rows(log: MemoryArchive) -> list[archive.Row]:
    return [row for body in log.files.values() for row in archive.rows_of(body)]


def test_every_file_that_has_it_is_written_anew_and_the_others_stay() -> None:
    log = logged(100)
    before = log.files.copy()

    of_one = FrameLog(log).erase(CARD, ERASED, lambda charge_point_id, _: charge_point_id == "CP-0", is_dry=False)
    untouched = before.keys() & log.files.keys()
    the_rest = FrameLog(log).erase(CARD, ERASED, lambda *_: True, is_dry=False)
    again = FrameLog(log).erase(CARD, ERASED, lambda *_: True, is_dry=False)

    assert (of_one.changed, the_rest.changed, again.changed) == (34, 66, 0)
    assert len(untouched) == 66
    assert len(log.files) == len(before)
    assert sorted(row["id"] for row in rows(log)) == sorted(row["id"] for row in rows(logged(100)))
    assert sum(ERASED in row["message"] for row in rows(log)) == 100
    assert not any(CARD.lower() in row["message"] for row in rows(log))


def test_a_dry_run_writes_nothing_and_an_export_shows_a_persons_frames_only() -> None:
    log = logged(6)
    before = log.files.copy()

    counts = FrameLog(log).erase(CARD, ERASED, lambda *_: True, is_dry=True)
    shown = list(FrameLog(log).export(CARD, lambda *_: True))

    assert (counts.changed, log.files) == (6, before)
    assert [row["message"][3] for row in shown] == [{"idTag": CARD.lower()}] * 6
