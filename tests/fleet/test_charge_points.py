"""Registering charge points."""

import pytest

from domain import credentials
from fleet import charge_points
from fleet.charge_points import AlreadyRegisteredError, New
from tests.fleet.office import NOON, Office


def test_registering_writes_the_row_with_its_thing() -> None:
    office = Office()

    told = charge_points.register(New("CP-1", "a password", {"site": "Depot"}), office.ports)

    row = office.row("CP-1")
    assert (row.thing_id, row.created_at, row.site) == (office.things.ids["CP-1"], NOON, "Depot")
    assert row.password_hash is not None and credentials.matches(row.password_hash, b"a password", b"pepper")
    assert told.password is None


def test_a31_the_profile_it_must_connect_with_is_in_the_row() -> None:
    office = Office()

    charge_points.register(New("CP-1", "generate", {"security_profile": 2}), office.ports)

    assert office.row("CP-1").security_profile == 2


def test_registering_twice_changes_nothing() -> None:
    office = Office()
    charge_points.register(New("CP-1", "generate"), office.ports)
    before = office.row("CP-1")

    with pytest.raises(AlreadyRegisteredError, match="CP-1"):
        charge_points.register(New("CP-1", "generate"), office.ports)

    assert office.row("CP-1") == before
    assert office.things.created == ["CP-1"]


def test_a36_a_generated_password_is_a_key_of_1_6_and_only_its_hash_is_kept() -> None:
    secret, hashed = charge_points.generate(lambda size: bytes(range(size)), b"pepper")

    assert len(bytes.fromhex(secret)) == 20
    assert secret not in hashed
    assert credentials.matches(hashed, bytes.fromhex(secret), b"pepper")
    assert not credentials.matches(hashed, b"x" * 20, b"pepper")
