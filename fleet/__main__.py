"""`ocppgw fleet`: charge points and id tokens, looked after; `ocppgw cdr`, `doctor`, `privacy`, `watch`."""

import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from adapters import dynamodb, dynamodb_privacy, logs, mqtt_watch, s3_archive, sqs
from adapters.dynamodb_administration import DynamoAdministration
from adapters.sqs_dead_letters import SqsDeadLetters
from domain.ports import Message
from fleet import (
    cdr_command,
    charge_points_commands,
    charge_points_import,
    doctor_command,
    id_tokens_commands,
    lambda_handler,
    privacy_command,
    reading_commands,
    watch,
    watch_command,
)
from fleet.console import Commands, Output, OutputOption, fail
from fleet.ports import Ports
from fleet.privacy import DeadLetters, FrameLog, Privacy
from fleet.reading import Reading
from fleet.settings import Settings, SettingsError, load
from ocppj import topics

app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(charge_points_commands.app)
app.add_typer(charge_points_import.app)
app.add_typer(id_tokens_commands.app, name="tokens")
app.add_typer(reading_commands.app)


@app.callback()
def _fleet(context: typer.Context) -> None:
    """Register charge points and id tokens, look after them."""
    logs.configure({"OCPPGW_LOG_LEVEL": "error", **os.environ})  # a command says itself what went wrong
    context.obj = _house


@app.command()
def add_token(
    context: typer.Context,
    id_token: id_tokens_commands.Token,
    status: id_tokens_commands.Status = "Accepted",
    group: Annotated[str | None, typer.Option(help="Its group, the parentIdTag of 1.6.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add or replace an id token: short for `tokens add`."""
    id_tokens_commands.add(context, id_token, status, group, None, None, None, output)


def _watched() -> watch_command.Subscribe:
    settings = _settings()
    try:
        return partial(_subscribe, _broker(settings))
    except ValueError as error:
        fail(str(error))
    except (mqtt_watch.BrokerError, BotoCoreError, ClientError) as error:
        fail(f"The broker can't be found: {error}")


def _subscribe(
    broker: mqtt_watch.Broker, charge_point_id: str, ours: list[str], subscribed: Callable[[], None]
) -> AsyncGenerator[Message, None]:
    wish = mqtt_watch.Wish(topics.WATCH, watch.wish(charge_point_id), watch.ASK_EVERY_S)
    return mqtt_watch.subscribe(broker, ours, subscribed, wish)


def _broker(settings: Settings) -> mqtt_watch.Broker:
    if settings.mqtt is not None:
        return mqtt_watch.by_url(settings.mqtt, settings.mqtt_ca, settings.mqtt_cert, settings.mqtt_key)
    if settings.cloud == "aws":
        return mqtt_watch.on_aws()
    # As `ocppgw up` leaves it for its gateway.
    state = settings.state_dir
    if not (state / "ca.pem").is_file():
        fail(f"No house has run in {state}: is `ocppgw up` running, and OCPPGW_STATE_DIR the same?")
    certificate, key = state / "gateway" / "certificate.pem", state / "gateway" / "key.pem"
    return mqtt_watch.by_url(f"mqtts://localhost:{settings.mqtt_port}", state / "ca.pem", certificate, key)


@contextmanager
def _house() -> Iterator[Ports]:
    settings = _settings()
    if settings.cloud == "local":
        _aim_at(f"http://127.0.0.1:{settings.aws_port}")
    try:
        yield lambda_handler.on_aws(settings, is_patient=True)
    except (BotoCoreError, ClientError) as error:
        where = "Is `ocppgw up` running, and OCPPGW_AWS_PORT the same?" if settings.cloud == "local" else ""
        fail(f"The fleet can't be reached: {error} {where}".rstrip())


def _settings() -> Settings:
    try:
        return load()
    except SettingsError as error:
        fail(str(error))


def _aim_at(endpoint_url: str) -> None:
    # boto3's own variables; the emulator takes any keys.
    os.environ["AWS_ENDPOINT_URL"] = endpoint_url
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")


@contextmanager
def _reading() -> Iterator[Reading]:
    with _house() as ports:
        yield ports.reading


@contextmanager
def _privacy() -> Iterator[Privacy]:
    with _house() as ports:
        client, tables = dynamodb.connect(), dynamodb.tables(os.environ)
        administration = DynamoAdministration(client, tables)
        yield Privacy(
            stores=[
                *dynamodb_privacy.stores(client, tables),
                DeadLetters(SqsDeadLetters(sqs.connect())),
                FrameLog(s3_archive.connect()),
            ],
            progress=dynamodb_privacy.DynamoProgress(client, tables),
            transactions=ports.reading.transaction_pages,
            find=ports.reading.sessions.find,
            partners=lambda: {row.charge_point_id: row.partner for row in administration.everything()},
        )


privacy_app = privacy_command.app_of(_privacy)
cdr_app = cdr_command.app_of(_reading)
doctor_app = doctor_command.app_of(_reading)
watch_app = watch_command.app_of(_watched)


if __name__ == "__main__":
    app()
