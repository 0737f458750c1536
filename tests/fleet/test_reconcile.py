"""Rows and things that don't agree."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from adapters.memory import MemoryRegistry
from domain.models import ChargePoint, Connection
from fleet import charge_points, reconcile
from fleet.charge_points import New
from ocppj.versions import V16
from tests.fleet.office import NOON, Office


def differing() -> Office:
    """One charge point as it should be, and one for each way of differing."""
    office = Office()
    charge_points.register(New("FINE"), office.ports)
    office.things.create("THING-ONLY")
    office.things.create("no charge point")
    office.registry.add(ChargePoint("ROW-ONLY", site="Depot"))
    office.registry.add(ChargePoint("HAS-NO-ID"))
    office.things.create("HAS-NO-ID")
    connection = Connection(V16, "gw1", 1, 7, NOON)
    office.registry.add(ChargePoint("THING-GONE", "thing-of-old", connection=connection))
    return office


def test_both_directions_are_put_right() -> None:
    office = differing()

    found = {each.charge_point_id: each.action for each in reconcile.run(office.ports, is_dry=False)}

    assert found == {
        "THING-ONLY": "row made",
        "ROW-ONLY": "thing made",
        "HAS-NO-ID": "filled in",
        "THING-GONE": "struck off",
    }
    rows = {row.charge_point_id: row.thing_id for row in office.registry.rows()}
    assert rows == {name: office.things.ids[name] for name in ("FINE", "THING-ONLY", "ROW-ONLY", "HAS-NO-ID")}
    assert office.row("ROW-ONLY").site == "Depot"
    assert office.sent.evicted == [("gw1", "THING-GONE", 7)]
    assert list(reconcile.run(office.ports, is_dry=False)) == []


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    office = differing()
    rows, things = office.registry.rows(), dict(office.things.ids)

    found = {each.charge_point_id: each.action for each in reconcile.run(office.ports, is_dry=True)}

    assert found["THING-GONE"] == "would be: struck off"
    assert len(found) == 4
    assert (office.registry.rows(), office.things.ids, office.sent.evicted) == (rows, things, [])


def test_who_is_registered_meanwhile_stays() -> None:
    office = Office()
    listing = office.things.names

    def names_and_then_somebody_registers() -> object:
        yield from listing()
        charge_points.register(New("LATE"), office.ports)

    office.things.names = names_and_then_somebody_registers  # type: ignore[assignment,method-assign]

    assert list(reconcile.run(office.ports, is_dry=False)) == []
    assert office.row("LATE").thing_id == office.things.ids["LATE"]


class Unlisted(MemoryRegistry):
    """As it was before there were lists: rows are listed once they are changed."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: set[str] = set()

    def unlisted(self) -> Iterator[str]:
        yield from (row.charge_point_id for row in self.rows() if row.charge_point_id not in self.listed)

    def change(self, charge_point_id: str, changes: Mapping[str, Any]) -> ChargePoint | None:
        self.listed.add(charge_point_id)
        return super().change(charge_point_id, changes)


def test_rows_that_are_in_no_list_get_into_one() -> None:
    registry = Unlisted()
    office = Office()
    ports = replace(office.ports, registry=registry, administration=registry)
    registry.add(ChargePoint("OLD", ports.things.create("OLD")))

    dry = [each.action for each in reconcile.run(ports, is_dry=True)]
    done = [each.action for each in reconcile.run(ports, is_dry=False)]

    assert (dry, done, list(reconcile.run(ports, is_dry=False))) == (["would be: listed"], ["listed"], [])
