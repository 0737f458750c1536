import json
from datetime import timedelta
from typing import Any

import pytest

from domain.models import Boot, ChargePoint, CommandState, Registration
from ocppj.versions import V16, V21, V201, Version
from tests.remote_commands.desk import NOON, BrokenOutbound, Desk

START = "/remote-start-transaction"
BODY = {"chargePointId": "CP1", "idTag": "ABC"}
BOOTED = Boot("Acme", "One", NOON)


def test_the_frame_is_a_call_with_the_commands_id_and_deadline() -> None:
    desk = Desk()
    desk.connect("CP1")

    desk.post(START, BODY)

    (published,) = desk.sent.published
    assert json.loads(published.frame) == [2, "cmd-1", "RemoteStartTransaction", {"idTag": "ABC"}]
    assert (published.charge_point_id, published.route.gateway, published.route.link) == ("CP1", "gw1", 3)
    assert (published.deadline, published.expires_in_s) == (NOON + timedelta(seconds=30), 30)
    assert published.epoch is None


def test_d01_a_charge_point_may_have_a_time_of_its_own_for_answers() -> None:
    desk = Desk()
    desk.connect("CP1", command_timeout_s=90)

    reply = desk.post("/charge-points/CP1/commands/ClearCache", {}, prefer="wait=25")
    desk.clock.sleep(80)
    after_105_s = desk.get("/commands/cmd-1").body["state"]
    expected = (NOON + timedelta(seconds=90)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    assert (reply.body["state"], reply.body["deadline"], after_105_s) == ("sent", expected, "timeout")


def test_an_answer_that_is_faster_than_the_record_stays() -> None:
    desk = Desk()
    desk.connect("CP1")
    desk.sent.on_publish = lambda: desk.commands.move("cmd-1", CommandState.ACCEPTED, answer={"status": "Accepted"})

    reply = desk.post(START, BODY, prefer="wait=5")

    assert (reply.status, reply.body["state"], desk.clock.slept) == (200, "accepted", [])


def test_a_broker_that_took_the_command_and_then_went_away_does_not_spoil_the_answer() -> None:
    broker = BrokenOutbound()
    desk = Desk(outbound=broker)
    desk.connect("CP1")
    broker.meanwhile = lambda: desk.commands.move("cmd-1", CommandState.ACCEPTED, answer={"status": "Accepted"})

    reply = desk.post(START, BODY, prefer="wait=5")

    assert (reply.status, reply.body["state"]) == (200, "accepted")


def test_a_charge_point_whose_gateway_died_is_offline() -> None:
    desk = Desk()
    desk.connect("CP1")
    desk.registry.renew_lease("gw1", NOON - timedelta(seconds=1))

    reply = desk.post(START, BODY)

    assert (reply.status, reply.body["code"], desk.sent.published) == (409, "charge-point-offline", [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (START, BODY),
        ("/remote-stop-transaction", {"chargePointId": "CP1", "transactionId": 1}),
        ("/charge-points/CP1/commands/SetVariables", {"setVariableData": []}),
    ],
)
def test_a_charge_point_that_never_was_connected_is_offline_whatever_the_command(path: str, body: Any) -> None:
    desk = Desk()
    desk.registry.add(ChargePoint("CP1"))

    reply = desk.post(path, body)

    assert (reply.status, reply.body["code"]) == (409, "charge-point-offline")
    assert desk.get(f"/commands/{reply.body['commandId']}").body["state"] == "not_connected"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (START, BODY),
        ("/remote-stop-transaction", {"chargePointId": "CP1", "transactionId": 1}),
        ("/charge-points/CP1/commands/RequestStopTransaction", {"transactionId": "1"}),
    ],
)
def test_c04_while_pending_no_transaction_is_started_or_stopped(path: str, body: Any) -> None:
    desk = Desk()
    desk.connect("CP1", V201, registration=Registration.PENDING)

    reply = desk.post(path, body)

    assert (reply.status, reply.body["code"], desk.sent.published) == (409, "charge-point-pending", [])


def test_c03_while_pending_a_charge_point_can_be_configured() -> None:
    desk = Desk()
    desk.connect("CP1", V16, registration=Registration.PENDING)

    assert desk.post("/charge-points/CP1/commands/GetConfiguration", {}).status == 202


def test_c05_a_rejected_charge_point_is_sent_nothing() -> None:
    desk = Desk()
    desk.connect("CP1", V16, registration=Registration.REJECTED)

    reply = desk.post("/charge-points/CP1/commands/GetConfiguration", {})

    assert (reply.status, reply.body["code"], desk.sent.published) == (409, "charge-point-rejected", [])


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"boot": BOOTED}, 409),
        ({"boot": None}, 202),  # its BootNotification is still to come: asking is fair
        ({"boot": BOOTED, "registration": Registration.PENDING}, 202),
    ],
)
def test_c08_an_accepted_charge_point_is_not_asked_to_boot_again(facts: dict[str, Any], status: int) -> None:
    desk = Desk()
    desk.connect("CP1", V16, **facts)

    reply = desk.post("/charge-points/CP1/commands/TriggerMessage", {"requestedMessage": "BootNotification"})

    assert reply.status == status


@pytest.mark.parametrize("version", [V201, V21])
def test_d04_remote_start_ids_are_positive_int32_and_not_used_twice(version: Version) -> None:
    desk = Desk(draws=iter([4, 4, 4, 2**31 - 2, 0]))
    desk.connect("CP1", version)

    ids = [desk.post(START, BODY).body["payload"]["remoteStartId"] for _ in range(3)]

    assert ids == [5, 2**31 - 1, 1]


def test_a_command_no_broker_carries_is_413() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post("/charge-points/CP1/commands/DataTransfer", {"vendorId": "v", "data": "x" * 131072})

    assert (reply.status, reply.body["code"], desk.sent.published) == (413, "command-too-large", [])


def test_everything_that_is_wrong_with_a_payload_is_named() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post("/charge-points/CP1/commands/RemoteStartTransaction", {"connectorId": "1", "colour": "red"})

    assert reply.status == 422
    assert {each["pointer"] for each in reply.body["errors"]} == {"/connectorId", "/colour", "/idTag"}
