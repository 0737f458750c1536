"""What the commands of `ocppgw fleet` share: the house they work on, tables and JSON, sentences when it fails."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from fleet.charge_points import FleetError
from fleet.ports import Ports
from ocppj.errors import IdentityError
from web.problems import InvalidRequestError


class Output(StrEnum):
    """How it is shown."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", help="For people or for programs; --json is json.")]
Identity = Annotated[str, typer.Argument(help="As the charge point writes it in its URL.", metavar="IDENTITY")]
Partner = Annotated[str | None, typer.Option(help="Whose it is; the house's own without.")]


class Commands(TyperGroup):
    """Commands that take --json for --output json, as others of `ocppgw` do."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        return super().parse_args(ctx, ["--output=json" if each == "--json" else each for each in args])


@contextmanager
def house(context: typer.Context) -> Iterator[Ports]:
    """The ports of the house that the settings name; what fails in a `with` of it ends as a sentence."""
    opened: AbstractContextManager[Ports] = context.obj()
    try:
        with opened as ports:
            yield ports
    except InvalidRequestError as error:
        fail(sentence_of(error), 2)
    except (FleetError, IdentityError) as error:
        fail(f"{error}.")


def show(shown: dict[str, Any], output: Output) -> None:
    """Show one thing."""
    if output is Output.JSON:
        line(json.dumps(shown))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in shown.items():
        if value not in (None, "", []):  # what is unknown is no news to people
            table.add_row(name, json.dumps(value, indent=2) if isinstance(value, dict) else _text(value))
    _print(table)


def show_list(shown: Sequence[dict[str, Any]], columns: Sequence[str], cursor: str | None, output: Output) -> None:
    """Show a list; people see these columns of it."""
    if output is Output.JSON:
        line(json.dumps({"data": list(shown), "nextCursor": cursor}))
        return
    if not shown:
        line("none")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    kept = [name for name in columns if any(each.get(name) not in (None, "", []) for each in shown)]
    for name in kept:
        table.add_column(name)
    for each in shown:
        table.add_row(*(_text(each.get(name)) for name in kept))
    _print(table)
    if cursor:
        line(f"There are more: --cursor {cursor}")


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End with a sentence on stderr."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


def sentence_of(error: InvalidRequestError) -> str:
    """What is wrong, in a command's words."""
    wrong = error.members["errors"]
    return "; ".join(f"{each['pointer'].lstrip('/') or 'it'}: {each['detail']}" for each in wrong) + "."


def secret_from(given: str | None, read_line: Callable[[], str]) -> str | None:
    """A password option: `generate`, `-` for a line of stdin, or the password itself."""
    return read_line().rstrip("\r\n") if given == "-" else given


_WIDEST = 240
_MILLISECONDS = re.compile(r"(?<=\d\d:\d\d:\d\d)\.\d{3}Z$")

line: Callable[..., None] = partial(Console(highlight=False, soft_wrap=True).print, markup=False)


def _print(table: Table) -> None:
    # As wide as it needs to be: where there is less room the terminal wraps lines, and nothing is cut off. A charge
    # point's words may have brackets in them: they are no markup.
    console = Console(markup=False, emoji=False, highlight=False, width=_WIDEST)
    with console.capture() as printed:
        console.print(table)
    typer.echo("\n".join(text.rstrip() for text in printed.get().splitlines()))


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return _MILLISECONDS.sub("Z", value)
        case bool():
            return "yes" if value else "no"
        case [{}, *_]:
            return "\n".join(
                " ".join(f"{name}={_text(told)}" for name, told in each.items() if told is not None) for each in value
            )
        case list():
            return ", ".join(map(_text, value))
        case dict():
            return json.dumps(value)
    return str(value)
