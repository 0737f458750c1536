"""Registering charge points."""

from datetime import UTC, datetime

import pytest

from adapters.memory import MemoryRegistry
from adapters.memory_things import MemoryThings
from domain import credentials
from fleet import charge_points
from fleet.charge_points import AlreadyRegisteredError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def test_registering_writes_the_row_with_its_thing(registry: MemoryRegistry) -> None:
    things = MemoryThings()

    charge_points.register("CP-1", registry, things, now=NOW, password_hash="h$1")

    row = registry.find_many(["CP-1"])["CP-1"]
    assert (row.thing_id, row.password_hash, row.created_at) == (things.ids["CP-1"], "h$1", NOW)


def test_a31_the_profile_it_must_connect_with_is_in_the_row(registry: MemoryRegistry) -> None:
    charge_points.register("CP-1", registry, MemoryThings(), now=NOW, password_hash="h$1", security_profile=2)

    assert registry.find_many(["CP-1"])["CP-1"].security_profile == 2


def test_registering_twice_changes_nothing(registry: MemoryRegistry) -> None:
    things = MemoryThings()
    charge_points.register("CP-1", registry, things, now=NOW, password_hash="h$1")

    with pytest.raises(AlreadyRegisteredError, match="CP-1"):
        charge_points.register("CP-1", registry, things, now=NOW, password_hash="h$2")

    assert registry.find_many(["CP-1"])["CP-1"].password_hash == "h$1"
    assert things.created == ["CP-1"]


def test_a36_a_generated_password_is_a_key_of_1_6_and_only_its_hash_is_kept() -> None:
    secret, hashed = charge_points.generate(lambda size: bytes(range(size)), b"pepper")

    assert len(bytes.fromhex(secret)) == 20
    assert secret not in hashed
    assert credentials.matches(hashed, bytes.fromhex(secret), b"pepper")
    assert not credentials.matches(hashed, b"x" * 20, b"pepper")
