"""Registries without a database: anybody, or who is in a file."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.registries import FileRegistry, OpenRegistry, RegistryFileError
from domain import credentials
from domain.models import ChargePoint, Connection, Proven
from domain.ports import Admissions, RowChangedError
from ocppj.versions import V16

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HASH = credentials.hash_generated(b"secret", b"", b"salt")
OTHER = credentials.hash_generated(b"other", b"", b"salt")


def connection(epoch: int) -> Connection:
    return Connection(V16, "gw-1", 0, epoch, NOON)


def write(path: Path, *lines: str) -> FileRegistry:
    path.write_text("\n".join(lines))
    return FileRegistry(path)


@pytest.fixture(params=["open", "file"])
def admissions(request: pytest.FixtureRequest, tmp_path: Path) -> Admissions:
    if request.param == "open":
        return OpenRegistry()
    return write(tmp_path / "registry.jsonl", '{"identity": "CP-1"}')


def test_a_connect_is_remembered_and_the_next_one_hears_of_it(admissions: Admissions) -> None:
    none = admissions.connect("CP-1", connection(1), 0)
    first = admissions.connect("CP-1", connection(2), 0)

    assert (none, first) == (None, connection(1))
    assert admissions.find("CP-1") == ChargePoint("CP-1", connection=connection(2))
    admissions.renew_lease("gw-1", NOON)


def test_an_epoch_that_is_not_newer_is_refused(admissions: Admissions) -> None:
    admissions.connect("CP-1", connection(2), 0)

    with pytest.raises(RowChangedError, match="CP-1: epoch 2 is not older"):
        admissions.connect("CP-1", connection(2), 0)


def test_who_is_not_in_the_file_is_unknown(tmp_path: Path) -> None:
    registry = write(tmp_path / "registry.jsonl", '{"identity": "CP-1"}')

    assert registry.find("CP-2") is None
    with pytest.raises(RowChangedError, match="gone"):
        registry.connect("CP-2", connection(1), 0)


def test_a_file_says_who_is_disabled_and_who_has_a_password(tmp_path: Path) -> None:
    registry = write(
        tmp_path / "registry.jsonl",
        f'{{"identity": "Süd 1", "passwordHash": "{HASH}"}}',
        "",
        '{"chargePointId": "CP:2F2", "disabled": true}',
    )

    secured, disabled = registry.find("S:C3:BCd:201"), registry.find("CP:2F2")

    assert secured is not None
    assert secured.password_hash == HASH
    assert disabled == ChargePoint("CP:2F2", disabled=True)


def test_a_file_says_what_is_expected_of_a_charge_point(tmp_path: Path) -> None:
    registry = write(
        tmp_path / "registry.jsonl",
        '{"identity": "CP-1", "securityProfile": 3, "serialNumber": "SN-1", "certificateNames": ["LC-1"], '
        '"allowDowngrade": true, "defaultVersion": "ocpp1.6"}',
    )

    row = registry.find("CP-1")

    assert row is not None
    assert row.credential_version
    assert replace(row, credential_version=0) == ChargePoint(
        "CP-1",
        security_profile=3,
        serial_number="SN-1",
        certificate_names=("LC-1",),
        allow_downgrade=True,
        default_version=V16,
    )


def test_a_file_says_how_often_a_charge_point_is_pinged(tmp_path: Path) -> None:
    file = tmp_path / "registry.jsonl"
    file.write_text('{"identity": "CP-1", "pingIntervalS": 240}\n{"identity": "CP-2"}\n')

    registry = FileRegistry(file)
    rows = [registry.find("CP-1"), registry.find("CP-2")]

    assert [row and row.ping_interval_s for row in rows] == [240, None]


def test_a32_a39_what_was_proven_is_remembered_until_the_file_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    registry = write(path, f'{{"identity": "CP-1", "passwordHash": "{HASH}", "nextPasswordHash": "{OTHER}"}}')
    before = registry.find("CP-1")
    assert before is not None

    registry.connect("CP-1", connection(1), before.credential_version, Proven(2, OTHER))
    pinned = registry.find("CP-1")
    path.write_text(f'{{"identity": "CP-1", "passwordHash": "{HASH}"}}\n')
    changed = registry.find("CP-1")

    assert pinned is not None and changed is not None
    assert (pinned.password_hash, pinned.next_password_hash, pinned.highest_profile) == (OTHER, None, 2)
    assert (changed.password_hash, changed.highest_profile, changed.connection) == (HASH, 2, connection(1))
    assert len({row.credential_version for row in (before, pinned, changed)}) == 3


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    registry = write(path, '{"identity": "CP-1"}')
    row = registry.find("CP-1")

    path.write_text(f'{{"identity": "CP-1", "passwordHash": "{HASH}"}}\n{{"identity": "CP-2"}}\n')

    assert row is not None
    assert registry.find("CP-2") == ChargePoint("CP-2")
    with pytest.raises(RowChangedError, match="other credentials"):
        registry.connect("CP-1", connection(1), row.credential_version)


def test_connections_outlive_a_change_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    registry = write(path, '{"identity": "CP-1"}')
    registry.connect("CP-1", connection(1), 0)

    path.write_text('{"identity": "CP-1", "disabled": true}')

    assert registry.find("CP-1") == replace(ChargePoint("CP-1"), disabled=True, connection=connection(1))


def test_a_file_that_goes_bad_or_away_leaves_what_was_read_before(tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    registry = write(path, '{"identity": "CP-1"}')

    path.write_text("oops")
    while_bad = registry.find("CP-1")
    path.unlink()
    while_gone = registry.find("CP-1")

    assert while_bad == while_gone == ChargePoint("CP-1")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-file"):
        FileRegistry(tmp_path / "no-such-file")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("oops", "this is no JSON"),
        ("[1]", "this is no JSON object"),
        ("{}", "it has neither an identity nor a chargePointId"),
        ('{"identity": ""}', "an empty identity is no charge point"),
        ('{"chargePointId": "CP/1"}', "CP/1"),
        ('{"identity": "a", "chargePointId": "b"}', "chargePointId 'b' is not the escaped identity 'a'"),
        ('{"identity": "CP-2", "passwordhash": "x"}', "'passwordhash' is none of identity, chargePointId"),
        ('{"identity": "CP-2", "passwordHash": "secret"}', "the password hash is neither hmac-sha256"),
        ('{"identity": "CP-2", "disabled": "yes"}', "disabled must be true or false"),
        ('{"identity": "CP-2", "securityProfile": true}', "securityProfile must be a whole number"),
        ('{"identity": "CP-2", "securityProfile": 4}', "securityProfile must be 0, 1, 2 or 3"),
        ('{"identity": "CP-2", "certificateNames": [1]}', "certificateNames must be a list of texts"),
        ('{"identity": "CP-2", "pingIntervalS": -1}', "pingIntervalS must be a number of seconds, or 0 for no pings"),
        ('{"identity": "CP-2", "nextPasswordHash": "secret"}', "the password hash is neither hmac-sha256"),
        ('{"identity": "CP-2", "defaultVersion": "1.6"}', "'1.6' is none of ocpp1.6"),
        ('{"identity": 7}', "identity must be a text"),
        ('{"identity": "cp-1"}', "cp-1 differs from CP-1 in an earlier line in case only"),
        ('{"identity": "CP-1"}', "CP-1 is in an earlier line already"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "registry.jsonl"

    with pytest.raises(RegistryFileError) as raised:
        write(path, '{"identity": "CP-1"}', "", line)

    assert str(raised.value).startswith(f"{path}, line 3: ")
    assert reason in str(raised.value)
    assert "secret" not in str(raised.value).replace(os.fspath(path), "")
