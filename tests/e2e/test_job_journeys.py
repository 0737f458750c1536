"""Jobs end to end: steps by way of the queue, each in a process that dies, on the real emulator."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.dynamodb import Tables
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import ChargePoint, Connection
from infra.local.cloud import AWS
from ocppj.versions import V16
from tests.adapters.stores import create_tables, named

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
VISIBLE_AGAIN_S = 2
# Makes the steps that come on the queue, as `ocppgw command job work` does.
API = """
import json, sys
from remote_commands.lambda_handler import handler

class Context:
    def get_remaining_time_in_millis(self):
        return 30000

print(json.dumps(handler(json.loads(sys.stdin.read()), Context())))
"""


def environment(aws: AWS, name: str) -> dict[str, str]:
    tables = {field: f"{name}{getattr(Tables(), field)}" for field in Tables.__slots__ if field != "kept"}
    named = {f"OCPPGW_{field.upper().removesuffix('S')}_TABLE": table for field, table in tables.items()}
    return aws.environment() | named | {"OCPPGW_JOB_QUEUE": f"{name}JobSteps"}


def ask(env: dict[str, str], method: str, path: str, body: Any = None) -> dict[str, Any]:
    event = {
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {}, "isBase64Encoded": False,
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
    } | ({"body": json.dumps(body)} if body is not None else {})  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", API],
        input=json.dumps(event),
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer["statusCode"] < 300, answer
    found: dict[str, Any] = json.loads(answer["body"])
    return found


@contextmanager
def working(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "command", "job", "work"], env=os.environ | env, cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_job_outlives_whoever_does_it(aws: AWS) -> None:
    name = f"Job{uuid4().hex[:6]}"
    env, client = environment(aws, name), aws.client("dynamodb")
    create_tables(client, name)
    aws.client("sqs").create_queue(QueueName=f"{name}JobSteps", Attributes={"VisibilityTimeout": str(VISIBLE_AGAIN_S)})
    registry = DynamoRegistry(client, named(name))
    ids = [f"{name}-{number}" for number in range(6)]
    now = datetime.now(UTC)
    registry.renew_lease("gw", now + timedelta(minutes=5))
    for each in ids:
        registry.add(ChargePoint(each))
        registry.connect(each, Connection(V16, "gw", 1, 1, now), 0)

    job = ask(env, "POST", "/jobs", {"action": "clear-cache", "selector": {"ids": ids}, "ratePerSecond": 2})
    deaths, sent = 0, 0
    while sent < len(ids):
        with working(env) as process:
            until = time.monotonic() + 15
            while (found := stored(client, name, job["jobId"])) <= sent and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)  # wherever it is
            deaths, sent = deaths + 1, found

    commands = client.scan(TableName=f"{name}CommandTable")["Items"]
    published = [item["chargePointId"]["S"] for item in commands if "chargePointId" in item]
    assert deaths >= 2
    assert sorted(published) == ids


def stored(client: Any, name: str, job_id: str) -> int:
    key = {"jobId": {"S": job_id}, "part": {"S": "job"}}
    item = client.get_item(TableName=f"{name}JobTable", Key=key, ConsistentRead=True)["Item"]
    return int(item["cursor"]["N"])
