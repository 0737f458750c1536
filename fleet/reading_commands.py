"""`ocppgw fleet transactions`, `device-model`, `reports` and so on: what is read of a fleet."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import typer

from domain import assembly
from domain.pages import LIMIT, MOST, Ask, CursorError, Page
from fleet import views
from fleet.console import Identity, Output, OutputOption, fail, house, show, show_list
from fleet.reading import SECURITY_EVENT
from ocppj import timestamps, topics

app = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")]
Cursor = Annotated[str | None, typer.Option(help="The nextCursor of the page before.")]

_TRANSACTION = ("chargePointId", "transactionId", "connector", "idToken", "startedAt", "endedAt", "billedWh", "rules")
_SAMPLE = ("at", "measurand", "value", "unit", "phase", "context")
_REMARK = ("rule", "remark")
_REPORT = ("at", "action", "key", "payload")


@app.command()
def transactions(
    context: typer.Context,
    identity: Annotated[str | None, typer.Argument(help="Of this charge point.")] = None,
    token: Annotated[str | None, typer.Option(help="Those that this id token began.")] = None,
    partner: Annotated[str | None, typer.Option(help="Of those that are open, this partner's.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="That began then or later.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="That began before.")] = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List transactions, newest first: of a charge point, of a token, or else all that are open."""
    if sum(given is not None for given in (identity, token, partner)) > 1:
        fail("A charge point, a token or a partner, not several of them.")
    ask = Ask(limit, cursor, _time(begin, "--from"), _time(end, "--to"))
    with house(context) as ports:
        pages = ports.reading.transaction_pages
        if identity is not None:
            of = topics.escape(identity)
            page = _page(lambda: pages.of_charge_point(of, ask))
        elif token is not None:
            page = _page(lambda: pages.of_token(token, ask))
        else:
            page = _page(lambda: pages.open(ask, partner))
    show_list([views.transaction(one) for one in page.items], _TRANSACTION, page.cursor, output)


@app.command()
def transaction(
    context: typer.Context, identity: Identity, transaction_id: str, output: OutputOption = Output.TABLE
) -> None:
    """Show a transaction with its samples, and what had to be put right."""
    with house(context) as ports:
        found = ports.reading.sessions.find(topics.escape(identity), transaction_id)
        if found is None:
            fail(f"{identity} has no transaction {transaction_id}.")
        told = ports.reading.sessions.told(found.charge_point_id, found.transaction_id)
    shown = views.detail(found, told)
    if output is Output.JSON:
        show(shown, output)
        return
    samples, remarks = shown.pop("samples"), shown.pop("remarks")
    show({name: value for name, value in shown.items() if value is not None}, output)
    for rows, columns in ((remarks, _REMARK), (samples, _SAMPLE)):
        if rows:
            show_list(rows, columns, None, output)


@app.command()
def device_model(context: typer.Context, identity: Identity, output: OutputOption = Output.TABLE) -> None:
    """Show the variables of a charge point, or the configuration keys of 1.6, as it last told them."""
    with house(context) as ports:
        of, reports = topics.escape(identity), ports.reading.reports
        found = assembly.device_model(reports, of) or assembly.configuration(reports, of)
    show_list(found, tuple(dict.fromkeys(name for entry in found for name in entry)), None, output)


@app.command("reports")
def list_reports(
    context: typer.Context,
    identity: Identity,
    action: Annotated[str, typer.Option(help="Of this action only, such as NotifyEvent.")] = "",
    limit: Limit = LIMIT,
    cursor: Cursor = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List what a charge point told."""
    with house(context) as ports:
        of, pages = topics.escape(identity), ports.reading.report_pages
        page = _page(lambda: pages.page(of, action, Ask(limit, cursor)))
    show_list([views.report(report) for report in page.items], _REPORT, page.cursor, output)


@app.command()
def security_events(
    context: typer.Context,
    identity: Identity,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List a charge point's security events, newest first."""
    list_reports(context, identity, SECURITY_EVENT, limit, cursor, output)


def _time(given: str | None, option: str) -> datetime | None:
    try:
        return timestamps.parse(given) if given else None
    except ValueError:
        fail(f"{option} takes a time such as 2026-11-21T12:00:00Z, not {given}.")


def _page(read: Callable[[], Page[Any]]) -> Page[Any]:
    try:
        return read()
    except CursorError as error:
        fail(f"--cursor: {error}.")
