"""`ocppgw dlq`: the records that could not be processed; look at them, and have them processed again."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from domain import jobs
from ocppj import timestamps
from processors import inbox

if TYPE_CHECKING:
    from adapters.sqs_dead_letters import DeadLetter, SqsDeadLetters

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


class Queue(StrEnum):
    """A queue of the house."""

    INCOMING = inbox.INCOMING
    DISCONNECTED = inbox.DISCONNECTED
    CREATED = inbox.CREATED
    DELETED = inbox.DELETED
    SHADOW_REPAIRS = inbox.SHADOW_REPAIRS
    FRAMES_TO_ARCHIVE = "FramesToArchive"  # telemetry's
    STATION_TELEMETRY = "StationTelemetry"
    JOBS = jobs.QUEUE


class Output(StrEnum):
    """How it is shown."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", help="For people or for programs.")]
QueueArgument = Annotated[Queue, typer.Argument(help="The queue the records were in.")]


@app.callback()
def _dlq() -> None:
    """The records that could not be processed; look at them, and have them processed again."""


@app.command(name="list")
def list_letters(output: OutputOption = Output.TABLE) -> None:
    """List the dead letters of every queue, oldest first."""
    with _dead_letters() as letters:
        found = [_summary(letter) for name in Queue for letter in letters.letters(name)]
    if output is Output.JSON:
        typer.echo(json.dumps(found))
        return
    table = Table("id", "queue", "at", "what", "reason", box=None)
    for one in found:
        table.add_row(one["id"], one["queue"], one["at"], one["what"], one["reason"])
    Console().print(table if found else "There are no dead letters.")


@app.command()
def show(queue: QueueArgument, letter_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one dead letter with its whole record."""
    with _dead_letters() as letters:
        for letter in letters.letters(queue):
            if letter.id == letter_id:
                typer.echo(json.dumps(_summary(letter) | {"record": _record(letter.body)}, indent=2))
                return
    typer.echo(f"{queue} has no dead letter {letter_id}.", err=True)
    raise typer.Exit(1)


@app.command()
def redrive(
    queue: QueueArgument,
    letter_id: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the queue.")] = False,
) -> None:
    """Put dead letters back into their queue, to be processed again."""
    if bool(letter_id) == everything:
        typer.echo("Name some dead letters, or say --all.", err=True)
        raise typer.Exit(2)
    with _dead_letters() as letters:
        count = letters.redrive(queue, None if everything else letter_id)
    typer.echo(f"{count} put back into {queue}.")
    if letter_id and count < len(set(letter_id)):
        raise typer.Exit(1)


@contextmanager
def _dead_letters() -> Iterator["SqsDeadLetters"]:
    from processors import __main__ as wires  # where they are soldered, and only when a command is called

    if os.environ.get("OCPPGW_CLOUD", "local") == "local":
        wires.aim_at_local()
    try:
        yield wires.dead_letters()
    except wires.FAILURES as error:
        typer.echo(f"The queues of the house can't be reached: {error}", err=True)
        raise typer.Exit(1) from error


def _summary(letter: "DeadLetter") -> dict[str, str]:
    at = timestamps.write(letter.sent_at)
    named = {"id": letter.id, "queue": letter.queue, "at": at, "what": _what(_record(letter.body))}
    return named | {"reason": letter.reason or "not told"}


def _record(body: str) -> Any:
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        return body


def _what(record: Any) -> str:
    match record:
        case {"chargePointId": str(name), "message": [_, str(), str(action), *_]}:
            return f"{name} {action}"
        case {"chargePointId": str(name), "event": str(event)} | {"thingName": str(name), "operation": str(event)}:
            return f"{name} {event}"
        case {"chargePointId": str(name)}:
            return f"{name} answer"
    return "unreadable"


if __name__ == "__main__":
    app()
