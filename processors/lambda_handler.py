"""The Lambda way to feed the inbox: one function for all queues; only what failed comes again.

What it imports is what a cold start costs: `python -m bench.cold_start`.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import structlog

from adapters import authorities, dynamodb, iot_data, logs, metrics, spans, sqs
from adapters.authorities import SecretError
from adapters.dynamodb_command_lines import DynamoCommandLines
from adapters.dynamodb_commands import DynamoCommands
from adapters.dynamodb_id_tokens import DynamoIdTokens
from adapters.dynamodb_pages import DynamoTransactionPages
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_reports import DynamoReports
from adapters.dynamodb_tariffs import DynamoTariffs
from adapters.dynamodb_transactions import DynamoTransactions
from adapters.iot_data import IotOutbound, IotShadows
from adapters.spans import Flush
from adapters.sqs import SqsDeferrals, SqsShadowRepairs
from adapters.sqs_dead_letters import SqsDeadLetters
from processors import backlog, inbox, poison, settings
from processors.ports import Ports
from processors.settings import Settings, SettingsError

log = structlog.get_logger(__name__)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Process a batch of any of the queues."""
    flush_spans = _spans()
    try:
        return handle(event, _ports())
    finally:
        flush_spans()  # it may be frozen as soon as it has answered


def handle(event: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Process a batch of SQS records; returns the ids of those that must come again."""
    records = event.get("Records") or []  # a warm-up call sends none
    late = [record for record in records if backlog.may_wait(record["body"], _attempt(record), ports)]
    backlog.put_off([record["body"] for record in late], ports)
    now = [record for record in records if record not in late]
    rows = inbox.rows_of((record["body"] for record in now), ports)
    failed = [record["messageId"] for record in now if not _is_done(record, rows, ports)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _is_done(record: dict[str, Any], rows: inbox.Rows | None, ports: Ports) -> bool:
    body, queue = record["body"], record["eventSourceARN"].rpartition(":")[2]
    try:
        inbox.process(inbox.read(body), ports, queue=queue, rows=rows)
    except Exception as error:
        # The outermost loop: what fails is reported, so that the queue brings it again, and not the others.
        log.exception("record not processed", queue=queue, record=record["messageId"])
        return poison.bury(queue, body, _attempt(record), error, ports)
    return True


def _attempt(record: dict[str, Any]) -> int:
    return int(record["attributes"].get("ApproximateReceiveCount", 1))


def on_aws(chosen: Settings, on_rule: Callable[[str], None]) -> Ports:
    """The ports on AWS, or on the emulator where AWS_ENDPOINT_URL points to it; `on_rule` hears what was reconciled."""
    client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
    registry, transactions = DynamoRegistry(client, tables), DynamoTransactions(client, tables, on_rule)
    queues = sqs.connect()
    iot = iot_data.connect(os.environ.get("OCPPGW_IOT_ENDPOINT"))
    return Ports(
        registry=registry,
        observations=registry,
        passwords=registry,
        id_tokens=DynamoIdTokens(client, tables),
        tariffs=DynamoTariffs(client, tables),
        transactions=transactions,
        history=transactions,
        open_transactions=DynamoTransactionPages(client, tables),
        commands=DynamoCommands(client, tables),
        command_lines=DynamoCommandLines(client, tables),
        reports=DynamoReports(client, tables),
        outbound=IotOutbound(iot),
        shadows=IotShadows(iot),
        shadow_repairs=SqsShadowRepairs(queues, inbox.SHADOW_REPAIRS),
        clock=lambda: datetime.now(UTC),
        settings=chosen,
        signer=authorities.signer(chosen),
        dead_letters=SqsDeadLetters(queues),
        contracts=authorities.contracts(chosen.contract_roots),
        responders=authorities.responders(chosen.ocsp_responders, chosen.contract_roots),
        deferrals=SqsDeferrals(queues, inbox.INCOMING),
    )


@cache
def _spans() -> Flush:
    return spans.export(os.environ, "processors")


@cache
def _ports() -> Ports:
    # Made once, when the first batch needs them; the next ones find their connections open.
    logs.configure()
    try:
        return on_aws(settings.load(), metrics.count_rule)
    except (SettingsError, SecretError) as error:
        sys.exit(str(error))
