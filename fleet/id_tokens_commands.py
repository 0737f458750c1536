"""`ocppgw fleet tokens`: add, import, block, expire, group, remove, list; and unknown ones that were presented."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from domain import pages
from domain.pages import Ask
from fleet import id_tokens, imports
from fleet.console import Output, OutputOption, Partner, house, show, show_list
from fleet.id_tokens import Add, Settings, as_json
from fleet.ports import Ports
from ocppj import timestamps
from web import fields

app = typer.Typer(no_args_is_help=True, help="Id tokens: who may charge.")

COLUMNS = ("idToken", "partner", "status", "type", "groupId", "expiresAt", "allowed")
UNKNOWN_COLUMNS = ("idToken", "type", "chargePointId", "presentedAt")
Token = Annotated[str, typer.Argument(metavar="ID_TOKEN", help="As the card has it; case is no matter.")]
Status = Annotated[str, typer.Option(help="Accepted, Blocked, Invalid or NoCredit.")]


@app.command()
def add(
    context: typer.Context,
    id_token: Token,
    status: Status = "Accepted",
    group: Annotated[str | None, typer.Option(help="Its group, the parentIdTag of 1.6.")] = None,
    expires: Annotated[str | None, typer.Option(help="Until when it is good: a date and time.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Its 2.x type, such as ISO14443; any without.")] = None,
    partner: Partner = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Add or replace a token."""
    told = {
        "idToken": id_token, "status": status, "groupId": group, "expiresAt": expires, "type": type_,
        "partner": partner,
    }  # fmt: skip
    with house(context) as ports:
        added = fields.read(Add, {name: value for name, value in told.items() if value is not None}).token()
        ports.id_tokens.put(added)
    show(as_json(added), output)


@app.command()
def block(
    context: typer.Context, id_token: Token, partner: Partner = None, output: OutputOption = Output.TABLE
) -> None:
    """Let nobody charge with it any more; it is answered Blocked."""
    with house(context) as ports:
        show(as_json(id_tokens.change(id_token, partner, {"status": "Blocked"}, ports)), output)


@app.command()
def accept(
    context: typer.Context, id_token: Token, partner: Partner = None, output: OutputOption = Output.TABLE
) -> None:
    """Let it charge again."""
    with house(context) as ports:
        show(as_json(id_tokens.change(id_token, partner, {"status": "Accepted"}, ports)), output)


@app.command()
def expire(
    context: typer.Context,
    id_token: Token,
    at: Annotated[str | None, typer.Option(help="A date and time; now without.")] = None,
    partner: Partner = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say until when it is good."""
    with house(context) as ports:
        until = timestamps.parse(fields.read(Settings, {"expiresAt": at}).expires_at or "") if at else ports.now()
        show(as_json(id_tokens.change(id_token, partner, {"expires_at": until}, ports)), output)


@app.command()
def group(
    context: typer.Context,
    id_token: Token,
    group_id: Annotated[str | None, typer.Argument(metavar="GROUP", help="None takes it out of its group.")] = None,
    partner: Partner = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Put it into a group: tokens of a group end each other's transactions (the parentIdTag of 1.6)."""
    with house(context) as ports:
        body = fields.read(Settings, {"groupId": group_id})
        show(as_json(id_tokens.change(id_token, partner, {"group_id": body.group_id}, ports)), output)


@app.command()
def remove(
    context: typer.Context, id_token: Token, partner: Partner = None, output: OutputOption = Output.TABLE
) -> None:
    """Forget it: it is unknown from now on."""
    with house(context) as ports:
        id_tokens.remove(id_token, partner, ports)
    show({"idToken": id_token.lower(), "deleted": True}, output)


@app.command("list")
def list_(
    context: typer.Context,
    partner: Partner = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="Where the list before ended.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List tokens."""
    shown: list[dict[str, Any]] = []
    with house(context) as ports:
        while True:
            page = ports.id_tokens.page(partner, Ask(min(pages.MOST, limit - len(shown)), cursor))
            shown += map(as_json, page.items)
            cursor = page.cursor
            if cursor is None or len(shown) >= limit:
                break
    show_list(shown, COLUMNS, cursor, output)


@app.command()
def unknown(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=90, help="Presented in the last so many days.")] = 7,
    partner: Partner = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List tokens nobody added that were presented: hold a card to a charge point, find it here, add it."""
    with house(context) as ports:
        found = id_tokens.unknown(partner, ports.now() - timedelta(days=days), ports)
    show_list(found, UNKNOWN_COLUMNS, None, output)


@app.command("import")
def import_(
    context: typer.Context,
    file: imports.File,
    dry_run: imports.DryRun = False,
    resume: imports.Resume = False,
    results: imports.Results = None,
) -> None:
    """Import tokens from CSV or JSONL: idToken, partner, status, groupId, expiresAt, type."""

    def one(row: dict[str, Any], ports: Ports, how: imports.How) -> imports.Outcome:
        new = fields.read(Add, row).token()
        kept = ports.id_tokens.find(new.id_token, new.partner)
        if not how.is_dry and kept != new:
            ports.id_tokens.put(new)
        return imports.Outcome("unchanged" if kept == new else "replaced" if kept else "added")

    columns = imports.Columns("idToken", lists=("allowed",), flags=("isPrepaid",))
    with house(context) as ports:
        imports.command(file, columns, imports.each(one), ports, is_dry=dry_run, resumes=resume, results=results)
