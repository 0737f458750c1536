"""BootNotification and Heartbeat."""

from typing import Any

import pytest

from adapters.memory import MemoryRegistry
from adapters.memory_events import MemoryEvents
from domain.events import EventType
from domain.models import Registration
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V21, V201, Version
from tests.processors.house import House

CP = "CP-001"
BOOT_16 = {
    "chargePointVendor": "Zürich AG",
    "chargePointModel": "Wall 1",
    "chargePointSerialNumber": "SN-1",
    "firmwareVersion": "1.0.3",
}
BOOT_201 = {
    "reason": "Watchdog",
    "chargingStation": {
        "vendorName": "Zürich AG",
        "model": "Wall 1",
        "serialNumber": "SN-1",
        "firmwareVersion": "1.0.3",
    },
}


def boot(version: Version) -> Call:
    return Call("m-1", "BootNotification", BOOT_16 if version is V16 else BOOT_201)


def payload(house: House, call: Call, **record: Any) -> dict[str, Any]:
    [answer] = house.send(CP, call, **record)
    assert isinstance(answer, CallResult)
    return answer.payload


@pytest.mark.parametrize("version", [V16, V201, V21], ids=str)
def test_c01_a_boot_is_answered_with_time_interval_and_status(version: Version) -> None:
    house = House()
    house.register(CP, version)

    answer = payload(house, boot(version))

    assert answer.keys() == {"currentTime", "interval", "status"}
    assert (answer["currentTime"], answer["status"]) == ("2026-11-21T12:00:00.000Z", "Accepted")
    assert 270 <= answer["interval"] <= 330


@pytest.mark.parametrize("registration", [Registration.PENDING, Registration.REJECTED])
def test_c02_one_that_is_not_accepted_is_told_when_to_ask_again(registration: Registration) -> None:
    house = House()
    house.register(CP, V16, registration=registration)

    answer = payload(house, boot(V16))

    assert (answer["status"], answer["interval"]) == (registration, 60)


@pytest.mark.parametrize("version", [V16, V201], ids=str)
def test_c09_a_boot_repeated_gets_the_same_answer_and_is_kept_whole(version: Version) -> None:
    house = House()
    house.register(CP, version)

    first, again = payload(house, boot(version)), payload(house, boot(version))

    kept = house.row(CP).boot
    assert first == again
    assert kept is not None
    assert (kept.vendor, kept.model, kept.serial_number, kept.firmware) == ("Zürich AG", "Wall 1", "SN-1", "1.0.3")
    assert kept.details == boot(version).payload


def test_c09_the_event_of_a_boot_says_why_it_booted() -> None:
    house = House(registry=MemoryRegistry(told=(told := MemoryEvents())))
    house.register(CP, V201)

    payload(house, boot(V201))

    [booted] = [event for event in told.all() if event.type is EventType.BOOTED]
    assert booted.data["reason"] == "Watchdog"


def test_c14_a_heartbeat_tells_the_time_and_nothing_else() -> None:
    house = House()
    house.register(CP, V201)

    answer = payload(house, Call("m-1", "Heartbeat"))

    assert answer == {"currentTime": "2026-11-21T12:00:00.000Z"}


def test_a_boot_that_changes_nothing_leaves_the_shadow_alone() -> None:
    house = House()
    house.register(CP, V16)

    payload(house, boot(V16))
    written = house.shadows.reported.pop(CP)
    payload(house, boot(V16))

    assert written == {"vendor": "Zürich AG", "model": "Wall 1", "firmware": "1.0.3"}
    assert CP not in house.shadows.reported


def test_a_boot_the_queue_held_back_does_not_bring_old_firmware_back() -> None:
    house = House()
    house.register(CP, V16)
    received_at = int(house.now.timestamp() * 1000)
    newer = Call("m-2", "BootNotification", {**BOOT_16, "firmwareVersion": "2.0"})

    house.send(CP, newer)
    house.send(CP, boot(V16), receivedAt=received_at - 1000)

    kept = house.row(CP).boot
    assert kept is not None
    assert kept.firmware == "2.0"
    assert house.shadows.reported[CP]["firmware"] == "2.0"


def test_heartbeats_of_a_fleet_are_spread() -> None:
    settings = House().settings

    intervals = {settings.interval_s(f"CP-{number}", Registration.ACCEPTED) for number in range(500)}

    assert len(intervals) > 40
    assert min(intervals) >= 270
    assert max(intervals) <= 330
