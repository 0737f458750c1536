"""`ocppgw archive`: read back what was said."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer

from adapters import aws, s3_archive
from domain import archive
from domain.archive import FRAMES, Archive, PeriodError, Row
from ocppj import topics
from ocppj.errors import IdentityError
from telemetry import query
from telemetry.query import QueryError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


class Output(StrEnum):
    """How it is shown."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", help="For people, or JSON: one object a line.")]
Since = Annotated[str | None, typer.Option("--from", help="Such as 2026-11-21T05:00:00Z; 24 hours before --to.")]
Until = Annotated[str | None, typer.Option("--to", help="Now, unless given.")]


@app.callback()
def _archive() -> None:
    """Read back what was said: frames, samples, stations."""


@app.command()
def frames(
    identity: Annotated[str, typer.Argument(help="As the charge point writes it in its URL.", metavar="IDENTITY")],
    since: Since = None,
    until: Until = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show every frame of a charge point, both ways, in order; secrets are masked."""
    with _house() as house:
        charge_point_id = topics.escape(identity)
        found = archive.read(FRAMES, *archive.period(since, until, datetime.now(UTC)), house)
    rows = archive.in_order(row for row in found if row["charge_point_id"] == charge_point_id)
    if not rows:
        _fail(f"There are no frames of {charge_point_id} in that time.")
    show(rows, ("received_at", "direction", "ocpp", "message"), output)


@app.command("query", context_settings={"ignore_unknown_options": True})  # SQL may begin with a comment: --
def ask(
    sql: Annotated[str, typer.Argument(help='Such as "select action, count(*) from frames group by 1".')],
    since: Since = None,
    until: Until = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask frames, samples and telemetry with SQL (DuckDB), as Athena is asked on AWS."""
    with _house() as house, tempfile.TemporaryDirectory() as directory:
        first, last = archive.period(since, until, datetime.now(UTC))
        columns, rows = query.ask(sql, house, first, last, Path(directory))
    show([dict(zip(columns, row, strict=True)) for row in rows], columns, output)


@contextmanager
def _house() -> Iterator[Archive]:
    if os.environ.get("OCPPGW_CLOUD", "local") == "local":
        aws.aim_at_local()
    try:
        yield s3_archive.connect()
    except (PeriodError, QueryError, IdentityError) as error:
        _fail(f"{error}.")
    except aws.FAILURES as error:
        _fail(f"The archive can't be reached: {error}")


def show(rows: list[Row], columns: tuple[str, ...], output: Output) -> None:
    """Print rows: JSON, one object a line, or these columns of them, side by side."""
    if output is Output.JSON:
        for row in rows:
            typer.echo(orjson.dumps(row, default=_plain).decode())
        return
    lines = [columns, *(tuple(_text(row[column]) for column in columns) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        # Nothing is cut: whoever wants less has `cut`, or asks for fewer columns.
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
