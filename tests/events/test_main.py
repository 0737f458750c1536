"""`ocppgw events`, as a user and as a script call it."""

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from adapters import dynamodb
from adapters.dynamodb_events import DynamoEvents
from adapters.dynamodb_parking import DynamoParking
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_webhooks import DynamoWebhooks
from domain.models import Boot, ChargePoint
from domain.parking import Parked
from domain.webhooks import Webhook
from events.__main__ import app, webhooks_app
from infra.local.cloud import AWS
from tests.adapters.stores import NOON, SECOND, create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.fixture
def registry(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> DynamoRegistry:
    for name, value in aws.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    client: DynamoDBClient = aws.client("dynamodb")
    create_tables(client)
    return DynamoRegistry(client, dynamodb.Tables())


@pytest.mark.e2e
def test_events_are_listed_of_a_charge_point_and_of_all(registry: DynamoRegistry) -> None:
    for name, partner in (("EV-1", "acme"), ("EV-2", None)):
        registry.add(ChargePoint(name, partner=partner))
        registry.booted(name, Boot("V", "M", NOON))
        registry.booted(name, Boot("V", "M", NOON + SECOND))

    of_one = json.loads(run("list", "--charge-point", "EV-1", "--output", "json").output)
    of_partner = json.loads(run("list", "--partner", "acme", "--output", "json").output)
    of_all = json.loads(run("list", "--type", "charge_point.booted", "--output", "json").output)
    later = json.loads(
        run("list", "--charge-point", "EV-1", "--from", "2099-01-01T00:00:00Z", "--output", "json").output
    )

    assert [set(event) >= {"id", "type", "chargePointId", "at", "data"} for event in of_one] == [True, True]
    assert of_partner == of_one
    assert {event["chargePointId"] for event in of_all} >= {"EV-1", "EV-2"}
    assert later == []
    assert "charge_point.booted" in run("list", "--charge-point", "EV-1").output


def test_a_time_that_is_none_is_said_in_a_sentence() -> None:
    result = run("list", "--from", "yesterday")

    assert result.exit_code == 1
    assert result.stderr == "--from takes a time such as 2026-11-21T12:00:00Z, not yesterday.\n"


@pytest.mark.e2e
def test_nothing_is_delivered_to_a_webhook_that_is_not_there(registry: DynamoRegistry) -> None:
    result = run("replay", "--from", "2026-11-21T05:00:00Z", "--webhook", "nobody")

    assert (result.exit_code, result.stderr) == (1, "There is no webhook nobody.\n")


@pytest.mark.e2e
def test_an_event_that_was_put_aside_is_shown_and_found_however_old_it_is(registry: DynamoRegistry, aws: AWS) -> None:
    client: DynamoDBClient = aws.client("dynamodb")
    parking, webhooks = DynamoParking(client, dynamodb.Tables()), DynamoWebhooks(client, dynamodb.Tables())
    registry.add(ChargePoint("EV-old"))
    registry.booted("EV-old", Boot("V", "M", NOON))
    (event,) = DynamoEvents(client, dynamodb.Tables()).of_charge_point("EV-old")
    webhooks.add(Webhook("w-old", "https://w.example", "s", 1, NOON))
    parking.park(Parked("w-old", event.id, "EV-old", event.sequence, "charge_point.booted", 500, NOON, NOON))
    aws.client("sqs").create_queue(QueueName="Webhooks1.fifo", Attributes={"FifoQueue": "true"})

    listed = json.loads(CliRunner().invoke(webhooks_app, ["list"]).stdout)
    result = run("redeliver", event.id, "--webhook", "w-old", "--from", "2099-01-01T00:00:00Z")

    (shown,) = (each for each in listed if each["id"] == "w-old")
    assert [each["eventId"] for each in shown["parked"]] == [event.id]
    assert (result.exit_code, result.stdout) == (0, f"Delivered again: {event.id}\n")
    assert parking.parked("w-old") == []
    webhooks.add(Webhook("w-old", "https://w.example", "s", 1, NOON, partner="nobody"))
    refused = run("redeliver", event.id, "--webhook", "w-old", "--charge-point", "EV-old")
    assert (refused.exit_code, refused.stderr[:41]) == (1, "Webhook w-old does not get this event: it")
    webhooks.remove("w-old")
