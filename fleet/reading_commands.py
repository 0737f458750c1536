"""`ocppgw fleet transactions` and its like, for people or as JSON. `fleet/__main__.py` says where the fleet is."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from domain import assembly
from domain.pages import LIMIT, MOST, Ask, CursorError, Page
from fleet import views
from fleet.reading import SECURITY_EVENT, Reading
from ocppj import timestamps, topics
from ocppj.errors import IdentityError

House = Callable[[], AbstractContextManager[Reading]]

Identity = Annotated[str, typer.Argument(help="As the charge point writes it in its URL.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs, as over HTTP.")]
Limit = Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")]
Cursor = Annotated[str | None, typer.Option(help="The nextCursor of the page before.")]

_TRANSACTION = ("chargePointId", "transactionId", "connector", "idToken", "startedAt", "endedAt", "billedWh", "rules")
_SAMPLE = ("at", "measurand", "value", "unit", "phase", "context")
_REPORT = ("at", "action", "key", "payload")


def add_to(app: typer.Typer, house: House) -> None:
    """Add the commands; `house` opens what is read, and ends them with a sentence if it can't be reached."""

    @app.command()
    def transactions(
        identity: Annotated[str | None, typer.Argument(help="Of this charge point.")] = None,
        token: Annotated[str | None, typer.Option(help="Those that this id token began.")] = None,
        begin: Annotated[str | None, typer.Option("--from", help="That began then or later.")] = None,
        end: Annotated[str | None, typer.Option("--to", help="That began before.")] = None,
        limit: Limit = LIMIT,
        cursor: Cursor = None,
        as_json: AsJson = False,
    ) -> None:
        """List transactions, newest first: of a charge point, of a token, or else all that are open."""
        if identity and token:
            _fail("A charge point or a token, not both.")
        ask = Ask(limit, cursor, _time(begin, "--from"), _time(end, "--to"))
        with house() as reading:
            pages = reading.transaction_pages
            of = _id(identity) if identity else ""
            page = _page(
                lambda: (
                    pages.of_charge_point(of, ask) if of else pages.of_token(token, ask) if token else pages.open(ask)
                )
            )
        _list([views.transaction(one) for one in page.items], page.cursor, _TRANSACTION, as_json=as_json)

    @app.command()
    def transaction(identity: Identity, transaction_id: str, as_json: AsJson = False) -> None:
        """Show a transaction with its samples, and what had to be put right."""
        with house() as reading:
            found = reading.sessions.find(_id(identity), transaction_id)
            if found is None:
                _fail(f"{identity} has no transaction {transaction_id}.")
            shown = views.detail(found, reading.sessions.told(found.charge_point_id, found.transaction_id))
        if as_json:
            typer.echo(json.dumps(shown, indent=2))
            return
        samples, remarks = shown.pop("samples"), shown.pop("remarks")
        _rows([{"name": name, "value": value} for name, value in shown.items() if value is not None], ("name", "value"))
        _rows(remarks, ("rule", "remark"))
        _rows(samples, _SAMPLE)

    @app.command()
    def device_model(identity: Identity, as_json: AsJson = False) -> None:
        """Show the variables of a charge point, or the configuration keys of 1.6, as it last told them."""
        with house() as reading:
            of = _id(identity)
            found = assembly.device_model(reading.reports, of) or assembly.configuration(reading.reports, of)
        _list(found, None, tuple(dict.fromkeys(name for entry in found for name in entry)), as_json=as_json)

    @app.command()
    def reports(
        identity: Identity,
        action: Annotated[str, typer.Option(help="Of this action only, such as NotifyEvent.")] = "",
        limit: Limit = LIMIT,
        cursor: Cursor = None,
        as_json: AsJson = False,
    ) -> None:
        """List what a charge point told."""
        with house() as reading:
            of = _id(identity)
            page = _page(lambda: reading.report_pages.page(of, action, Ask(limit, cursor)))
        _list([views.report(report) for report in page.items], page.cursor, _REPORT, as_json=as_json)

    @app.command()
    def security_events(
        identity: Identity, limit: Limit = LIMIT, cursor: Cursor = None, as_json: AsJson = False
    ) -> None:
        """List a charge point's security events, newest first."""
        reports(identity, SECURITY_EVENT, limit, cursor, as_json)


def _list(shown: Sequence[dict[str, Any]], cursor: str | None, columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"data": shown, "nextCursor": cursor}, indent=2))
        return
    _rows(shown, columns)
    if cursor:
        typer.echo(f"There is more: --cursor {cursor}", err=True)


def _rows(shown: Sequence[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if not shown:
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for one in shown:
        table.add_row(*(_cell(one.get(name)) for name in columns))
    # A charge point's words may have brackets in them: they are no markup of ours.
    Console(markup=False, emoji=False, highlight=False).print(table, markup=False)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list):
        return ", ".join(_cell(each) for each in value)
    return "" if value is None else str(value)


def _id(identity: str) -> str:
    try:
        return topics.escape(identity)
    except IdentityError as error:
        _fail(f"{error}.")


def _time(given: str | None, option: str) -> datetime | None:
    try:
        return timestamps.parse(given) if given else None
    except ValueError:
        _fail(f"{option} takes a time such as 2026-11-21T12:00:00Z, not {given}.")


def _page(read: Callable[[], Page[Any]]) -> Page[Any]:
    try:
        return read()
    except CursorError as error:
        _fail(f"--cursor: {error}.")


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
