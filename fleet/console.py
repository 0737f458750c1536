"""What the commands of `ocppgw fleet` share: the house they work on, tables and JSON, sentences when it fails."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from fleet.charge_points import FleetError
from fleet.ports import Ports
from ocppj.errors import IdentityError
from web.problems import InvalidRequestError


class Output(StrEnum):
    """How it is shown."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", help="For people or for programs.")]
Identity = Annotated[str, typer.Argument(help="As the charge point writes it in its URL.", metavar="IDENTITY")]
Partner = Annotated[str | None, typer.Option(help="Whose it is; the house's own without.")]


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
    table = Table(show_header=False, box=None)
    for name, value in shown.items():
        table.add_row(name, json.dumps(value, indent=2) if isinstance(value, dict) else _text(value))
    Console().print(table)


def show_list(shown: Sequence[dict[str, Any]], columns: Sequence[str], cursor: str | None, output: Output) -> None:
    """Show a list; people see these columns of it."""
    if output is Output.JSON:
        line(json.dumps({"data": list(shown), "nextCursor": cursor}))
        return
    table = Table(*columns, box=None, pad_edge=False)
    for each in shown:
        table.add_row(*(_text(each[name]) for name in columns))
    # A pipe is as wide as it needs to be.
    console = Console(highlight=False) if Console().is_terminal else Console(highlight=False, width=240)
    console.print(table)
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


line: Callable[..., None] = partial(Console(highlight=False, soft_wrap=True).print, markup=False)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
    return str(value)
