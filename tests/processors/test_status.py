"""Connector states, from StatusNotification and from NotifyEvent."""

from typing import Any

import pytest

from domain.models import ConnectorState
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V201
from tests.processors.house import NOW, House

CP = "CP-001"
DONE = CallResult("m-1", {})


def status_16(**fields: Any) -> Call:
    return Call(
        "m-1", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available", **fields}
    )


def status_201(status: str, at: str = "2026-11-21T11:59:00Z") -> Call:
    said = {"timestamp": at, "connectorStatus": status, "evseId": 2, "connectorId": 1}
    return Call("m-1", "StatusNotification", said)


def event(component: str, value: str, variable: str = "AvailabilityState") -> Call:
    data = {
        "eventId": 1,
        "timestamp": "2026-11-21T11:59:00Z",
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": component, "evse": {"id": 2, "connectorId": 1}},
        "variable": {"name": variable},
    }
    said = {"generatedAt": "2026-11-21T11:59:00Z", "seqNo": 0, "eventData": [data]}
    return Call("m-1", "NotifyEvent", said)


def test_c80_the_charge_point_itself_is_connector_0_and_no_timestamp_means_now() -> None:
    house = House()
    house.register(CP, V16)

    [answer] = house.send(CP, status_16(connectorId=0))

    assert answer == DONE
    assert house.row(CP).connectors == {"0": ConnectorState("Available", NOW, "NoError")}


def test_c81_a_warning_is_kept_beside_the_status() -> None:
    house = House()
    house.register(CP, V16)

    house.send(CP, status_16(errorCode="HighTemperature"))

    shown = house.shadows.reported[CP]["connectors"]["1"]
    assert shown == {"status": "Available", "errorCode": "HighTemperature", "at": "2026-11-21T12:00:00.000Z"}


def test_c82_an_older_status_never_overwrites_a_newer_one() -> None:
    house = House()
    house.register(CP, V16)

    house.send(CP, status_16(status="Charging", timestamp="2026-11-21T11:59:00Z"))
    [answer] = house.send(CP, status_16(status="Preparing", timestamp="2026-11-21T11:58:00+00:00"))

    assert answer == DONE
    assert house.row(CP).connectors["1"].status == "Charging"
    assert house.shadows.reported[CP]["connectors"]["1"]["status"] == "Charging"


def test_c82_a_clock_that_ran_ahead_does_not_keep_later_statuses_out() -> None:
    house = House()
    house.register(CP, V16)

    house.send(CP, status_16(status="Preparing", timestamp="2099-01-01T00:00:00Z"))
    house.tick(60)
    house.send(CP, status_16(status="Charging", timestamp="2026-11-21T12:01:00Z"))

    assert house.row(CP).connectors["1"].status == "Charging"


@pytest.mark.parametrize("status", ["Available", "Occupied", "Reserved", "Unavailable", "Faulted"])
def test_c83_every_2x_status_is_kept_by_evse_and_connector(status: str) -> None:
    house = House()
    house.register(CP, V201)

    [answer] = house.send(CP, status_201(status))

    assert answer == DONE
    assert house.row(CP).connectors["2.1"].status == status


@pytest.mark.parametrize("component", ["Connector", "connector"])
def test_c84_availability_may_come_as_an_event_only(component: str) -> None:
    house = House()
    house.register(CP, V201)

    [answer] = house.send(CP, event(component, "Occupied"))

    assert answer == DONE
    assert house.row(CP).connectors["2.1"].status == "Occupied"
    assert house.shadows.reported[CP]["connectors"]["2.1"]["status"] == "Occupied"


@pytest.mark.parametrize(("component", "connector"), [("EVSE", "2"), ("ChargingStation", "0")])
def test_c84_that_of_an_evse_or_of_the_whole_station_may_come_so_too(component: str, connector: str) -> None:
    house = House()
    house.register(CP, V201)

    house.send(CP, event(component, "Unavailable"))

    assert {name: state.status for name, state in house.row(CP).connectors.items()} == {connector: "Unavailable"}


def test_c85_both_parts_of_an_event_are_there_and_a_second_event_in_the_same_second_takes_no_place() -> None:
    house = House()
    house.register(CP, V201)
    parts = [event("A", "1"), event("B", "2"), event("C", "3")]
    parts[0].payload["tbc"] = True
    parts[1].payload["seqNo"] = 1

    for part in (parts[1], parts[0], parts[2], parts[0]):
        house.send(CP, part)

    kept = house.reports.of_charge_point(CP, "NotifyEvent")
    names = sorted(data["component"]["name"] for part in kept for data in part["eventData"])
    assert names == ["A", "B", "C"]
    assert [part["seqNo"] for part in kept] == [0, 0, 1]


def test_c85_any_other_event_is_kept_and_changes_no_connector() -> None:
    house = House()
    house.register(CP, V201)

    [answer] = house.send(CP, event("ConnectorPlugRetentionLock", "true", "Problem"))

    assert answer == DONE
    assert house.row(CP).connectors == {}
    assert len(house.reports.of_charge_point(CP, "NotifyEvent")) == 1


def test_c84_the_availability_of_a_connector_without_a_number_is_only_kept() -> None:
    house = House()
    house.register(CP, V201)
    told = event("Connector", "Occupied")
    told.payload["eventData"][0]["component"]["evse"] = {"id": 2}

    [answer] = house.send(CP, told)

    assert answer == DONE
    assert house.row(CP).connectors == {}


def test_a_status_that_says_nothing_new_leaves_the_shadow_alone() -> None:
    house = House()
    house.register(CP, V16)

    house.send(CP, status_16())
    house.shadows.reported.clear()
    house.tick(60)
    house.send(CP, status_16())

    assert house.shadows.reported == {}
    assert house.row(CP).connectors["1"].at == house.now
