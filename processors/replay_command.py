"""`ocppgw replay`: logged frames through the processors as they are now, beside what was answered and stored then."""

import logging
import os
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
import structlog
import typer

from domain import archive
from ocppj import timestamps, topics
from ocppj.errors import IdentityError
from processors import replay as log_of
from processors import settings
from processors.replay import Clock, Difference, Result
from processors.settings import SettingsError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Output(StrEnum):
    """How it is shown."""

    TEXT = "text"
    JSON = "json"


@app.command("replay")
def replay(
    since: Annotated[
        str | None, typer.Option("--from", help="Such as 2026-11-21T05:00:00Z; 24 hours before --to.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Now, unless given.")] = None,
    charge_point: Annotated[list[str], typer.Option(help="Only this one; repeatable.")] = [],  # noqa: B006
    diff: Annotated[bool, typer.Option("--diff", help="Show what differs, and exit with 1 if anything does.")] = False,
    output: Annotated[Output, typer.Option(help="For people or for programs.")] = Output.TEXT,
) -> None:
    """Replay logged frames in memory, and compare answers, transactions and connectors with what was stored."""
    from processors import __main__ as wires  # where they are soldered, and only when a command is called

    if os.environ.get("OCPPGW_CLOUD", "local") == "local":
        wires.aim_at_local()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        first, last = archive.period(since, until, datetime.now(UTC))
        only = [topics.escape(each) for each in charge_point]
        result = _replayed(first, last, only, wires)
    except (SettingsError, IdentityError, archive.PeriodError) as error:
        typer.echo(f"{str(error).rstrip('.')}.", err=True)
        raise typer.Exit(2) from error
    except wires.FAILURES as error:
        typer.echo(f"The house can't be reached: {error}", err=True)
        raise typer.Exit(2) from error
    if not result.frames:
        typer.echo("There are no frames in that time.", err=True)
        raise typer.Exit(2)
    _show(result, diff, output)
    if diff and result.differences:
        raise typer.Exit(1)


def _replayed(first: datetime, last: datetime, only: list[str], wires: Any) -> Result:
    house, clock = wires.house(settings.load()), Clock()
    logged = log_of.rows(first, last, only, wires.logged_frames())
    stored = house.registry.find_many(sorted({row["charge_point_id"] for row in logged}))
    stage = wires.replay_stage(log_of.as_before(stored, first), house, clock)
    result = log_of.replay(logged, stage, clock)
    log_of.compare(logged, stage, house.registry, house.transactions, result)
    return result


def _show(result: Result, diff: bool, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(orjson.dumps(result, default=str).decode())
        return
    if diff:
        for difference in result.differences:
            typer.echo(_sentence(difference))
    typer.echo(
        f"{result.frames} frames replayed: {result.answers} answers, {result.transactions} transactions and "
        f"{result.connectors} connectors compared, {result.unanswered} calls without an answer in the log, "
        f"{len(result.differences)} differences"
    )


def _sentence(difference: Difference) -> str:
    was, now = (_text(value) for value in (difference.was, difference.now))
    return f"{difference.at} {difference.charge_point_id} {difference.subject}: was {was}, is {now}"


def _text(value: Any) -> str:
    return timestamps.write(value) if isinstance(value, datetime) else orjson.dumps(value, default=str).decode()


if __name__ == "__main__":
    app()
