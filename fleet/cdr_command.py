"""`ocppgw cdr export`: a day's charge detail records. `fleet/__main__.py` says where the fleet is."""

import csv
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from fleet import cdr
from fleet.console import fail
from fleet.reading import Reading


class Format(StrEnum):
    """How records are written."""

    JSONL = "jsonl"
    CSV = "csv"


def app_of(house: Callable[[], AbstractContextManager[Reading]]) -> typer.Typer:
    """The command; `house` opens what is read, and ends it with a sentence if it can't be reached."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.callback()
    def _cdr() -> None:
        """Charge detail records, for billing and roaming."""

    @app.command()
    def export(
        day: Annotated[str, typer.Option(help="What ended on this day, UTC, such as 2026-11-21.")],
        partner: Annotated[str | None, typer.Option(help="Of this partner only.")] = None,
        format_: Annotated[Format, typer.Option("--format", help="A JSON object per line, or CSV.")] = Format.JSONL,
    ) -> None:
        """Write the transactions that ended on a day to stdout, in the field names of OCPI 2.2.1 (docs/tariffs.md)."""
        ended_on = _day(day)
        with house() as reading:
            _WRITERS[format_](cdr.of_day(reading, ended_on, partner))

    @app.command()
    def backfill() -> None:
        """Put into the list by days what ended before there was one; reads the whole table once."""
        with house() as reading:
            count = reading.transaction_pages.list_all()
        typer.echo(json.dumps({"listed": count}))

    return app


def _day(given: str) -> date:
    try:
        day = date.fromisoformat(given)
    except ValueError:
        day = None
    if day is None or day.isoformat() != given:  # it reads weeks, too
        fail(f"--day takes a day such as 2026-11-21, not {given}.")
    return day


def _write_jsonl(records: Iterable[cdr.Payload]) -> None:
    for record in records:
        typer.echo(json.dumps(record))


def _write_csv(records: Iterable[cdr.Payload]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(cdr.COLUMNS)
    writer.writerows(map(cdr.row, records))


_WRITERS: dict[Format, Callable[[Iterable[cdr.Payload]], None]] = {Format.JSONL: _write_jsonl, Format.CSV: _write_csv}
