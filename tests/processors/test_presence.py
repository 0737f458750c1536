"""Who is connected: rows at once, shadows a minute later."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.models import Boot, Command, CommandState, Connection, ConnectorState
from ocppj import timestamps
from ocppj.frames import CallResult
from ocppj.versions import V16, V201
from processors import inbox
from tests.processors.house import EPOCH, GATEWAY, NOW, House, Unreachable, UnreachableError

CP = "CP-001"


def told(event: str, epoch: int = EPOCH) -> dict[str, Any]:
    return {
        "event": event,
        "gateway": GATEWAY,
        "chargePointId": CP,
        "epoch": epoch,
        "link": 0,
        "ocppVersion": "ocpp1.6",
        "reason": "peer closed",
        "at": timestamps.write(NOW),
    }


def is_online(house: House) -> bool:
    return house.connection(CP).disconnected_at is None


def test_a_connect_is_shown_with_all_the_row_says() -> None:
    house = House()
    house.register(CP, V201)
    house.registry.booted(CP, Boot("Vendor", "Model", NOW, firmware="1.0"))
    house.registry.connector(CP, "1.1", ConnectorState("Available", NOW))

    house.process(told("connected"))

    assert house.shadows.reported[CP] == {
        "connected": True,
        "ocppVersion": "2.0.1",
        "vendor": "Vendor",
        "model": "Model",
        "firmware": "1.0",
        "connectors": {"1.1": {"status": "Available", "at": "2026-11-21T12:00:00.000Z"}},
    }


def test_a_connect_sends_what_waited_for_it_and_the_next_after_its_answer() -> None:
    house = House()
    for number in (1, 2):
        at = NOW + timedelta(seconds=number)
        command = Command(f"c-{number}", CP, "ClearCache", {}, V16, CommandState.QUEUED, at, at + timedelta(seconds=30))
        command = replace(command, queued_until=NOW + timedelta(hours=1))
        house.commands.add(command)
        house.command_lines.put(CP, command)
    house.register(CP, V16)

    house.process(told("connected"))
    first = [published.frame for published in house.outbound.published]
    house.send(CP, CallResult("c-1", {"status": "Rejected"}))

    assert first == ['[2,"c-1","ClearCache",{}]']
    assert [published.frame for published in house.outbound.published][1:] == ['[2,"c-2","ClearCache",{}]']


def test_a_connect_that_another_one_has_overtaken_shows_nothing() -> None:
    house = House()
    house.register(CP, V16, epoch=EPOCH + 1)

    house.process(told("connected"))

    assert house.shadows.reported == {}


def test_a_connect_of_a_stranger_is_ignored() -> None:
    house = House()

    house.process(told("connected"))

    assert house.shadows.reported == {}


def test_a_disconnect_marks_the_row_at_once_and_the_shadow_waits() -> None:
    house = House()
    house.register(CP, V16)
    house.process(told("connected"))

    house.process(told("disconnected"), queue=inbox.INCOMING)

    assert not is_online(house)
    assert house.shadows.reported[CP]["connected"] is True


def test_a_minute_later_the_shadow_shows_it() -> None:
    house = House()
    house.register(CP, V16)
    house.process(told("connected"))

    house.process(told("disconnected"), queue=inbox.INCOMING)
    house.process(told("disconnected"), queue=inbox.DISCONNECTED)

    assert house.shadows.reported[CP]["connected"] is False


def test_a_disconnect_whose_first_record_was_lost_is_marked_a_minute_later() -> None:
    house = House()
    house.register(CP, V16)

    house.process(told("disconnected"), queue=inbox.DISCONNECTED)

    assert not is_online(house)
    assert house.connection(CP).disconnected_at == NOW
    assert house.shadows.reported[CP]["connected"] is False


@pytest.mark.parametrize("queue", [inbox.INCOMING, inbox.DISCONNECTED])
def test_whoever_came_back_stays_online(queue: str) -> None:
    house = House()
    house.register(CP, V16, epoch=EPOCH + 1)

    house.process(told("disconnected", EPOCH), queue=queue)

    assert is_online(house)
    assert house.shadows.reported == {}


def test_one_that_came_back_and_went_again_has_a_minute_of_its_own() -> None:
    house = House()
    house.register(CP, V16, epoch=EPOCH + 1)
    house.process(told("connected", EPOCH + 1))
    house.process(told("disconnected", EPOCH + 1), queue=inbox.INCOMING)

    house.process(told("disconnected", EPOCH), queue=inbox.DISCONNECTED)

    assert house.shadows.reported[CP]["connected"] is True


def test_a_deploy_does_not_flap_the_shadow() -> None:
    house = House()
    house.register(CP, V16)
    house.process(told("connected"))

    house.process(told("disconnected"), queue=inbox.INCOMING)
    house.connect(CP, V16, EPOCH + 1)
    house.process(told("connected", EPOCH + 1))
    house.process(told("disconnected"), queue=inbox.DISCONNECTED)

    assert house.shadows.reported[CP]["connected"] is True


def test_a_link_that_drops_under_a_living_gateway_takes_nobody_offline() -> None:
    house = House()
    house.register(CP, V16)
    house.registry.renew_lease(GATEWAY, NOW + timedelta(seconds=1))

    house.process({"event": "down", "gateway": GATEWAY}, queue=inbox.DISCONNECTED)

    assert is_online(house)
    assert house.shadows.reported == {}


def test_a_gateway_that_died_takes_its_charge_points_offline_and_nobody_elses() -> None:
    house = House()
    house.registry.renew_lease(GATEWAY, NOW)
    house.register(CP, V16)
    house.register("CP-002", V16)
    house.connect("CP-002", V16, EPOCH + 1, gateway="g2")

    house.process({"event": "down", "gateway": GATEWAY}, queue=inbox.DISCONNECTED)
    for gateway, link in house.shadow_repairs.links:
        house.process({"event": "down", "gateway": gateway, "link": link}, queue=inbox.SHADOW_REPAIRS)

    assert house.shadow_repairs.links == [(GATEWAY, 0)]
    assert not is_online(house)
    assert house.shadows.reported == {CP: {"connected": False}}
    assert house.connection("CP-002").disconnected_at is None


def test_thousands_of_charge_points_are_a_record_for_each_link_of_their_gateway() -> None:
    house = House()
    for number in range(6):
        house.register(f"CP-{number}")
        house.registry.connect(f"CP-{number}", Connection(V16, GATEWAY, number % 3, EPOCH, NOW), 0)

    house.process({"event": "down", "gateway": GATEWAY}, queue=inbox.DISCONNECTED)
    before = [row.charge_point_id for link in range(3) for row in house.registry.connected_to(GATEWAY, link)]
    house.process({"event": "down", "gateway": GATEWAY, "link": 1}, queue=inbox.SHADOW_REPAIRS)
    house.registry.renew_lease(GATEWAY, NOW + timedelta(seconds=1))  # it was not dead after all
    house.process({"event": "down", "gateway": GATEWAY, "link": 2}, queue=inbox.SHADOW_REPAIRS)

    assert house.shadow_repairs.links == [(GATEWAY, 0), (GATEWAY, 1), (GATEWAY, 2)]
    assert len(before) == 6
    assert sorted(house.shadows.reported) == ["CP-1", "CP-4"]


def test_a_shadow_that_was_not_written_is_asked_for_again_and_then_shows_the_row_of_then() -> None:
    house = House()
    house.register(CP, V16)

    house.process(told("connected"), house.ports(shadows=Unreachable()))
    house.registry.booted(CP, Boot("Vendor", "Model", NOW))
    [asked] = house.shadow_repairs.asked
    house.process({"event": "shadow", "chargePointId": asked}, queue=inbox.SHADOW_REPAIRS)

    assert house.shadows.reported[CP] == {
        "connected": True,
        "ocppVersion": "1.6",
        "vendor": "Vendor",
        "model": "Model",
    }


def test_a_repair_that_fails_is_the_queues_to_try_again() -> None:
    house = House()
    house.register(CP, V16)

    with pytest.raises(UnreachableError):
        house.process(
            {"event": "shadow", "chargePointId": CP}, house.ports(shadows=Unreachable()), inbox.SHADOW_REPAIRS
        )

    assert house.shadow_repairs.asked == []


def test_nothing_is_repaired_of_one_that_was_struck_off() -> None:
    house = House()

    house.process({"event": "shadow", "chargePointId": CP}, queue=inbox.SHADOW_REPAIRS)

    assert house.shadows.reported == {}


@pytest.mark.parametrize("queue", [inbox.INCOMING, inbox.DISCONNECTED])
def test_when_it_was_seen_last_is_in_the_row(queue: str) -> None:
    house = House()
    house.register(CP, V16)
    seen = NOW - timedelta(minutes=3)

    house.process(told("disconnected") | {"lastSeen": timestamps.write(seen)}, queue=queue)

    assert house.connection(CP).last_seen == seen
