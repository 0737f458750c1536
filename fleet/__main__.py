"""`ocppgw fleet`: register charge points and id tokens, look at one."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from adapters import dynamodb, dynamodb_id_tokens, dynamodb_registry, mqtt_watch, things
from domain.models import IdToken
from domain.ports import IdTokens, Registry
from fleet import charge_points, doctor_command, reading_commands, watch_command
from fleet.charge_points import AlreadyRegisteredError
from fleet.lambda_handler import reading_on
from fleet.ports import Things
from fleet.reading import Reading
from fleet.settings import Settings, SettingsError, load
from ocppj import timestamps, topics
from ocppj.errors import IdentityError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


class Output(StrEnum):
    """How it is shown."""

    TABLE = "table"
    JSON = "json"


class TokenStatus(StrEnum):
    """What a token is worth."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    INVALID = "Invalid"


OutputOption = Annotated[Output, typer.Option("--output", help="For people or for programs.")]
Identity = Annotated[str, typer.Argument(help="As the charge point writes it in its URL.", metavar="IDENTITY")]


@dataclass(frozen=True, slots=True)
class _House:
    settings: Settings
    registry: Registry
    things: Things
    id_tokens: IdTokens


@app.callback()
def _fleet() -> None:
    """Register charge points and id tokens, look at one."""


@app.command()
def register(
    identity: Identity,
    password: Annotated[str | None, typer.Option(help='"generate" makes one and shows it once.')] = None,
    profile: Annotated[
        int | None, typer.Option(min=0, max=3, help="The security profile it must connect with.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Register a charge point: an IoT thing and its registry row."""
    if password not in (None, "generate"):
        _fail("--password takes the word generate.")
    if profile in (1, 2) and password is None:
        _fail(f"Security profile {profile} needs a password: add --password generate.")
    with _house() as house:
        charge_point_id = topics.escape(identity)
        pepper = house.settings.pepper.get_secret_value().encode()
        secret, hashed = charge_points.generate(secrets.token_bytes, pepper) if password else (None, None)
        registered = charge_points.register(
            charge_point_id,
            house.registry,
            house.things,
            now=datetime.now(UTC),
            password=secret,
            password_hash=hashed,
            security_profile=profile,
        )
    shown = {"chargePointId": charge_point_id, "thingId": registered.thing_id}
    _show(shown | ({"password": secret} if secret else {}), output)


@app.command()
def show(identity: Identity, output: OutputOption = Output.TABLE) -> None:
    """Show a charge point: its connection and the state its shadow reports."""
    with _house() as house:
        charge_point_id = topics.escape(identity)
        row = house.registry.find_many([charge_point_id]).get(charge_point_id)
        if row is None:
            _fail(f"{charge_point_id} is not registered.")
        connection = row.connection
        alive = connection is not None and house.registry.is_alive(connection.gateway, datetime.now(UTC))
        shown: dict[str, Any] = {
            "chargePointId": charge_point_id,
            "registration": str(row.registration),
            "connected": connection is not None and connection.disconnected_at is None and alive,
        }
        if connection is not None:
            shown["connectedAt"] = timestamps.write(connection.connected_at)
            if connection.last_seen is not None:
                shown["lastSeen"] = timestamps.write(connection.last_seen)
            shown["ocppVersion"] = connection.version.name
        _show(shown | {"shadow": house.things.shadow(charge_point_id)}, output)


@app.command()
def add_token(
    id_token: Annotated[str, typer.Argument(metavar="ID_TOKEN")],
    status: Annotated[TokenStatus, typer.Option(help="What it is worth.")] = TokenStatus.ACCEPTED,
    group: Annotated[str | None, typer.Option(help="Its group, the parentIdTag of 1.6.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add or replace an id token."""
    with _house() as house:
        house.id_tokens.put(IdToken(id_token.lower(), str(status), group_id=group))
    _show({"idToken": id_token.lower(), "status": str(status)} | ({"group": group} if group else {}), output)


def _settings() -> Settings:
    try:
        return load()
    except SettingsError as error:
        _fail(str(error))


def _watched() -> watch_command.Subscribe:
    settings = _settings()
    try:
        return partial(mqtt_watch.subscribe, _broker(settings))
    except ValueError as error:
        _fail(str(error))
    except (mqtt_watch.BrokerError, BotoCoreError, ClientError) as error:
        _fail(f"The broker can't be found: {error}")


def _broker(settings: Settings) -> mqtt_watch.Broker:
    if settings.mqtt is not None:
        return mqtt_watch.by_url(settings.mqtt, settings.mqtt_ca, settings.mqtt_cert, settings.mqtt_key)
    if settings.cloud == "aws":
        return mqtt_watch.on_aws()
    # As `ocppgw up` leaves it for its gateway.
    state = settings.state_dir
    if not (state / "ca.pem").is_file():
        _fail(f"No house has run in {state}: is `ocppgw up` running, and OCPPGW_STATE_DIR the same?")
    certificate, key = state / "gateway" / "certificate.pem", state / "gateway" / "key.pem"
    return mqtt_watch.by_url(f"mqtts://localhost:{settings.mqtt_port}", state / "ca.pem", certificate, key)


@contextmanager
def _house() -> Iterator[_House]:
    settings = _settings()
    if settings.cloud == "local":
        _aim_at(f"http://127.0.0.1:{settings.aws_port}")
    try:
        client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
        registry = dynamodb_registry.DynamoRegistry(client, tables)
        yield _House(settings, registry, things.connect(), dynamodb_id_tokens.DynamoIdTokens(client, tables))
    except (AlreadyRegisteredError, IdentityError) as error:
        _fail(f"{error}.")
    except (BotoCoreError, ClientError) as error:
        where = "Is `ocppgw up` running, and OCPPGW_AWS_PORT the same?" if settings.cloud == "local" else ""
        _fail(f"The fleet can't be reached: {error} {where}".rstrip())


def _aim_at(endpoint_url: str) -> None:
    # boto3's own variables; the emulator takes any keys.
    os.environ["AWS_ENDPOINT_URL"] = endpoint_url
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")


def _show(shown: dict[str, Any], output: Output) -> None:
    print_line: Callable[..., None] = partial(Console(highlight=False, soft_wrap=True).print, markup=False)
    if output is Output.JSON:
        print_line(json.dumps(shown))
        return
    table = Table(show_header=False, box=None)
    for name, value in shown.items():
        table.add_row(name, json.dumps(value, indent=2) if isinstance(value, dict) else str(value))
    Console().print(table)


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


@contextmanager
def _reading() -> Iterator[Reading]:
    with _house():
        yield reading_on(dynamodb.connect(), dynamodb.tables(os.environ))


reading_commands.add_to(app, _reading)
doctor_app = doctor_command.app_of(_reading)
watch_app = watch_command.app_of(_watched)


if __name__ == "__main__":
    app()
