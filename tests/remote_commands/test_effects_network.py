"""Whether a charging station has gone over to a network profile: its next connect shows it, or its own word (D.3)."""

from typing import Any

import pytest

from domain.models import Connection, Proven
from ocppj.versions import V16, V201
from tests.remote_commands.desk import EPOCH
from tests.remote_commands.test_effects import Journey

ACCEPTED = {"status": "Accepted"}
PROFILE = {
    "ocppTransport": "JSON", "ocppCsmsUrl": "wss://csms.example", "messageTimeout": 30, "ocppInterface": "Wired0",
}  # fmt: skip
ACTIVE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "ActiveNetworkProfile"}}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


def network(security_profile: int, ocpp_version: str = "OCPP20") -> dict[str, Any]:
    data = PROFILE | {"ocppVersion": ocpp_version, "securityProfile": security_profile}
    return {"configurationSlot": 2, "connectionData": data}


def set_to(security_profile: int, ocpp_version: str = "OCPP20") -> Journey:
    journey = Journey(V201, highest_profile=1)
    journey.command("SetNetworkProfile", network(security_profile, ocpp_version))
    journey.answer(ACCEPTED)
    return journey


def asked(journey: Journey, slot: str, command_id: str = "cmd-2") -> None:
    journey.tick(1)
    journey.command("GetVariables", {"getVariableData": [ACTIVE]})
    answer = {"getVariableResult": [ACTIVE | {"attributeStatus": "Accepted", "attributeValue": slot}]}
    journey.answer(answer, command_id)


def test_an_accepted_network_profile_is_none_that_is_used() -> None:
    journey = set_to(2)

    assert journey.effect == "pending"


def test_a_network_profile_is_used_when_the_charge_point_comes_with_its_security_profile() -> None:
    journey = set_to(2)
    journey.reconnect(EPOCH + 1, Proven(1))
    before = journey.effect

    journey.reconnect(EPOCH + 2, Proven(2))

    assert (before, journey.effect) == ("pending", "confirmed")
    assert (journey.evidence["action"], journey.evidence["securityProfile"]) == ("Connect", 2)


def test_a_network_profile_nobody_came_with_for_a_day_is_not_used() -> None:
    journey = set_to(2)
    journey.reconnect(EPOCH + 1, Proven(1))

    journey.tick(24 * 3600 + 60)

    assert journey.effect == "not_observed"


def test_a_network_profile_of_another_version_is_used_when_the_charge_point_speaks_that() -> None:
    journey = set_to(1, "OCPP16")
    journey.reconnect(EPOCH + 1, Proven(1))
    before = journey.effect
    journey.tick(1)

    connection = Connection(V16, "gw1", 3, EPOCH + 2, journey.house.now)
    journey.desk.registry.connect("CP1", connection, journey.desk.row("CP1").credential_version, Proven(1))
    journey.house.process({"event": "connected", "chargePointId": "CP1", "epoch": EPOCH + 2})

    assert (before, journey.effect) == ("pending", "confirmed")


def test_a_network_profile_that_changes_only_the_address_is_shown_by_no_connect() -> None:
    journey = set_to(1)
    before = journey.effect

    journey.reconnect(EPOCH + 1, Proven(1))

    assert (before, journey.effect) == ("none", "none")


@pytest.mark.parametrize(("slot", "effect"), [("2", "confirmed"), ("1", "none")])
def test_a_network_profile_is_used_when_the_charge_point_says_so_after_a_connect(slot: str, effect: str) -> None:
    journey = set_to(1)
    asked(journey, "2")  # what was in that slot before may be in use
    before = journey.effect
    journey.reconnect(EPOCH + 1, Proven(1))

    journey.tick(1)
    journey.command("GetVariables", {"getVariableData": [ACTIVE]})
    told = {"getVariableResult": ["odd", ACTIVE | {"attributeStatus": "Accepted", "attributeValue": slot}]}
    journey.answer(told, "cmd-3")

    assert (before, journey.effect) == ("none", effect)


def test_an_order_of_network_profiles_is_followed_when_the_charge_point_says_which_it_uses() -> None:
    journey = Journey(V201)
    journey.command("SetVariables", {"setVariableData": [PRIORITY | {"attributeValue": "2,1"}]})
    journey.answer({"setVariableResult": [PRIORITY | {"attributeStatus": "RebootRequired"}]})
    asked(journey, "2")  # it may have been so before
    before = journey.effect
    journey.reconnect(EPOCH + 1)

    asked(journey, "2", "cmd-3")

    assert (before, journey.effect) == ("none", "confirmed")
    assert journey.evidence["action"] == "GetVariables"


def test_a_profile_that_waited_is_compared_with_what_the_charge_point_had_when_it_was_sent() -> None:
    journey = Journey(V201, highest_profile=1)
    journey.desk.registry.disconnected("CP1", EPOCH, journey.house.now)
    journey.command("SetNetworkProfile?ttlSeconds=600", network(2))
    journey.reconnect(EPOCH + 1, Proven(2))  # it has gone to that profile by itself
    journey.answer(ACCEPTED)

    journey.reconnect(EPOCH + 2, Proven(2))

    assert journey.effect == "none"
