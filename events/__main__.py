"""`ocppgw events`: what happened, and have it delivered again."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from adapters import aws
from domain.events import Event, Events, EventType, Wanted
from domain.webhooks import LaneError, NoLaneError, Webhook
from events import delivery, webhooks_command
from events.feed_server import CLIENTS, PATH, Feed, FeedServer
from events.lambda_handler import on_aws
from events.ports import Ports
from ocppj import timestamps, topics
from ocppj.errors import IdentityError
from web import access
from web.access import AccessError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

LOOKED_BACK = timedelta(days=1)


class Output(StrEnum):
    """How it is shown."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", help="A line each, or a JSON array.")]
OfChargePoint = Annotated[str | None, typer.Option("--charge-point", help="As it writes itself in its URL.")]
Since = Annotated[str | None, typer.Option("--from", help="Such as 2026-11-21T05:00:00Z; else a day ago.")]


OfPartner = Annotated[str | None, typer.Option("--partner", help="Of this partner's charge points.")]
OfTypes = Annotated[list[EventType] | None, typer.Option("--type", help="Of this type; may be repeated.")]
ToWebhook = Annotated[str | None, typer.Option("--webhook", help="To this webhook only.")]


class _UsageError(ValueError):
    """An option can't be used; the text is a sentence."""


@app.callback()
def _events() -> None:
    """What happened, and have it delivered again."""


@app.command("list")
def list_events(
    charge_point: OfChargePoint = None,
    since: Since = None,
    partner: OfPartner = None,
    types: OfTypes = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the events of a charge point in their order, or of all by time; for 90 days they are kept."""
    with _house() as house:
        wanted = Wanted(partner, types=frozenset(types) if types else None)
        found = [event for event in _found(house.events, charge_point, _time(since)) if wanted.takes(event)]
    _show(found, output)


@app.command()
def redeliver(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID")],
    charge_point: OfChargePoint = None,
    since: Since = None,
    webhook: ToWebhook = None,
) -> None:
    """Deliver one event again, under the id it has, to all who want it or to one webhook."""
    with _house() as house:
        to = _check_webhook(webhook, house)
        found = _parked(event_id, house) or [
            event for event in _found(house.events, charge_point, _time(since)) if event.id == event_id
        ]
        if not found:
            raise _UsageError(f"There is no event {event_id} in that time; --from goes further back.")
        if to is not None and not to.wanted.takes(found[0]):
            raise _UsageError(
                f"Webhook {webhook} does not get this event: it is another partner's, or of another type."
            )
        delivery.relay(found, house, uuid.uuid4().hex, webhook)
    typer.echo(f"Delivered again: {event_id}")


@app.command()
def replay(
    since: Annotated[str, typer.Option("--from", help="Such as 2026-11-21T05:00:00Z.")],
    charge_point: OfChargePoint = None,
    partner: OfPartner = None,
    types: OfTypes = None,
    webhook: ToWebhook = None,
) -> None:
    """Deliver all events from a time on again, under the ids they have."""
    with _house() as house:
        _check_webhook(webhook, house)
        wanted = Wanted(partner, types=frozenset(types) if types else None)
        found = [event for event in _found(house.events, charge_point, _time(since)) if wanted.takes(event)]
        delivery.relay(found, house, uuid.uuid4().hex, webhook)
    typer.echo(f"Delivered again: {len(found)} events")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Where to listen; behind TLS of your own if not on this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535)] = 9085,
    clients: Annotated[int, typer.Option(min=1, help="At most so many at a time.")] = CLIENTS,
    tokens: Annotated[Path | None, typer.Option(envvar="OCPPGW_API_TOKENS", help="Who may come.")] = None,
    policy: Annotated[Path | None, typer.Option(envvar="OCPPGW_POLICY", help="What each may see.")] = None,
) -> None:
    """Serve the live feed, GET /events, until stopped; the house on this machine has one already."""
    with _house() as house:
        try:
            server = FeedServer(Feed(house.events, access.load(tokens, policy), clients), host, port)
        except OSError as error:
            raise _UsageError(f"It can't be served at {host}:{port}: {error.strerror}.") from error
        with server, suppress(KeyboardInterrupt):
            typer.echo(f"http://{host}:{server.server_port}{PATH}")
            server.serve_forever(0.1)


def _parked(event_id: str, house: Ports) -> list[Event]:
    parked = (each for webhook in house.webhooks.all() for each in house.parking.parked(webhook.webhook_id))
    found = (house.events.find(each.charge_point_id, each.sequence) for each in parked if each.event_id == event_id)
    return [event for event in found if event is not None][:1]


def _check_webhook(webhook_id: str | None, house: Ports) -> Webhook | None:
    if webhook_id is None:
        return None
    found = house.webhooks.find(webhook_id)
    if found is None:
        raise _UsageError(f"There is no webhook {webhook_id}.")
    if found.disabled_at is not None:
        raise _UsageError(f"Webhook {webhook_id} is disabled: `ocppgw webhooks test {webhook_id}` enables it.")
    return found


def _found(house: Events, charge_point: str | None, begin: datetime | None) -> Iterator[Event]:
    if charge_point is not None:
        return house.of_charge_point(topics.escape(charge_point), begin)
    now = datetime.now(UTC)
    return house.since(begin or now - LOOKED_BACK, now + timedelta(minutes=1))


def _time(given: str | None) -> datetime | None:
    try:
        return timestamps.parse(given) if given else None
    except ValueError as error:
        raise _UsageError(f"--from takes a time such as 2026-11-21T12:00:00Z, not {given}.") from error


@contextmanager
def _house() -> Iterator[Ports]:
    if os.environ.get("OCPPGW_CLOUD", "local") == "local":
        aws.aim_at_local()
    try:
        yield on_aws()
    except _UsageError as error:
        _fail(str(error))
    except (IdentityError, LaneError, NoLaneError) as error:
        _fail(f"{error}.")
    except AccessError as error:
        _fail(str(error))
    except aws.FAILURES as error:
        _fail(f"The events can't be reached: {error}")


def _show(found: list[Event], output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps([event.as_json() for event in found]))
        return
    for event in found:
        at, data = timestamps.write(event.at), json.dumps(event.data)
        typer.echo(f"{at}  {event.charge_point_id}  {event.sequence}  {event.type}  {data}")


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


webhooks_app = webhooks_command.app_of(_house)


if __name__ == "__main__":
    app()
