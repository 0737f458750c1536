"""The command API as a Lambda behind a Function URL, its reads as another, and the one that does its jobs."""

import json
import os
import secrets
import sys
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import structlog
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from adapters import aws, dynamodb, iot_data, logs, spans, sqs
from adapters.dynamodb_administration import DynamoAdministration
from adapters.dynamodb_command_jobs import DynamoJobs
from adapters.dynamodb_command_lines import DynamoCommandGuards, DynamoCommandLines
from adapters.dynamodb_commands import DynamoCommands
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_reports import DynamoReports
from adapters.iot_data import IotOutbound
from adapters.spans import Flush
from adapters.sqs import SqsJobQueue
from domain import tracing
from domain.jobs import QUEUE
from domain.tracing import Kind
from remote_commands import api, job_steps, settings
from remote_commands.issue import Ports
from remote_commands.jobs import JobPorts
from remote_commands.settings import Settings, SettingsError
from web import access
from web.access import Access, AccessError
from web.rest_api import as_function_url

log = structlog.get_logger(__name__)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request: the event of a Function URL, or of a REST API."""
    return _answer(event, context, only_reads=False)


def reads(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one that only reads: in a function of its own, whose places those who wait can't take."""
    return _answer(event, context, only_reads=True)


def _answer(event: dict[str, Any], context: LambdaContext, *, only_reads: bool) -> dict[str, Any]:
    event = as_function_url(event)
    traceparent, path = event.get("headers", {}).get(tracing.PROPERTY), str(event.get("rawPath"))
    with tracing.following(traceparent, "command API", Kind.SERVER, path=path) as trace_id:
        answer = _resolver(only_reads).resolve(event, context)
        if trace_id:
            log.info("traced", step="answered", path=path, status=answer["statusCode"])
    if trace_id:
        _house().flush_spans()  # it may be frozen as soon as it has answered
    return answer


def work(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Make steps of jobs: a batch of SQS records; returns the ids of those that must come again."""
    failed = []
    for record in event.get("Records") or ():  # a warm-up call sends none
        try:
            step(record["body"])
        except Exception:
            # The outermost loop: the queue brings it again, and at last puts it to the dead letters.
            log.exception("step of a job not made", record=record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def step(body: str) -> None:
    """Make the step that is in a message of the queue."""
    message, house = json.loads(body), _house()
    job_steps.run(message["jobId"], message["step"], house.ports, house.work, house.settings, house.access)


@dataclass(frozen=True, slots=True)
class _House:
    ports: Ports
    work: JobPorts
    settings: Settings
    access: Access
    flush_spans: Flush


@cache
def _resolver(only_reads: bool) -> LambdaFunctionUrlResolver:
    house = _house()
    return api.resolver(house.ports, house.work, house.settings, house.access, only_reads=only_reads)


@cache
def _house() -> _House:
    # Made once, when the first request needs it; the next ones find its connections open.
    logs.configure()
    try:
        chosen = settings.load(Settings)
        callers = access.load(chosen.api_tokens, chosen.policy)
    except (SettingsError, AccessError) as error:
        sys.exit(str(error))
    client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
    registry, jobs = DynamoRegistry(client, tables), DynamoJobs(client, tables)
    ports = Ports(
        registry=registry,
        passwords=registry,
        commands=DynamoCommands(client, tables),
        lines=DynamoCommandLines(client, tables),
        guards=DynamoCommandGuards(client, tables),
        reports=DynamoReports(client, tables),
        outbound=IotOutbound(iot_data.connect(os.environ.get("OCPPGW_IOT_ENDPOINT"))),
        broker_errors=aws.FAILURES,
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
        draw=secrets.randbelow,
        sleep=time.sleep,
    )
    work = JobPorts(jobs, jobs, SqsJobQueue(sqs.connect(), queue_name()), DynamoAdministration(client, tables))
    return _House(ports, work, chosen, callers, spans.export(os.environ, "remote_commands"))


def queue_name() -> str:
    """The queue of the steps of jobs."""
    return os.environ.get("OCPPGW_JOB_QUEUE", QUEUE)
