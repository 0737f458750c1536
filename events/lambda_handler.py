"""Delivering events as Lambdas: one fed by the stream of EventTable, one by the lanes of webhooks."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson

from adapters import dynamodb, http_post, logs, metrics, sqs, sqs_lanes
from adapters.dynamodb_events import DynamoEvents
from adapters.dynamodb_parking import DynamoParking
from adapters.dynamodb_webhooks import DynamoWebhooks
from adapters.sqs_lanes import SqsLanes
from events import delivery
from events.delivery import Delivery
from events.ports import Ports


def relay(event: dict[str, Any], context: Any) -> None:
    """Relay what a batch of the stream tells of; a batch that fails comes again, as a whole and in its order."""
    keys = [record["dynamodb"]["Keys"] for record in event.get("Records") or ()]
    events = _events()
    found = (events.find(key["chargePointId"]["S"], int(key["sequence"]["S"])) for key in keys if _is_of_event(key))
    stored = [one for one in found if one is not None]
    if stored:
        delivery.relay(stored, _ports())


def deliver(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Deliver a batch of a lane; returns the ids of the messages that must come again."""
    records = {record["messageId"]: record for record in event.get("Records") or ()}
    again = delivery.deliver([_delivery(record) for record in records.values()], _ports())
    for message_id, in_s in again.items():
        record = records[message_id]
        lane = int(record["eventSourceARN"].rpartition("Webhooks")[2].removesuffix(".fifo"))
        _lanes().release(lane, record["receiptHandle"], in_s)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}


def on_aws() -> Ports:
    """The ports on AWS, or on the emulator where AWS_ENDPOINT_URL points to it."""
    client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
    return Ports(
        events=_events(),
        webhooks=DynamoWebhooks(client, tables),
        parking=DynamoParking(client, tables),
        lanes=_lanes(),
        bus=sqs_lanes.connect(),
        post=http_post.post,
        clock=lambda: datetime.now(UTC),
        on_disabled=metrics.count_disabled,
        on_parked=metrics.count_parked,
    )


def _is_of_event(key: dict[str, Any]) -> bool:
    # The table holds webhooks and large payloads, too.
    return not key["chargePointId"]["S"].startswith("#")


def _delivery(record: dict[str, Any]) -> Delivery:
    said = orjson.loads(record["body"])
    attempt = int(record["attributes"]["ApproximateReceiveCount"])
    return Delivery(record["messageId"], said["webhookId"], said["chargePointId"], said["sequence"], attempt)


@cache
def _events() -> DynamoEvents:
    return DynamoEvents(dynamodb.connect(), dynamodb.tables(os.environ))


@cache
def _lanes() -> SqsLanes:
    return SqsLanes(sqs.connect())


@cache
def _ports() -> Ports:
    logs.configure()
    return on_aws()
