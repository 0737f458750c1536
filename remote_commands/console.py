"""What `ocppgw command` prints, for people or for programs, and how it ends."""

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from remote_commands import settings
from remote_commands.client import ClientError, House, Reply, Sign
from remote_commands.settings import ClientSettings, SettingsError

# Sent and queued are no failure of a caller who didn't wait.
EXIT_OF_STATE = {"queued": 0, "sent": 0, "accepted": 0, "rejected": 3, "timeout": 4, "expired": 4, "not_connected": 5}
EXIT_OF_PROBLEM = {"charge-point-offline": 5}


class Output(StrEnum):
    """How an answer is shown."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", help="For people or for programs.")]
Tabled = Callable[[dict[str, Any]], Table]


def house(sign: Sign) -> House:
    """Where the API is, as the environment says; `sign` is how requests to AWS are signed."""
    try:
        chosen = settings.load(ClientSettings)
    except SettingsError as error:
        fail(str(error))
    token = chosen.api_token.get_secret_value() if chosen.api_token else None
    if chosen.api_url is None:
        if chosen.cloud == "aws":
            fail("OCPPGW_CLOUD is aws: set OCPPGW_API_URL to the stack's output CommandsFunctionUrl.")
        return House(f"http://127.0.0.1:{chosen.http_port}", token)
    url = chosen.api_url.rstrip("/")
    is_signed = chosen.cloud == "aws" or (urlsplit(url).hostname or "").endswith(".on.aws")
    return House(url, token, sign if is_signed else None)


def asked(ask: Callable[[], Reply]) -> Reply:
    """What the API says; if it can't be asked, that is the end."""
    try:
        return ask()
    except ClientError as error:
        fail(str(error))


def show(reply: Reply, output: Output, tabled: Tabled) -> NoReturn:
    """Print what the API said, and end with the exit code of it."""
    body = reply.body
    if output is Output.JSON:
        typer.echo(json.dumps(body, indent=2))
    elif reply.is_problem:
        typer.echo(f"{body.get('title', 'It failed')}: {body.get('detail', reply.status)}.", err=True)
    else:
        # A charge point's words may have brackets in them: they are no markup of ours.
        Console(markup=False, emoji=False, highlight=False).print(tabled(body))
    if reply.is_problem:
        raise typer.Exit(EXIT_OF_PROBLEM.get(body.get("code", ""), 1))
    # Jobs have states, too, and no answer of a charge point: they were taken, or are told of.
    raise typer.Exit(EXIT_OF_STATE.get(body["state"], 1) if "commandId" in body else 0)


def pairs(rows: dict[str, Any]) -> Table:
    """A thing, a line for each of its properties; those that are None are left out."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in rows.items():
        if value is not None:
            table.add_row(name, value if isinstance(value, str) else json.dumps(value))
    return table


def listed(rows: list[dict[str, Any]], columns: dict[str, str], following: str | None) -> Table:
    """Things, a line for each; `columns` is heading to property. Below them how to get on."""
    caption = f"more with --cursor {following}" if following else None
    table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
    for heading, name in columns.items():
        # Who copies an id wants it in one piece.
        table.add_column(heading, overflow="fold", no_wrap=name.endswith("Id"))
    for row in rows:
        table.add_row(*(_short(row.get(name)) for name in columns.values()))
    return table


def fail(sentence: str) -> NoReturn:
    """End with a sentence."""
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return "" if value is None else str(value)
