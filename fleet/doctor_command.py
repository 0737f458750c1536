"""`ocppgw doctor`: the diagnosis for people, or as JSON. `fleet/__main__.py` says where the fleet is."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from fleet import doctor, reading
from fleet.doctor import Diagnosis
from fleet.reading import Reading
from ocppj import topics
from ocppj.errors import IdentityError

EXIT_OF_STATE = {"healthy": 0, "ailing": 3, "offline": 4, "unknown": 5}
_MARKS = {doctor.PROBLEM: ("✗", "red"), doctor.WARNING: ("!", "yellow"), doctor.NOTE: ("·", "dim")}


def app_of(house: Callable[[], AbstractContextManager[Reading]]) -> typer.Typer:
    """The command; `house` opens what is read, and ends it with a sentence if it can't be reached."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    def examine(
        identity: Annotated[str, typer.Argument(help="As the charge point writes it in its URL.")],
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Say why a charge point does not connect, or what ails it, and what to do next. It need not be registered.

        Refused handshakes appear within ten seconds.

        Exit code: 0 healthy, 3 online with a problem or a warning, 4 offline, 5 not registered, 1 the fleet can't be
        asked.
        """
        try:
            charge_point_id = topics.escape(identity)
        except IdentityError as error:
            _fail(f"{error}.")
        with house() as opened:
            now = opened.now()
            here = now.astimezone().tzinfo or UTC
            found = doctor.diagnose(reading.facts(charge_point_id, opened), now, here)
        if as_json:
            typer.echo(json.dumps(found.as_json(), indent=2))
        else:
            show(found, Console(markup=False, emoji=False, highlight=False))
        raise typer.Exit(EXIT_OF_STATE[found.state])

    return app


def show(found: Diagnosis, console: Console) -> None:
    """The diagnosis for people."""
    console.print(f"{found.facts.identity}: {found.state}", style="bold")
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in found.findings:
        mark, colour = _MARKS[finding.level]
        table.add_row(mark, finding.sentence, style=colour if finding.level != doctor.NOTE else "")
        if finding.next:
            table.add_row("", f"→ {finding.next}", style="dim")
    console.print(table)


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
