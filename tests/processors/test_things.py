"""Thing events of AWS IoT: registered, struck off, late, twice."""

from typing import Any

import pytest

from domain.models import Registration
from ocppj.versions import V16
from processors import inbox
from processors.settings import Settings
from tests.processors.house import EPOCH, GATEWAY, NOW, House, Unreachable, UnreachableError

CP = "CP-001"


def happened(operation: str, thing_id: str = "t-1", name: str = CP, after_s: int = 0) -> dict[str, Any]:
    return {
        "eventType": "THING_EVENT",
        "eventId": "e-1",
        "timestamp": 1_795_262_400_000 + 1000 * after_s,
        "operation": operation,
        "accountId": "000000000000",
        "thingId": thing_id,
        "thingName": name,
        "versionNumber": 1,
        "attributes": {},
    }


def test_a_thing_created_is_a_charge_point_registered() -> None:
    house = House(settings=Settings(registration=Registration.PENDING))

    house.process(happened("CREATED"), queue=inbox.CREATED)

    row = house.row(CP)
    assert (row.thing_id, row.created_at, row.registration) == ("t-1", NOW, Registration.PENDING)


def test_a_thing_created_twice_is_one_charge_point() -> None:
    house = House()

    house.process(happened("CREATED"), queue=inbox.CREATED)
    first = house.row(CP)
    house.tick(5)
    house.process(happened("CREATED"), queue=inbox.CREATED)

    assert house.row(CP) == first


@pytest.mark.parametrize("name", ["a b", "CP:2f", "CP:41", "x" * 129, ":FF"])
def test_a_thing_whose_name_is_no_escaped_identity_gets_no_row(name: str) -> None:
    house = House()

    house.process(happened("CREATED", name=name), queue=inbox.CREATED)

    assert house.registry.find(name) is None


def test_a_thing_deleted_goes_and_its_socket_is_closed() -> None:
    house = House()
    house.register(CP, V16, thing_id="t-1")
    house.shadows.report(CP, {"connected": True})

    house.process(happened("DELETED"), queue=inbox.DELETED)
    house.process(happened("DELETED"), queue=inbox.DELETED)

    assert house.registry.find(CP) is None
    assert house.outbound.evicted == [(GATEWAY, CP, EPOCH)]
    assert house.shadows.reported[CP] == {"connected": True}


def test_a_late_deletion_of_an_earlier_thing_removes_nothing() -> None:
    house = House()
    house.register(CP, V16, thing_id="t-2")

    house.process(happened("DELETED", "t-1"), queue=inbox.DELETED)

    assert house.row(CP).thing_id == "t-2"
    assert house.outbound.evicted == []


def test_nobody_is_evicted_who_is_not_connected() -> None:
    house = House()
    house.register(CP, V16, thing_id="t-1")
    house.registry.disconnected(CP, EPOCH, NOW)

    house.process(happened("DELETED"), queue=inbox.DELETED)

    assert house.registry.find(CP) is None
    assert house.outbound.evicted == []


def test_an_eviction_that_fails_is_tried_again() -> None:
    house = House()
    house.register(CP, V16, thing_id="t-1")

    with pytest.raises(UnreachableError):
        house.process(happened("DELETED"), house.ports(outbound=Unreachable()), inbox.DELETED)
    house.process(happened("DELETED"), queue=inbox.DELETED)

    assert house.registry.find(CP) is None
    assert house.outbound.evicted == [(GATEWAY, CP, EPOCH)]


def test_a_thing_whose_deletion_overtook_its_creation_is_no_charge_point() -> None:
    house = House()

    house.process(happened("DELETED"), queue=inbox.DELETED)
    house.process(happened("CREATED"), queue=inbox.CREATED)

    assert house.registry.find(CP) is None


def test_an_updated_thing_changes_nothing() -> None:
    house = House()

    house.process(happened("UPDATED"), queue=inbox.CREATED)

    assert house.registry.find(CP) is None


def test_a_thing_made_anew_keeps_its_row_whichever_event_comes_first() -> None:
    in_order, disorderly = House(), House()
    events = [happened("CREATED"), happened("DELETED"), happened("CREATED", "t-2", after_s=9)]
    for house in (in_order, disorderly):
        house.process(events[0], queue=inbox.CREATED)
        house.connect(CP, V16, EPOCH)

    in_order.process(events[1], queue=inbox.DELETED)
    in_order.process(events[2], queue=inbox.CREATED)
    for event in (events[2], events[0], events[1]):
        disorderly.process(event, queue=inbox.CREATED)

    assert disorderly.row(CP) == in_order.row(CP)
    assert (disorderly.row(CP).thing_id, disorderly.row(CP).connection) == ("t-2", None)
    assert disorderly.outbound.evicted == in_order.outbound.evicted == [(GATEWAY, CP, EPOCH)]
