"""The archive: what was said, in compressed files by time that people, DuckDB and Athena read alike.

A row is a JSON object with an `id` and a time, RFC 3339 in UTC with milliseconds, so that it sorts as text. Files are
NDJSON, gzipped, in Hive partitions: `samples/year=2026/month=11/day=21/hour=05/<name>.ndjson.gz`. Rows come at least
once (a queue composes a batch anew when it brings it again), so readers drop those of an id and a time they have seen.
"""

import gzip
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson

from ocppj import timestamps

Row = dict[str, Any]
_OTHER = {"in": "out", "out": "in"}

LAST = timedelta(hours=24)  # what is read, unless said otherwise

_LEVEL = 6  # of compression: 9 takes twice the time for a hundredth


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rows: the folder they are in, the column with their time, and how long a partition is."""

    name: str
    time: str
    step: timedelta


FRAMES = Kind("frames", "received_at", timedelta(hours=1))
SAMPLES = Kind("samples", "sampled_at", timedelta(hours=1))
STATIONS = Kind("telemetry", "timestamp", timedelta(days=1))
KINDS = {kind.name: kind for kind in (FRAMES, SAMPLES, STATIONS)}


class Archive(Protocol):
    """Where the files are."""

    def put(self, key: str, body: bytes) -> None:
        """Write a file; one of the same name is replaced."""

    def keys(self, prefix: str) -> Iterable[str]:
        """The names of the files that begin so."""

    def get_many(self, keys: Sequence[str]) -> Iterable[bytes]:
        """The contents of these files, in this order; one that is gone is left out."""

    def remove(self, keys: Sequence[str]) -> None:
        """Remove files, whether they are there or not."""


def partition(kind: Kind, at: str) -> str:
    """The folder of a time: `frames/year=2026/month=11/day=21/hour=05`."""
    folder = f"{kind.name}/year={at[:4]}/month={at[5:7]}/day={at[8:10]}"
    return f"{folder}/hour={at[11:13]}" if is_hourly(kind) else folder


def is_hourly(kind: Kind) -> bool:
    """Whether a partition is an hour; else it is a day."""
    return kind.step < timedelta(days=1)


def files(kind: Kind, rows: Iterable[Row]) -> dict[str, bytes]:
    """The files that hold these rows, by name. The same rows make the same files."""
    by_partition = defaultdict(list)
    for row in rows:
        by_partition[partition(kind, row[kind.time])].append(row)
    return dict(_file(folder, its) for folder, its in by_partition.items())


def read(kind: Kind, since: datetime, until: datetime, archive: Archive) -> list[Row]:
    """The rows from `since` until just before `until`, by time, each once."""
    first, last = timestamps.write(since), timestamps.write(until)
    found: dict[tuple[str, str], Row] = {}
    for folder in _partitions(kind, since, until):
        for body in archive.get_many(sorted(archive.keys(f"{folder}/"))):
            for row in rows_of(body):
                if first <= row[kind.time] < last:
                    found.setdefault((row["id"], row[kind.time]), row)
    return sorted(found.values(), key=lambda row: row[kind.time])


def in_order(frames: Iterable[Row]) -> list[Row]:
    """Frames in the order they were said.

    Of the same millisecond are first answers to earlier calls, after which a charge point may say the next; then calls;
    then what answers these.
    """
    rows = list(frames)
    asked = {_exchange(row, row["direction"]): row["received_at"] for row in rows if not _is_answer(row)}

    def place(row: Row) -> tuple[str, int]:
        at = row["received_at"]
        if not _is_answer(row):
            return at, 1
        return at, 0 if asked.get(_exchange(row, _OTHER[row["direction"]]), "") < at else 2

    return sorted(rows, key=place)


def _is_answer(row: Row) -> bool:
    return row["message_type"] in (3, 4, 5)


def _exchange(row: Row, asked: str) -> tuple[str, str, str]:
    return row["charge_point_id"], row["message_id"], asked


def rows_of(body: bytes) -> list[Row]:
    """The rows in a file."""
    return [orjson.loads(line) for line in gzip.decompress(body).splitlines()]


def _file(folder: str, rows: list[Row]) -> tuple[str, bytes]:
    text = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    name = hashlib.sha256(text).hexdigest()[:24]
    return f"{folder}/{name}.ndjson.gz", gzip.compress(text, _LEVEL, mtime=0)


def _partitions(kind: Kind, since: datetime, until: datetime) -> Iterator[str]:
    seen = set()
    at = since
    while at < until + kind.step:
        folder = partition(kind, timestamps.write(min(at, until)))
        if folder not in seen:
            seen.add(folder)
            yield folder
        at += kind.step


class PeriodError(ValueError):
    """A period nobody can read; the text names the option."""


def period(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """From `since` until just before `until`; the last 24 hours, or those before `until`, unless said otherwise.

    Raises:
        PeriodError: one of them is no time, or nothing is between them.
    """
    last = _time("to", until) if until is not None else now
    first = _time("from", since) if since is not None else last - LAST
    if first >= last:
        raise PeriodError("from: must be before to")
    return first, last


def _time(name: str, text: str) -> datetime:
    try:
        return timestamps.parse(text)
    except ValueError as error:
        raise PeriodError(f"{name}: must be a time such as 2026-11-21T05:00:00Z") from error
