"""The fleet API as a Lambda behind a Function URL."""

import os
import sys
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from adapters import dynamodb, iot_data, logs, things
from adapters.dynamodb_commands import DynamoCommands
from adapters.dynamodb_id_tokens import DynamoIdTokens
from adapters.dynamodb_pages import DynamoReportPages, DynamoTransactionPages
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_reports import DynamoReports
from adapters.dynamodb_transactions import DynamoTransactions
from adapters.iot_data import IotOutbound
from fleet import api, settings
from fleet.ports import Ports
from fleet.reading import Reading
from fleet.settings import SettingsError
from web import access
from web.access import AccessError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request, a Function URL event of payload version 2.0."""
    return _resolver().resolve(event, context)


@cache
def _resolver() -> LambdaFunctionUrlResolver:
    # Made once, when the first request needs it; the next ones find its connections open.
    logs.configure()
    try:
        chosen = settings.load()
        callers = access.load(chosen.api_tokens, chosen.policy)
    except (SettingsError, AccessError) as error:
        sys.exit(str(error))
    client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
    ports = Ports(
        reading=reading_on(client, tables),
        registry=DynamoRegistry(client, tables),
        things=things.connect(),
        id_tokens=DynamoIdTokens(client, tables),
        outbound=IotOutbound(iot_data.connect(os.environ.get("OCPPGW_IOT_ENDPOINT"))),
        now=lambda: datetime.now(UTC),
    )
    return api.resolver(ports, callers)


def reading_on(client: "DynamoDBClient", tables: dynamodb.Tables) -> Reading:
    """What is read, in DynamoDB."""
    return Reading(
        rows=DynamoRegistry(client, tables),
        commands=DynamoCommands(client, tables),
        sessions=DynamoTransactions(client, tables),
        reports=DynamoReports(client, tables),
        transaction_pages=DynamoTransactionPages(client, tables),
        report_pages=DynamoReportPages(client, tables),
        now=lambda: datetime.now(UTC),
    )
