"""Importing files: every row has its result, whatever interrupts it, and memory holds a window of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain import credentials
from domain.models import ChargePoint, IdToken
from fleet import imports
from fleet.charge_points import New
from fleet.charge_points_import import COLUMNS, import_many, import_one
from fleet.imports import WINDOW, How, Outcome, Pace
from fleet.ports import Ports
from tests.fleet.clerk import run
from tests.fleet.office import NOON, Office

ROWS = 2_000


def results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def fleet(path: Path, count: int = ROWS) -> Path:
    lines = [f"CP{number:05},acme,Site {number % 7},1,generate" for number in range(count)]
    path.write_text("\n".join(["id,partner,site,profile,password", *lines]))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "fleet.csv"


def test_each_row_is_registered_with_a_result_of_its_own(file: Path) -> None:
    office = Office()

    done = run(office, "import", str(fleet(file)), "--rate", "0")

    assert (done.exit_code, done.stdout) == (0, f"{ROWS} registered; each row is in {file}.results.jsonl.\n")
    told = results(Path(f"{file}.results.jsonl"))
    assert [(each["line"], each["id"], each["result"]) for each in told] == [
        (number + 2, f"CP{number:05}", "registered") for number in range(ROWS)
    ]
    row = office.row("CP00008")
    assert (row.partner, row.site, row.security_profile, row.thing_id) == (
        "acme", "Site 1", 1, office.things.ids["CP00008"],
    )  # fmt: skip
    assert row.password_hash is not None
    assert credentials.matches(row.password_hash, bytes.fromhex(told[8]["password"]), b"pepper")
    assert Path(f"{file}.results.jsonl").stat().st_mode & 0o077 == 0


class PowerCutError(Exception):
    """The import ends in the middle of a row."""


def interrupted(office: Office, file: Path, after: int) -> None:
    """An import that ends when so many things were made, as a power cut would: between two writes of a row."""
    make = office.things.create

    def create(charge_point_id: str) -> str:
        if len(office.things.created) >= after:
            raise PowerCutError
        return make(charge_point_id)

    office.things.create = create  # type: ignore[method-assign]
    done = run(office, "import", str(file), "--rate", "0")
    assert isinstance(done.exception, PowerCutError)
    office.things.create = make  # type: ignore[method-assign]


def test_an_interrupted_import_goes_on_and_every_password_is_told(file: Path) -> None:
    office = Office()
    interrupted(office, fleet(file), 700)
    path = Path(f"{file}.results.jsonl")
    assert 700 - WINDOW <= len(results(path)) <= 700
    with path.open("a") as torn:
        torn.write('{"line": 7')

    again = run(office, "import", str(file), "--rate", "0")
    resumed = run(office, "import", str(file), "--rate", "0", "--resume")

    assert (again.exit_code, "--resume" in again.stderr) == (2, True)
    assert (resumed.exit_code, resumed.stdout.startswith(f"{ROWS} registered;")) == (0, True)
    told = results(path)
    assert [each["line"] for each in told] == list(range(2, ROWS + 2))
    for each in told:
        row = office.row(each["id"])
        assert row.thing_id == office.things.ids[each["id"]]
        assert row.password_hash is not None
        assert credentials.matches(row.password_hash, bytes.fromhex(each["password"]), b"pepper")


def test_importing_again_changes_nothing(file: Path, tmp_path: Path) -> None:
    office = Office()
    run(office, "import", str(fleet(file, 50)), "--rate", "0")
    rows = office.registry.rows()

    again = run(office, "import", str(file), "--rate", "0", "--results", str(tmp_path / "second.jsonl"))

    assert (again.exit_code, again.stdout.split(";")[0]) == (0, "50 unchanged")
    assert office.registry.rows() == rows
    assert "password" not in (tmp_path / "second.jsonl").read_text()


def test_a_dry_run_checks_every_row_and_changes_nothing(file: Path) -> None:
    office = Office()
    office.registry.add(ChargePoint("CP00001", partner="acme", site="Site 1", security_profile=1))
    office.registry.add(ChargePoint("CP00002", partner="volt"))
    office.registry.add(ChargePoint("cp00003"))

    done = run(office, "import", str(fleet(file, 4)), "--dry-run")

    assert done.exit_code == 1
    told = results(Path(f"{file}.dry-run.jsonl"))
    assert [each["result"] for each in told] == ["would register", "unchanged", "failed", "failed"]
    assert told[2]["error"] == "CP00002 is registered already, with another partner."
    assert told[3]["error"] == "CP00003 differs in case only from cp00003, which is registered."
    assert (len(office.registry.rows()), office.things.created) == (3, [])


def test_a_dry_run_says_of_a_file_that_repeats_itself_what_the_import_does(file: Path, tmp_path: Path) -> None:
    office = Office()
    file.write_text("id,partner\nCP1,acme\nCP1,acme\ncp1,acme\nCP1,volt\n")

    dry = run(office, "import", str(file), "--dry-run")
    before = office.registry.rows()
    run(office, "import", str(file), "--rate", "0", "--results", str(tmp_path / "done.jsonl"))

    told = [
        (each["id"], each["result"].replace("would register", "registered"), each.get("error"))
        for each in results(Path(f"{file}.dry-run.jsonl"))
    ]
    assert (dry.exit_code, before) == (1, [])
    assert told == [(each["id"], each["result"], each.get("error")) for each in results(tmp_path / "done.jsonl")]
    assert [result for _, result, _ in told] == ["registered", "unchanged", "failed", "failed"]


def test_rows_that_are_wrong_fail_alone_and_are_named(file: Path) -> None:
    office = Office()
    file.write_text(
        "id,partner,profile,password\nCP1,acme,1,generate\nCP2,a:b,0,\nCP3,acme,7,\n,acme,0,\nCP5,acme,1,\n"
        'CP6,acme,0,,too,many\n\nCP7,acme,,"a, quoted"\ncp1,acme,0,\n'
    )

    done = run(office, "import", str(file), "--rate", "0")

    assert (done.exit_code, done.stdout.split(";")[0]) == (1, "6 failed, 2 registered")
    errors = {each["line"]: each.get("error") for each in results(Path(f"{file}.results.jsonl"))}
    assert errors == {
        2: None,
        3: "partner: String should match pattern '^[A-Za-z0-9_-]{1,40}$'.",
        4: "securityProfile: Input should be less than or equal to 3.",
        5: "identity: Field required.",
        6: 'password: security profile 1 needs a password, or "generate".',
        7: "it has 6 cells, the header 4.",
        9: None,
        10: "cp1 differs in case only from CP1, which is registered.",
    }


def test_jsonl_says_the_same(tmp_path: Path) -> None:
    office, file = Office(), tmp_path / "fleet.jsonl"
    file.write_text(
        '{"identity": "CP 1", "site": "Depot", "certificateNames": ["SN-1"]}\n{"id": "CP2", "profile": 0}\n'
        '{"id": "CP3", "profile": "1"}\n\n{\n[]\n7\n'
    )

    done = run(office, "import", str(file), "--rate", "0")

    told = results(Path(f"{file}.results.jsonl"))
    assert done.exit_code == 1
    assert [(each["line"], each["result"]) for each in told] == [
        (1, "registered"), (2, "registered"), (3, "failed"), (5, "failed"), (6, "failed"), (7, "failed"),
    ]  # fmt: skip
    assert [each["id"] for each in told] == ["CP 1", "CP2", "CP3", None, None, None]
    assert (office.row("CP:201").certificate_names, office.row("CP2").security_profile) == (("SN-1",), 0)


@pytest.mark.parametrize("text", ["name,site\nCP1,Depot\n", "", "\n"])
def test_a_file_without_ids_is_one_sentence(file: Path, text: str) -> None:
    file.write_text(text)

    done = run(Office(), "import", str(file))

    assert (done.exit_code, done.stderr.startswith("the header has no column identity")) == (1, True)


def test_results_of_another_file_are_not_gone_on_with(file: Path) -> None:
    office = Office()
    run(office, "import", str(fleet(file, 3)), "--rate", "0")
    file.write_text("id\nOTHER\n")

    done = run(office, "import", str(file), "--resume")

    assert (done.exit_code, "is not of this file: they differ at line 2" in done.stderr) == (1, True)
    assert office.registry.find("OTHER") is None


def test_only_a_window_of_rows_is_ahead_of_what_is_written_down(tmp_path: Path) -> None:
    ahead: list[int] = []
    taken = 0

    def rows() -> Iterator[imports.Row]:
        nonlocal taken
        for number in range(3_000):
            taken += 1
            yield imports.Row(number, {"identity": str(number)})

    class Counting:
        written = 0

        def write(self, _: str) -> None:
            Counting.written += 1
            ahead.append(taken - Counting.written)

        def flush(self) -> None:
            pass

    def nothing(row: dict[str, Any], ports: Ports, how: How) -> Outcome:
        return Outcome("done")

    tally = imports.run(rows(), COLUMNS, imports.each(nothing), Office().ports, Counting(), How())  # type: ignore[arg-type]

    assert tally["done"] == 3_000
    assert max(ahead) < WINDOW


def test_the_pace_spreads_evenly_whoever_asks() -> None:
    slept: list[float] = []
    clock = [100.0]

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    pace = Pace(10, now=lambda: clock[0], sleep=sleep)
    for _ in range(4):
        pace.wait()
    clock[0] += 60
    pace.wait()

    assert slept == [0.1, 0.2, 0.3, 0.4, 0.0]


def test_a_row_that_was_worked_on_before_it_was_written_down_gets_a_password_that_is_told() -> None:
    office = Office()
    new = New("CP1", "generate", {"security_profile": 1})
    lost = import_one(new, office.ports, How(), Pace(0)).facts["password"]

    told = import_one(new, office.ports, How(is_in_doubt=True), Pace(0)).facts["password"]
    plain = import_one(new, office.ports, How(), Pace(0))

    hashed = office.row("CP1").password_hash
    assert hashed is not None and told != lost
    assert credentials.matches(hashed, bytes.fromhex(told), b"pepper")
    assert plain == Outcome("unchanged")


def test_tokens_are_imported_alike(tmp_path: Path) -> None:
    office, file = Office(), tmp_path / "tokens.csv"
    office.id_tokens.put(IdToken("b", partner="acme"))
    file.write_text(
        "idToken,partner,status,groupId,expiresAt,type\nA,acme,,family,2027-01-01T00:00:00Z,ISO14443\nB,acme,Blocked,,,\n"
        "C,acme,Gone,,,\n"
    )

    first = run(office, "tokens", "import", str(file))
    second = run(office, "tokens", "import", str(file), "--results", str(tmp_path / "second"))

    assert (first.exit_code, first.stdout.split(";")[0]) == (1, "1 added, 1 failed, 1 replaced")
    assert second.stdout.split(";")[0] == "1 failed, 2 unchanged"
    found = office.id_tokens.find("a", "acme")
    assert found is not None and (found.group_id, found.kind) == ("family", "ISO14443")
    assert found.expires_at is not None and found.expires_at > NOON


def test_a_file_that_says_something_twice_says_it_once(file: Path) -> None:
    office = Office()
    file.write_text("id,site\nCP1,Depot\nCP1,Depot\nCP1,Yard\ncp1,Depot\nCP2,Depot\n")

    run(office, "import", str(file), "--rate", "0")

    told = [(each["result"], each.get("error", "")) for each in results(Path(f"{file}.results.jsonl"))]
    assert told == [
        ("registered", ""), ("unchanged", ""), ("failed", "CP1 is registered already, with another site."),
        ("failed", "cp1 differs in case only from CP1, which is registered."),
        ("registered", ""),
    ]  # fmt: skip
    assert office.things.created == ["CP1", "CP2"]


def test_no_more_things_are_made_a_second_than_is_said() -> None:
    office, taken = Office(), list[float]()
    pace = Pace(50, now=lambda: 0.0, sleep=taken.append)
    asked = [({"identity": f"CP{number}"}, How()) for number in range(40)]

    done = import_many(pace, asked, office.ports)

    assert [outcome.result for outcome in done] == ["registered"] * 40
    assert [round(seconds, 2) for seconds in taken] == [round(number / 50, 2) for number in range(1, 41)]
