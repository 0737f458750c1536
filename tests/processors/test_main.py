"""The processors as processes: Lambdas and the worker on the emulator, and the worker's command line."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from adapters.dynamodb import Tables
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import ChargePoint, Connection
from infra.local.cloud import AWS, free_port, running
from infra.local.deploy import deploy
from ocppj.versions import V16

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, "-m", "processors"]
BOOT = [2, "m-1", "BootNotification", {"chargePointVendor": "Vendor", "chargePointModel": "Model"}]
PATIENCE_S = 40


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    """The whole template on an emulator of its own."""
    with running(tmp_path_factory.mktemp("processors")) as cloud:
        deploy(cloud, disconnect_delay_s=0)
        yield cloud


def eventually(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def registry_of(house: AWS) -> DynamoRegistry:
    return DynamoRegistry(house.client("dynamodb"), Tables())


def row_of(house: AWS, charge_point_id: str) -> ChargePoint | None:
    return registry_of(house).find(charge_point_id)


def shadow_of(house: AWS, charge_point_id: str) -> dict[str, object]:
    client = house.client("iot-data")
    try:
        document = orjson.loads(client.get_thing_shadow(thingName=charge_point_id)["payload"].read())
    except client.exceptions.ResourceNotFoundException:
        return {}
    reported: dict[str, object] = document["state"].get("reported", {})
    return reported


def is_booted(house: AWS, charge_point_id: str) -> bool:
    """Have it registered, connected and booted, as the world does it: things, topics, queues."""
    house.client("iot").create_thing(thingName=charge_point_id)
    if not eventually(lambda: row_of(house, charge_point_id) is not None):
        return False
    connection = Connection(V16, "g1", 0, 1_000, datetime.now(UTC))
    registry_of(house).connect(charge_point_id, connection, 0)
    publish(house, f"{charge_point_id}/in", BOOT)
    return eventually(lambda: shadow_of(house, charge_point_id).get("vendor") == "Vendor")


def publish(house: AWS, topic: str, message: object) -> None:
    house.client("iot-data").publish(topic=topic, qos=1, payload=orjson.dumps(message))


@pytest.mark.e2e
def test_the_lambdas_register_answer_and_strike_off(house: AWS) -> None:
    was_booted = is_booted(house, "LAMBDA-1")

    gone = {"event": "disconnected", "gateway": "g1", "chargePointId": "LAMBDA-1", "epoch": 1000, "link": 0}
    publish(house, "gateways/g1/disconnected", gone | {"at": "2026-11-21T12:00:00.000Z"})
    was_shown = eventually(lambda: shadow_of(house, "LAMBDA-1").get("connected") is False)
    house.client("iot").delete_thing(thingName="LAMBDA-1")
    was_struck_off = eventually(lambda: row_of(house, "LAMBDA-1") is None)

    assert (was_booted, was_shown, was_struck_off) == (True, True, True)


@pytest.mark.e2e
def test_the_worker_does_the_same_without_lambda_and_stops_when_told(house: AWS) -> None:
    functions = house.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    worker = subprocess.Popen(WORKER, cwd=ROOT, env=house.environment(), stderr=subprocess.PIPE, text=True)

    try:
        was_booted = is_booted(house, "WORKER-1")
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=PATIENCE_S)
    finally:
        worker.kill()

    assert was_booted, said
    assert worker.returncode == 0, said
    assert "registered" in said
    assert "booted" in said


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"OCPPGW_CALL_TIMEOUT_S": "soon"}, r"OCPPGW_CALL_TIMEOUT_S is 'soon': .*\."),
        ({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}, r"The queues of the house can't be reached: .*"),
    ],
    ids=["setting", "queues"],
)
def test_a_worker_that_cannot_start_says_why_in_a_sentence(variables: dict[str, str], sentence: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

    ran = subprocess.run(
        WORKER, cwd=ROOT, env=os.environ | keys | variables, capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.returncode == 1
    assert re.fullmatch(sentence, ran.stderr.strip())


@pytest.mark.e2e
def test_a_cold_lambda_imports_nothing_heavy() -> None:
    listing = "import sys, processors.lambda_handler; print(*sys.modules)"

    ran = subprocess.run([sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True)

    # structlog itself brings rich and asyncio.
    heavy = {"pandas", "numpy", "typer", "websockets", "uvloop", "aws_xray_sdk", "pytest"}
    assert heavy & set(ran.stdout.split()) == set()
