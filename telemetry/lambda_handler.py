"""Telemetry as Lambdas: `handler` takes batches of its queues, `api` answers requests of a Function URL."""

import os
import sys
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from adapters import dynamodb, logs, s3_archive, sqs, things
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_telemetry import DynamoLatestSamples, DynamoStations
from adapters.dynamodb_transactions import DynamoTransactions
from adapters.sqs_dead_letters import SqsDeadLetters
from telemetry import settings
from telemetry.api import Reading, resolver
from telemetry.inbox import Inbox, Message
from telemetry.ports import Ports
from telemetry.rates import Rates
from telemetry.settings import SettingsError
from web import access
from web.access import AccessError
from web.rest_api import as_function_url


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take a batch of one of the queues."""
    return handle(event, _inbox())


def api(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request: the event of a Function URL, or of a REST API."""
    return _api().resolve(as_function_url(event), context)


def handle(event: dict[str, Any], inbox: Inbox) -> dict[str, Any]:
    """Take a batch of SQS records; returns the ids of those that must come again."""
    records = event.get("Records") or []
    if not records:  # a warm-up call sends an empty batch
        return {"batchItemFailures": []}
    queue = records[0]["eventSourceARN"].rpartition(":")[2]
    failed = inbox.take(queue, [Message(record["messageId"], record["body"]) for record in records])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(failed)]}


def on_aws() -> Ports:
    """The ports on AWS, or on the emulator where AWS_ENDPOINT_URL points to it."""
    client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
    return Ports(
        archive=s3_archive.connect(),
        latest=DynamoLatestSamples(client, tables),
        stations=DynamoStations(client, tables),
        registry=DynamoRegistry(client, tables),
        transactions=DynamoTransactions(client, tables),
        things=things.known(),
        dead_letters=SqsDeadLetters(sqs.connect()),
        clock=lambda: datetime.now(UTC),
    )


@cache
def _inbox() -> Inbox:
    # Made once, when the first batch needs it; the next ones find its connections open.
    logs.configure()
    return Inbox(on_aws())


@cache
def _api() -> LambdaFunctionUrlResolver:
    logs.configure()
    try:
        chosen = settings.load()
        callers = access.load(chosen.api_tokens, chosen.policy)
    except (SettingsError, AccessError) as error:
        sys.exit(str(error))
    client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
    reading = Reading(
        archive=s3_archive.connect(),
        latest=DynamoLatestSamples(client, tables),
        stations=DynamoStations(client, tables),
        registry=DynamoRegistry(client, tables),
        now=lambda: datetime.now(UTC),
    )
    return resolver(reading, callers, Rates(chosen.reads_per_minute, time.monotonic), chosen.cors_origin)
