"""`ocppgw fleet` on an office in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from typer.testing import CliRunner, Result

from fleet import charge_points_commands, charge_points_import, id_tokens_commands, reading_commands
from fleet.console import Commands
from fleet.ports import Ports
from tests.fleet.office import Office


def run(office: Office, *arguments: str, stdin: str | None = None) -> Result:
    """What the command prints, and its exit code."""

    @contextmanager
    def opened() -> Iterator[Ports]:
        yield office.ports

    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
    app.add_typer(charge_points_commands.app)
    app.add_typer(charge_points_import.app)
    app.add_typer(id_tokens_commands.app, name="tokens")
    app.add_typer(reading_commands.app)

    @app.callback()
    def fleet(context: typer.Context) -> None:
        context.obj = opened

    return CliRunner().invoke(app, list(arguments), input=stdin)
