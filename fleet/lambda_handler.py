"""The fleet API as a Lambda behind a Function URL."""

import os
import secrets
import sys
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from adapters import authorities, aws, dynamodb, iot_data, local_ca, logs, things
from adapters.authorities import SecretError
from adapters.dynamodb_administration import DynamoAdministration
from adapters.dynamodb_commands import DynamoCommands
from adapters.dynamodb_id_tokens import DynamoIdTokens
from adapters.dynamodb_pages import DynamoReportPages, DynamoTransactionPages
from adapters.dynamodb_registrations import DynamoRegistrations
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_reports import DynamoReports
from adapters.dynamodb_transactions import DynamoTransactions
from adapters.iot_data import IotOutbound
from fleet import api, settings
from fleet.ports import Ports
from fleet.reading import Reading
from fleet.settings import Settings, SettingsError
from web import access
from web.access import AccessError
from web.rest_api import as_function_url

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request: the event of a Function URL, or of a REST API."""
    return _resolver().resolve(as_function_url(event), context)


@cache
def _resolver() -> LambdaFunctionUrlResolver:
    # Made once, when the first request needs it; the next ones find its connections open.
    logs.configure()
    try:
        chosen = settings.load()
        callers = access.load(chosen.api_tokens, chosen.policy)
        return api.resolver(on_aws(chosen), callers)
    except (SettingsError, AccessError, SecretError) as error:
        sys.exit(str(error))


def on_aws(chosen: Settings, *, is_patient: bool = False) -> Ports:
    """The ports on AWS, or on the emulator where AWS_ENDPOINT_URL points to it; things may be made in large numbers."""
    client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
    return Ports(
        reading=reading_on(client, tables),
        registry=DynamoRegistry(client, tables),
        administration=DynamoAdministration(client, tables),
        registrations=DynamoRegistrations(client, tables),
        things=things.connect(chosen.type_of_things, is_patient=is_patient),
        id_tokens=DynamoIdTokens(client, tables),
        reports=DynamoReports(client, tables),
        outbound=IotOutbound(iot_data.connect(os.environ.get("OCPPGW_IOT_ENDPOINT"))),
        now=lambda: datetime.now(UTC),
        random_bytes=secrets.token_bytes,
        pepper=_pepper(chosen),
        signer=authorities.signer(chosen),
        make_request=partial(local_ca.make_request, organization=chosen.certificate_organization),
    )


def _pepper(chosen: Settings) -> bytes:
    if chosen.pepper_secret is None:
        return chosen.pepper.get_secret_value().encode()
    held = aws.session().client("secretsmanager", config=aws.config())
    secret: str = held.get_secret_value(SecretId=chosen.pepper_secret)["SecretString"]
    return secret.encode()


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
