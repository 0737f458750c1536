"""The handler in a process of its own, as Lambda starts it, on the emulator."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.dynamodb import Tables
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import ChargePoint, Connection
from infra.local.cloud import AWS
from ocppj.versions import V201
from tests.remote_commands.desk import url_event

pytestmark = pytest.mark.e2e

TEMPLATE = Path(__file__).parents[2] / "infra" / "template.json"
TABLES = Tables(charge_points="ApiChargePointTable", commands="ApiCommandTable", events="ApiEventTable")

# Feeds the handler one event after the other, and says what it answers, one JSON line each.
LAMBDA = """
import json, sys
from remote_commands.lambda_handler import handler

class Context:
    def get_remaining_time_in_millis(self):
        return 30000

for line in sys.stdin:
    print(json.dumps(handler(json.loads(line), Context())))
"""


@pytest.fixture(scope="module")
def registry(aws: AWS) -> DynamoRegistry:
    """The registry the handler reads, on tables as the template makes them."""
    client = aws.client("dynamodb")
    wanted = {
        "ChargePointTable": TABLES.charge_points, "CommandTable": TABLES.commands, "EventTable": TABLES.events,
    }  # fmt: skip
    for resource in json.loads(TEMPLATE.read_text())["Resources"].values():
        table = resource.get("Properties", {})
        if resource["Type"] == "AWS::DynamoDB::Table" and table["TableName"] in wanted:
            taken = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
            made = {name: table[name] for name in taken if name in table}
            client.create_table(TableName=wanted[table["TableName"]], **made)
    return DynamoRegistry(client, TABLES)


def invoke(aws: AWS, *events: dict[str, Any], **variables: str) -> subprocess.CompletedProcess[str]:
    names = {
        "OCPPGW_CHARGE_POINT_TABLE": TABLES.charge_points, "OCPPGW_COMMAND_TABLE": TABLES.commands,
        "OCPPGW_EVENT_TABLE": TABLES.events,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", LAMBDA],
        input="".join(json.dumps(event) + "\n" for event in events),
        env=aws.environment() | names | variables,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def start(charge_point_id: str) -> dict[str, Any]:
    body = {"chargePointId": charge_point_id, "idTag": "ABC", "connectorId": 1}
    return url_event("POST", "/remote-start-transaction", json.dumps(body), {})


def test_a_start_is_stored_published_and_listed(aws: AWS, registry: DynamoRegistry) -> None:
    now = datetime.now(UTC)
    registry.add(ChargePoint("API-1"))
    registry.connect("API-1", Connection(V201, "api-gw", 1, 1, now), 0)
    registry.renew_lease("api-gw", now + timedelta(minutes=5))

    ran = invoke(aws, start("API-1"), url_event("GET", "/charge-points/API-1/commands", None, {}))

    started, listed = (json.loads(line) for line in ran.stdout.splitlines())
    assert (started["statusCode"], listed["statusCode"]) == (202, 200), ran.stderr
    command = json.loads(started["body"])
    assert (command["state"], command["action"]) == ("sent", "RequestStartTransaction")
    assert json.loads(listed["body"]) == {"data": [command], "nextCursor": None}


def test_a_charge_point_whose_gateway_is_gone_is_offline(aws: AWS, registry: DynamoRegistry) -> None:
    registry.add(ChargePoint("API-2"))
    registry.connect("API-2", Connection(V201, "api-gw-gone", 1, 1, datetime.now(UTC)), 0)

    ran = invoke(aws, start("API-2"))

    answer = json.loads(ran.stdout)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (409, "charge-point-offline")


def test_a_broker_that_is_away_is_502(aws: AWS, registry: DynamoRegistry) -> None:
    now = datetime.now(UTC)
    registry.add(ChargePoint("API-3"))
    registry.connect("API-3", Connection(V201, "api-gw-3", 1, 1, now), 0)
    registry.renew_lease("api-gw-3", now + timedelta(minutes=5))

    ran = invoke(aws, start("API-3"), AWS_ENDPOINT_URL_IOT_DATA_PLANE="http://127.0.0.1:1")

    answer = json.loads(ran.stdout)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (502, "broker-unavailable"), ran.stderr


def test_a_wrong_setting_is_one_sentence_that_names_the_variable(aws: AWS) -> None:
    ran = invoke(aws, start("API-1"), OCPPGW_COMMAND_TIMEOUT_S="soon")

    assert ran.returncode == 1
    assert ran.stderr.startswith("OCPPGW_COMMAND_TIMEOUT_S is 'soon': ")
    assert ran.stderr.count("\n") == 1
