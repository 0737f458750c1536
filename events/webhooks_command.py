"""`ocppgw webhooks`: where events are posted to. `events/__main__.py` says where they are kept."""

import json
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer

from domain import webhooks
from domain.events import EventType
from domain.parking import Parked
from domain.webhooks import Webhook
from events import delivery
from events.ports import Ports
from ocppj import timestamps

House = Callable[[], AbstractContextManager[Ports]]
Id = Annotated[str, typer.Argument(metavar="WEBHOOK_ID")]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def app_of(house: House) -> typer.Typer:
    """The commands; `house` opens what they need, and ends them with a sentence if it can't be reached."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.callback()
    def _webhooks() -> None:
        """Post events to somebody's URL, signed. All answers are JSON."""

    @app.command()
    def add(
        url: Annotated[str, typer.Argument(help="https://...; http:// on this machine only.")],
        partner: Annotated[str | None, typer.Option(help="Only events of this partner's charge points.")] = None,
        types: Annotated[list[EventType] | None, typer.Option("--type", help="Of this type; may be repeated.")] = None,
        secret: Annotated[str | None, typer.Option(help="What signs; else one is made and shown once.")] = None,
        output: Annotated[str, typer.Option(help="json, whatever is said.")] = "json",
    ) -> None:
        """Add a webhook; shows its id and, this once, its secret."""
        _check(url)
        with house() as ports:
            added = _added(ports, url, secret, partner, tuple(types or ()))
        typer.echo(json.dumps(_shown(added) | {"secret": added.secret}))

    @app.command("list")
    def list_webhooks(output: Annotated[str, typer.Option(help="json, whatever is said.")] = "json") -> None:
        """List them, without their secrets, and with the events they refuse while they take others."""
        with house() as ports:
            shown = [_with_parked(webhook, ports) for webhook in ports.webhooks.all()]
        typer.echo(json.dumps(shown))

    @app.command()
    def test(webhook_id: Id, output: Annotated[str, typer.Option(help="json, whatever is said.")] = "json") -> None:
        """Post a signed `webhook.test`, and say what came back; one that takes it is enabled again."""
        with house() as ports:
            found = ports.webhooks.find(webhook_id)
            if found is None:
                _fail(f"There is no webhook {webhook_id}.")
            status = delivery.test(found, ports)
        typer.echo(json.dumps({"id": webhook_id, "status": status}))
        if not 200 <= status < 300:
            _fail(f"{found.url} did not take it: {status or 'no answer within five seconds'}.")

    @app.command()
    def remove(webhook_id: Id) -> None:
        """Remove a webhook; what waits for it is dropped."""
        with house() as ports:
            if not ports.webhooks.remove(webhook_id):
                _fail(f"There is no webhook {webhook_id}.")
        typer.echo(json.dumps({"id": webhook_id, "removed": True}))

    return app


def _added(ports: Ports, url: str, secret: str | None, partner: str | None, types: tuple[EventType, ...]) -> Webhook:
    added = Webhook(
        webhook_id=secrets.token_hex(8),
        url=url,
        secret=secret or secrets.token_urlsafe(32),
        lane=webhooks.free_lane(ports.webhooks.all(), ports.lanes.count()),
        created_at=ports.clock(),
        partner=partner,
        types=types,
    )
    ports.webhooks.add(added)
    return added


def _with_parked(webhook: Webhook, ports: Ports) -> dict[str, Any]:
    return _shown(webhook) | {"parked": [_parked(each) for each in ports.parking.parked(webhook.webhook_id)]}


def _shown(webhook: Webhook) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": webhook.webhook_id,
        "url": webhook.url,
        "partner": webhook.partner,
        "types": list(webhook.types),
        "createdAt": timestamps.write(webhook.created_at),
    }
    for name, at in (("failingSince", webhook.failing_since), ("disabledAt", webhook.disabled_at)):
        shown[name] = timestamps.write(at) if at else None
    return shown


def _parked(event: Parked) -> dict[str, Any]:
    return {
        "eventId": event.event_id,
        "type": event.type,
        "chargePointId": event.charge_point_id,
        "sequence": event.sequence,
        "status": event.status,
        "refusedSince": timestamps.write(event.refused_since),
        "parkedAt": timestamps.write(event.parked_at),
    }


def _check(url: str) -> None:
    parts = urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or is_local):
        _fail(f"{url} is no https URL (http is for this machine only).")


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
