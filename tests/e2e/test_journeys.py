"""The main job, end to end: a charge point of foreign make, the gateway, MQTT, the rule, SQS, the Lambdas, HTTP.

The charge points here are the `ocpp` package's own; the house is `ocppgw up` in a process of its own.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ocpp.v16.call
import ocpp.v201.call
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

import infra
from ocppj import timestamps, topics
from tests.e2e.independent import ChargePoint16, ChargePoint201, connected
from tests.e2e.operator import DEMO_TAG, Operator, until_async
from tests.house import House

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TEMPLATE = Path(infra.__file__).parent / "template.json"


@pytest.fixture(scope="module")
def operator(house: House) -> Operator:
    return Operator(house)


def now() -> str:
    return timestamps.write(datetime.now(UTC))


async def boot_16(charge_point: Any) -> None:
    booted = await charge_point.call(
        ocpp.v16.call.BootNotification(charge_point_model="One", charge_point_vendor="Acme", firmware_version="1.2")
    )
    assert (booted.status, booted.interval > 0) == ("Accepted", True)


async def boot_201(charge_point: Any) -> None:
    station = {"model": "One", "vendor_name": "Acme", "firmware_version": "1.2"}
    booted = await charge_point.call(ocpp.v201.call.BootNotification(charging_station=station, reason="PowerUp"))
    assert (booted.status, booted.interval > 0) == ("Accepted", True)


def event_201(kind: str, trigger: str, seq_no: int, wh: float, **more: Any) -> Any:
    context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind, "Sample.Periodic")
    values = [{"timestamp": now(), "sampled_value": [{"value": wh, "context": context}]}]
    return ocpp.v201.call.TransactionEvent(
        event_type=kind,
        timestamp=now(),
        trigger_reason=trigger,
        seq_no=seq_no,
        meter_value=values,
        **more,
    )


async def test_a_1_6_charge_point_boots_authorises_and_charges(operator: Operator) -> None:
    identity = operator.register()

    async with connected(ChargePoint16, operator.house.ws_url, identity) as charge_point:
        await boot_16(charge_point)
        await charge_point.call(ocpp.v16.call.StatusNotification(1, "NoError", "Preparing", timestamp=now()))
        known = await charge_point.call(ocpp.v16.call.Authorize(DEMO_TAG))
        unknown = await charge_point.call(ocpp.v16.call.Authorize("NOBODY"))
        started = await charge_point.call(ocpp.v16.call.StartTransaction(1, DEMO_TAG, 1000, now()))
        sampled = [{"timestamp": now(), "sampled_value": [{"value": "1500"}]}]
        await charge_point.call(ocpp.v16.call.MeterValues(1, sampled, transaction_id=started.transaction_id))
        stopped = await charge_point.call(
            ocpp.v16.call.StopTransaction(2000, now(), started.transaction_id, reason="Local", id_tag=DEMO_TAG)
        )

    assert known.id_tag_info["status"] == "Accepted"
    assert unknown.id_tag_info["status"] == "Invalid"
    assert started.id_tag_info["status"] == stopped.id_tag_info["status"] == "Accepted"
    stored = operator.transaction(identity, started.transaction_id)
    assert (stored["meterStartWh"], stored["meterStopWh"], stored["stopReason"]) == (1000, 2000, "Local")


async def test_a_2_0_1_charge_point_boots_authorises_and_charges(operator: Operator) -> None:
    identity = operator.register()
    token = {"id_token": DEMO_TAG, "type": "ISO14443"}
    info, evse = {"transaction_id": "T-1"}, {"id": 1, "connector_id": 1}

    async with connected(ChargePoint201, operator.house.ws_url, identity) as charge_point:
        await boot_201(charge_point)
        await charge_point.call(ocpp.v201.call.StatusNotification(now(), "Occupied", 1, 1))
        known = await charge_point.call(ocpp.v201.call.Authorize(id_token=token))
        unknown = await charge_point.call(ocpp.v201.call.Authorize(id_token={"id_token": "NOBODY", "type": "ISO14443"}))
        begin = event_201("Started", "Authorized", 0, 1000, transaction_info=info, evse=evse, id_token=token)
        started = await charge_point.call(begin)
        updated = await charge_point.call(event_201("Updated", "MeterValuePeriodic", 1, 1500, transaction_info=info))
        ended = {**info, "stopped_reason": "EVDisconnected"}
        await charge_point.call(event_201("Ended", "EVDeparted", 2, 2000, transaction_info=ended))

    assert known.id_token_info["status"] == started.id_token_info["status"] == "Accepted"
    assert unknown.id_token_info["status"] in ("Unknown", "Invalid")
    assert updated.id_token_info is None
    stored = operator.transaction(identity, "T-1")
    assert (stored["meterStartWh"], stored["meterStopWh"], stored["stopReason"]) == (1000, 2000, "EVDisconnected")


async def test_an_operator_starts_and_stops_a_1_6_session_and_sees_the_answers(operator: Operator) -> None:
    identity = operator.register()

    async with connected(ChargePoint16, operator.house.ws_url, identity) as charge_point:
        await boot_16(charge_point)
        start = {"chargePointId": identity, "idTag": "OPERATOR-1", "connectorId": 1}
        reply = await operator.post_async("/remote-start-transaction", start, wait=20)
        told = await charge_point.told()
        started = await charge_point.call(ocpp.v16.call.StartTransaction(1, "OPERATOR-1", 0, now()))
        stop = {"chargePointId": identity, "transactionId": started.transaction_id}
        stopped = await operator.post_async("/remote-stop-transaction", stop, wait=20)
        told_to_stop = await charge_point.told()

    assert (reply.status, reply.body["state"], reply.body["answer"]) == (200, "accepted", {"status": "Accepted"})
    assert told == ("RemoteStartTransaction", {"id_tag": "OPERATOR-1", "connector_id": 1})
    assert started.id_tag_info["status"] == "Accepted"  # the operator's word is the authorisation
    assert (stopped.status, stopped.body["state"]) == (200, "accepted")
    assert told_to_stop == ("RemoteStopTransaction", {"transaction_id": started.transaction_id})
    assert operator.get(f"/commands/{reply.body['commandId']}").body["state"] == "accepted"


async def test_an_operator_starts_and_stops_a_2_0_1_session_and_sees_the_answers(operator: Operator) -> None:
    identity = operator.register()

    async with connected(ChargePoint201, operator.house.ws_url, identity) as charge_point:
        await boot_201(charge_point)
        start = {"chargePointId": identity, "idToken": "OPERATOR-1", "evseId": 1}
        reply = await operator.post_async("/remote-start-transaction", start, wait=20)
        action, payload = await charge_point.told()
        stop = {"chargePointId": identity, "transactionId": "T-1"}
        stopped = await operator.post_async("/remote-stop-transaction", stop, wait=20)
        told_to_stop = await charge_point.told()

    assert (reply.status, reply.body["state"]) == (200, "accepted")
    assert (action, payload["id_token"]["id_token"], payload["evse_id"]) == ("RequestStartTransaction", "OPERATOR-1", 1)
    assert payload["remote_start_id"] >= 0
    assert (stopped.status, stopped.body["state"]) == (200, "accepted")
    assert told_to_stop == ("RequestStopTransaction", {"transaction_id": "T-1"})


async def test_without_prefer_a_command_is_202_and_its_location_tells_the_rest(operator: Operator) -> None:
    identity = operator.register()

    async with connected(ChargePoint16, operator.house.ws_url, identity) as charge_point:
        await boot_16(charge_point)
        reply = await operator.post_async("/remote-start-transaction", {"chargePointId": identity, "idTag": "A"})
        await charge_point.told()
        await until_async(lambda: operator.get(reply.headers["Location"]).body["state"] == "accepted")

    assert (reply.status, reply.headers["Location"]) == (202, f"/commands/{reply.body['commandId']}")


async def test_a_charge_point_that_went_away_is_409_at_once(operator: Operator) -> None:
    identity = operator.register()
    async with connected(ChargePoint16, operator.house.ws_url, identity) as charge_point:
        await boot_16(charge_point)
    await until_async(lambda: "disconnectedAt" in json.dumps(operator.row(identity), default=str))

    reply = await operator.post_async("/remote-start-transaction", {"chargePointId": identity, "idTag": "A"}, wait=20)

    assert (reply.status, reply.headers["Content-Type"]) == (409, "application/problem+json")
    assert reply.body["code"] == "charge-point-offline"
    assert operator.get(f"/commands/{reply.body['commandId']}").body["state"] == "not_connected"


def test_an_unknown_charge_point_is_404_and_a_bad_body_422_with_the_field(operator: Operator) -> None:
    identity = operator.register()

    unknown = operator.post("/remote-start-transaction", {"chargePointId": "NOBODY", "idTag": "A"})
    bad = operator.post("/remote-start-transaction", {"chargePointId": identity, "idTag": 7, "colour": "red"})
    no_json = operator.post("/remote-start-transaction", b"{")

    assert (unknown.status, bad.status, no_json.status) == (404, 422, 400)
    assert {error["pointer"] for error in bad.body["errors"]} == {"/idTag", "/colour"}
    assert all(reply.headers["Content-Type"] == "application/problem+json" for reply in (unknown, bad, no_json))


async def test_a_stranger_is_refused_before_the_socket_opens(operator: Operator) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{operator.house.ws_url}/NOBODY", subprotocols=[Subprotocol("ocpp1.6")]):
            pass

    assert refused.value.response.status_code == 404
    assert b"NOBODY" in refused.value.response.body


async def test_a06_an_identity_that_mqtt_could_not_carry_is_one_topic_level(operator: Operator) -> None:
    identity = "RDAM 1+2#" + now()
    thing = topics.escape(identity)
    operator.house.aws.client("iot").create_thing(thingName=thing)
    await until_async(lambda: operator.row(thing) is not None)

    async with connected(ChargePoint16, operator.house.ws_url, quote(identity, safe="")) as charge_point:
        await boot_16(charge_point)
        command = {"chargePointId": thing, "idTag": "A"}
        reply = await operator.post_async("/remote-start-transaction", command, wait=20)

    assert reply.body["state"] == "accepted"


async def test_row_and_shadow_say_who_is_connected(operator: Operator) -> None:
    identity = operator.register()

    async with connected(ChargePoint16, operator.house.ws_url, identity) as charge_point:
        await boot_16(charge_point)
        await charge_point.call(ocpp.v16.call.StatusNotification(1, "NoError", "Available", timestamp=now()))
        await until_async(lambda: operator.shadow(identity).get("connectors", {}).get("1") is not None)
        while_connected = operator.shadow(identity)
    await until_async(lambda: operator.shadow(identity)["connected"] is False)

    assert (while_connected["connected"], while_connected["ocppVersion"]) == (True, "1.6")
    assert (while_connected["vendor"], while_connected["model"]) == ("Acme", "One")
    assert while_connected["connectors"]["1"]["status"] == "Available"


async def test_a24_the_newest_connection_wins_and_gets_the_commands(operator: Operator) -> None:
    identity = operator.register()
    url = f"{operator.house.ws_url}/{identity}"

    async with (
        connect(url, subprotocols=[Subprotocol("ocpp1.6")]) as old,
        connected(ChargePoint16, operator.house.ws_url, identity) as charge_point,
    ):
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed):
                await old.recv()
        await boot_16(charge_point)
        command = {"chargePointId": identity, "idTag": "A"}
        reply = await operator.post_async("/remote-start-transaction", command, wait=20)

    assert reply.body["state"] == "accepted"


async def test_deleting_the_thing_removes_the_row_and_closes_the_socket(operator: Operator) -> None:
    identity = operator.register()
    url = f"{operator.house.ws_url}/{identity}"

    async with connect(url, subprotocols=[Subprotocol("ocpp1.6")]) as socket:
        operator.house.aws.client("iot").delete_thing(thingName=identity)
        async with asyncio.timeout(15):
            with pytest.raises(ConnectionClosed):
                await socket.recv()

    await until_async(lambda: operator.row(identity) is None)
    with pytest.raises(InvalidStatus, match="404"):
        await connect(url, subprotocols=[Subprotocol("ocpp1.6")])


async def test_what_breaks_its_schema_is_answered_in_the_words_of_the_version(operator: Operator) -> None:
    identity = operator.register()

    async with connect(f"{operator.house.ws_url}/{identity}", subprotocols=[Subprotocol("ocpp1.6")]) as socket:
        await socket.send('[2,"1","BootNotification",{"chargePointVendor":"Acme"}]')
        incomplete = json.loads(await socket.recv())
        await socket.send('[2,"2","Nonsense",{}]')
        unknown = json.loads(await socket.recv())
        await socket.send('[2,"3","Reset",{"type":"Soft"}]')
        wrong_way = json.loads(await socket.recv())

    assert incomplete[:3] == [4, "1", "ProtocolError"]
    assert "chargePointModel" in incomplete[3]
    assert unknown[:3] == [4, "2", "NotImplemented"]
    assert wrong_way[:3] == [4, "3", "NotSupported"]


async def test_the_lambda_answers_and_not_the_gateway(operator: Operator) -> None:
    identity = operator.register()
    function = _function(operator, "MessagesFunction")

    async with connected(ChargePoint16, operator.house.ws_url, identity) as charge_point:
        before = await charge_point.call(ocpp.v16.call.BootNotification("One", "Acme"))
        with _told_to(operator, function, OCPPGW_HEARTBEAT_INTERVAL_S="7777", OCPPGW_HEARTBEAT_JITTER="0"):
            after = await charge_point.call(ocpp.v16.call.BootNotification("One", "Acme"))

    assert before.interval != 7777
    assert after.interval == 7777


def test_the_front_calls_the_function_and_not_its_handler(operator: Operator) -> None:
    command = {"chargePointId": operator.register(), "idTag": "A"}

    with _told_to(operator, _function(operator, "CommandsFunction"), OCPPGW_COMMAND_TIMEOUT_S="777"):
        offline = operator.post("/remote-start-transaction", command)
        stored = operator.get(f"/commands/{offline.body['commandId']}").body

    allowed = timestamps.parse(stored["deadline"]) - timestamps.parse(stored["createdAt"])
    assert allowed.total_seconds() == 777


def test_every_table_queue_rule_and_function_is_from_the_template(operator: Operator) -> None:
    aws = operator.house.aws
    resources = aws.client("cloudformation").describe_stack_resources(StackName="ocpp-gateway")["StackResources"]
    template = json.loads(TEMPLATE.read_text())["Resources"]
    made = {resource["PhysicalResourceId"].rpartition("/")[2] for resource in resources}

    there = [
        *aws.client("dynamodb").list_tables()["TableNames"],
        *(url.rpartition("/")[2] for url in aws.client("sqs").list_queues()["QueueUrls"]),
        *(rule["ruleName"] for rule in aws.client("iot").list_topic_rules()["rules"]),
        *(function["FunctionName"] for function in aws.client("lambda").list_functions()["Functions"]),
    ]

    assert {resource["LogicalResourceId"] for resource in resources} == set(template)
    assert there
    assert [name for name in there if name not in made] == []


async def test_the_simulator_charges_when_told_to_and_stops_when_told_to(operator: Operator) -> None:
    identity = operator.register()
    simulated = [sys.executable, "-m", "cli", "sim", "--id", identity, "--url", operator.house.ws_url]

    process = await asyncio.create_subprocess_exec(*simulated, "--version", "1.6", "--sample-seconds", "1")
    try:
        await until_async(lambda: operator.shadow(identity).get("model") == "Simulated")  # it has booted
        start = {"chargePointId": identity, "idTag": "OPERATOR-2", "connectorId": 1}
        reply = await operator.post_async("/remote-start-transaction", start, wait=20)
        await until_async(lambda: _status(operator, identity, "1") == "Charging")
        transaction_id = operator.open_transaction(identity)
        stop = {"chargePointId": identity, "transactionId": transaction_id}
        stopped = await operator.post_async("/remote-stop-transaction", stop, wait=20)
        await until_async(lambda: "endedAt" in operator.transaction(identity, transaction_id))
    finally:
        process.terminate()
        code = await process.wait()

    assert (reply.body["state"], stopped.body["state"], code) == ("accepted", "accepted", 0)
    stored = operator.transaction(identity, transaction_id)
    assert stored["stopReason"] == "Remote"
    assert stored["meterStopWh"] >= stored["meterStartWh"]


def test_no_journey_left_a_dead_letter(operator: Operator) -> None:
    sqs = operator.house.aws.client("sqs")
    queues = sqs.list_queues()["QueueUrls"]
    urls = [url for url in queues if url.removesuffix(".fifo").endswith(("DeadLetters", "RuleErrors"))]

    count = "ApproximateNumberOfMessages"
    left = {url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[count])["Attributes"][count] for url in urls}

    assert len(urls) == len(queues) // 2 + 1  # each queue has its own, and the rules have one
    assert set(left.values()) == {"0"}, left


def _status(operator: Operator, charge_point_id: str, connector: str) -> str | None:
    status: str | None = operator.shadow(charge_point_id).get("connectors", {}).get(connector, {}).get("status")
    return status


def _function(operator: Operator, logical_id: str) -> str:
    found: str = operator.house.aws.client("cloudformation").describe_stack_resource(
        StackName="ocpp-gateway", LogicalResourceId=logical_id
    )["StackResourceDetail"]["PhysicalResourceId"]
    return found


@contextmanager
def _told_to(operator: Operator, function: str, **variables: str) -> Iterator[None]:
    """The Lambda with these variables, and after that with its own again: only what runs in it can tell."""
    client = operator.house.aws.client("lambda")
    own = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    client.update_function_configuration(FunctionName=function, Environment={"Variables": own | variables})
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=function, Environment={"Variables": own})
