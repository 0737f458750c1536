"""The template on the emulator: what it makes, who may do what, and what a second deploy changes."""

import asyncio
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection

from adapters import dynamodb
from adapters.dynamodb_items import attribute
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import Connection
from infra.local.cloud import AWS, CloudError, running
from infra.local.deploy import STACK, TEMPLATE, deploy, gateway_certificate
from infra.local.function_urls import FunctionUrls
from ocppj.versions import V16
from tests.gateway.test_main import Process
from tests.infra.processes import wait_until

pytestmark = pytest.mark.e2e

ECHO = """
import boto3, json
def handler(event, context):
    for record in event["Records"]:
        body = json.loads(record["body"])
        boto3.client("sqs").send_message(QueueUrl=boto3.client("sqs").get_queue_url(QueueName="Echo")["QueueUrl"],
            MessageBody=json.dumps({"queue": record["eventSourceARN"].rpartition(":")[2], "body": body}))
    return {"batchItemFailures": []}
"""


def code(handler: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for package in ("processors", "remote_commands"):
            archive.writestr(f"{package}/__init__.py", "")
            archive.writestr(f"{package}/lambda_handler.py", handler)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def echoing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    """The stack, with functions that only tell which record came from which queue."""
    with running(tmp_path_factory.mktemp("echoing")) as aws:
        deploy(aws, code(ECHO), disconnect_delay_s=1)
        aws.client("sqs").create_queue(QueueName="Echo")
        yield aws


def heard(aws: AWS, count: int) -> list[dict[str, Any]]:
    sqs = aws.client("sqs")
    queue = sqs.get_queue_url(QueueName="Echo")["QueueUrl"]
    found: list[dict[str, Any]] = []
    for _ in range(20):
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        if len(found) >= count:
            break
    return sorted(found, key=lambda record: str(record["queue"]))


def test_a_frame_comes_to_the_function_as_the_wire_contract_says(echoing: AWS) -> None:
    frame = [2, "1", "Heartbeat", {}]
    told: Any = [{"epoch": "7"}, {"ocpp": "ocpp1.6"}, {"gateway": "g1"}]

    echoing.client("iot-data").publish(topic="CP-001/in", qos=1, payload=json.dumps(frame), userProperties=told)

    (record,) = heard(echoing, 1)
    assert (record["body"]["epoch"], record["body"]["ocpp"]) == ("7", "ocpp1.6")
    assert not {"gateway", "traceparent"} & record["body"].keys()
    assert record["queue"] == "IncomingMessagesQueue"
    assert (record["body"]["chargePointId"], record["body"]["message"]) == ("CP-001", frame)
    assert isinstance(record["body"]["receivedAt"], int)


def test_a_disconnect_comes_at_once_and_again_when_the_delay_is_over(echoing: AWS) -> None:
    event = {"event": "disconnected", "gateway": "g1", "chargePointId": "CP-001", "epoch": 1}

    echoing.client("iot-data").publish(topic="gateways/g1/disconnected", qos=1, payload=json.dumps(event))

    delayed, at_once = heard(echoing, 2)
    assert (delayed["queue"], at_once["queue"]) == ("DisconnectedChargePoints", "IncomingMessagesQueue")
    assert delayed["body"] == at_once["body"] == event


def test_things_that_come_and_go_are_told(echoing: AWS) -> None:
    iot = echoing.client("iot")

    made = iot.create_thing(thingName="CP-TOLD")
    iot.delete_thing(thingName="CP-TOLD")

    created, deleted = heard(echoing, 2)
    assert (created["queue"], deleted["queue"]) == ("CreatedThings", "DeletedThings")
    assert created["body"]["thingId"] == deleted["body"]["thingId"] == made["thingId"]


def test_new_code_is_deployed_in_place(tmp_path: Path) -> None:
    with running(tmp_path) as aws:
        before = deploy(aws, code("def handler(event, context): return 1"))
        after = deploy(aws, code("def handler(event, context): return 2"))
        answer = aws.client("lambda").invoke(FunctionName=after["MessagesFunctionName"], Payload="{}")

    assert answer["Payload"].read() == b"2"
    assert before == after


def test_the_gateway_keeps_its_certificate(tmp_path: Path) -> None:
    with running(tmp_path) as aws:
        policy = deploy(aws, code(ECHO))["GatewayPolicyName"]
        before = gateway_certificate(aws, policy).certificate.read_bytes()

    with running(tmp_path) as aws:
        after = gateway_certificate(aws, policy).certificate.read_bytes()

    assert before == after


def test_a_stack_that_can_t_be_made_is_one_sentence(tmp_path: Path) -> None:
    template = tmp_path / "template.json"
    rule = {"Sql": "nonsense", "Actions": []}
    wrong = {"Type": "AWS::IoT::TopicRule", "Properties": {"TopicRulePayload": rule}}
    template.write_text(json.dumps({"Resources": {"WrongRule": wrong}}))

    with running(tmp_path) as aws, pytest.raises(CloudError) as refused:
        deploy(aws, code(ECHO), template=template)

    assert "WrongRule" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_roles_allow_what_the_functions_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH", "true")  # the emulator asks IAM then
    # Queues and buckets refuse what does not come over TLS, which nothing does here.
    tls_only = ("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy")
    resources = json.loads(TEMPLATE.read_text())
    kept = {name: made for name, made in resources["Resources"].items() if made["Type"] not in tls_only}
    template = tmp_path / "template.json"
    template.write_text(json.dumps(resources | {"Resources": kept}))
    connection = Connection(V16, "g1", 1, 1, datetime.now(UTC))
    boot = [2, "1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]

    with running(tmp_path) as aws:
        outputs = deploy(aws, template=template)
        registry = DynamoRegistry(aws.client("dynamodb"), dynamodb.Tables())
        aws.client("iot").create_thing(thingName="CP-001")
        wait_until(lambda: registry.find("CP-001") is not None)
        registry.connect("CP-001", connection, 0)
        aws.client("iot-data").publish(topic="CP-001/in", qos=1, payload=json.dumps(boot))
        wait_until(lambda: reported(aws, "CP-001").get("model") == "M")
        status = FunctionUrls(aws, outputs).forward("GET", "/commands/none", {}, b"").status
        state = state_of_a_command_whose_time_is_over(aws, FunctionUrls(aws, outputs), registry)
        wrong = [each for each in ASKED if FunctionUrls(aws, outputs).forward(*each[:2], {}, each[2]).status >= 500]
        wait_until(lambda: "Contents" in aws.client("s3").list_objects_v2(Bucket=outputs["ArchiveBucketName"]))
        said = (aws.logs / "aws.log").read_text()

    assert (status, state, wrong) == (404, "timeout", [])
    assert "AccessDenied" not in said


# One of each kind that touches other tables or AWS IoT.
ASKED = (
    ("POST", "/charge-points", b'{"chargePointId": "CP-002"}'), ("GET", "/charge-points", b""),
    ("GET", "/charge-points/CP-001", b""), ("PATCH", "/charge-points/CP-002", b'{"labels": {"a": "b"}}'),
    ("POST", "/charge-points/CP-002/rotate-password", b"{}"), ("POST", "/charge-points/CP-002/disable", b"{}"),
    ("GET", "/charge-points/CP-001/doctor", b""), ("GET", "/charge-points/CP-001/transactions", b""),
    ("GET", "/charge-points/CP-001/device-model", b""), ("GET", "/charge-points/CP-001/reports", b""),
    ("DELETE", "/charge-points/CP-002", b""), ("GET", "/transactions", b""), ("GET", "/unknown-id-tokens", b""),
    ("POST", "/id-tokens", b'{"idToken": "A", "type": "ISO14443"}'), ("GET", "/id-tokens", b""),
    ("GET", "/stations", b""), ("GET", "/charge-points/CP-001/samples", b""),
    ("GET", "/charge-points/CP-001/samples/latest", b""), ("GET", "/charge-points/CP-001/commands", b""),
    ("POST", "/jobs", b'{"command": "reset", "chargePointIds": ["CP-001"]}'), ("GET", "/jobs", b""),
)  # fmt: skip


def state_of_a_command_whose_time_is_over(aws: AWS, functions: FunctionUrls, registry: DynamoRegistry) -> str:
    registry.renew_lease("g1", datetime.now(UTC) + timedelta(minutes=1))
    sent = functions.forward("POST", "/charge-points/CP-001/commands/Reset", {}, b'{"type": "Soft"}')
    command = json.loads(sent.body)
    aws.client("dynamodb").update_item(
        TableName="CommandTable",
        Key={"commandId": {"S": command["commandId"]}},
        UpdateExpression="SET deadline = :then",
        ExpressionAttributeValues={":then": attribute(datetime.now(UTC) - timedelta(minutes=1))},
    )
    shown = json.loads(functions.forward("GET", f"/commands/{command['commandId']}", {}, b"").body)
    return str(shown["state"])


def reported(aws: AWS, thing: str) -> dict[str, Any]:
    data = aws.client("iot-data")
    try:
        shadow = json.load(data.get_thing_shadow(thingName=thing)["payload"])
    except data.exceptions.ResourceNotFoundException:
        return {}
    return dict(shadow["state"]["reported"])


async def test_the_stack_changes_under_connected_charge_points_and_leaves_its_tables(tmp_path: Path) -> None:
    template = json.loads(TEMPLATE.read_text())
    template["Resources"]["MessagesFunction"]["Properties"]["MemorySize"] = 1_024
    changed = tmp_path / "template.json"
    changed.write_text(json.dumps(template))

    with running(tmp_path / "aws") as aws:
        outputs = await asyncio.to_thread(deploy, aws)
        registry = DynamoRegistry(aws.client("dynamodb"), dynamodb.Tables())
        aws.client("iot").create_thing(thingName="CP-001")
        wait_until(lambda: registry.find("CP-001") is not None)
        gateway = gateway_of(aws, outputs["GatewayPolicyName"])
        try:
            await gateway.ready()
            socket = await gateway.connect("CP-001")
            before = await boot(socket)
            again = await asyncio.to_thread(deploy, aws, template=changed)
            after = await boot(socket)
        finally:
            await gateway.end()
        memory = aws.client("lambda").get_function_configuration(FunctionName=again["MessagesFunctionName"])
        kept, row = delete(aws, outputs["GatewayPolicyName"]), registry.find("CP-001")

    assert (before, after) == ("Accepted", "Accepted")
    assert memory["MemorySize"] == 1_024
    assert kept >= {name for name, made in template["Resources"].items() if made["Type"] == "AWS::DynamoDB::Table"}
    assert row is not None
    assert row.boot is not None


def gateway_of(aws: AWS, policy: str, **environment: str) -> Process:
    files = gateway_certificate(aws, policy)
    options = ("--mqtt-ca", aws.ca, "--mqtt-cert", files.certificate, "--mqtt-key", files.key)
    log = aws.logs / "gateway-of-test.log"  # a house has a gateway of its own
    return Process(
        aws.mqtt_url, *map(str, options), registry="dynamodb", log=log, environment=aws.environment() | environment
    )


async def boot(socket: ClientConnection) -> str:
    payload = {"chargePointVendor": "V", "chargePointModel": "M"}
    await socket.send(json.dumps([2, uuid4().hex, "BootNotification", payload]))
    async with asyncio.timeout(30):
        answer = json.loads(await socket.recv())
    return str(answer[2]["status"])


def delete(aws: AWS, policy: str) -> set[str]:
    """Delete the stack; the tables that are left."""
    iot = aws.client("iot")
    # In production the attachment is part of the stack.
    for target in iot.list_targets_for_policy(policyName=policy)["targets"]:
        iot.detach_policy(policyName=policy, target=target)
    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    return set(aws.client("dynamodb").list_tables()["TableNames"])
