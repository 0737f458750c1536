"""The command API as a Lambda behind a Function URL."""

import os
import secrets
import sys
import time
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from adapters import aws, dynamodb, iot_data, logs
from adapters.dynamodb_command_lines import DynamoCommandGuards, DynamoCommandLines
from adapters.dynamodb_commands import DynamoCommands
from adapters.dynamodb_registry import DynamoRegistry
from adapters.iot_data import IotOutbound
from remote_commands import api, settings
from remote_commands.issue import Ports
from remote_commands.settings import Settings, SettingsError
from web import access
from web.access import AccessError


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request, a Function URL event of payload version 2.0."""
    return _resolver().resolve(event, context)


@cache
def _resolver() -> LambdaFunctionUrlResolver:
    # Made once, when the first request needs it; the next ones find its connections open.
    logs.configure()
    try:
        chosen = settings.load(Settings)
        callers = access.load(chosen.api_tokens, chosen.policy)
    except (SettingsError, AccessError) as error:
        sys.exit(str(error))
    client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
    registry = DynamoRegistry(client, tables)
    ports = Ports(
        registry=registry,
        passwords=registry,
        commands=DynamoCommands(client, tables),
        lines=DynamoCommandLines(client, tables),
        guards=DynamoCommandGuards(client, tables),
        outbound=IotOutbound(iot_data.connect(os.environ.get("OCPPGW_IOT_ENDPOINT"))),
        broker_errors=aws.FAILURES,
        now=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
        draw=secrets.randbelow,
        sleep=time.sleep,
    )
    return api.resolver(ports, chosen, callers)
