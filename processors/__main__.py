"""`ocppgw worker`: where the worker meets its queues and its signals."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog
import typer

from adapters import aws, logs, s3_archive, spans, sqs
from adapters.authorities import SecretError
from adapters.aws import FAILURES as FAILURES
from adapters.aws import aim_at_local as aim_at_local
from adapters.memory import (
    MemoryCommands,
    MemoryDeadLetters,
    MemoryOutbound,
    MemoryRegistry,
    MemoryReports,
    MemoryShadowRepairs,
    MemoryShadows,
    MemoryTransactions,
)
from adapters.memory_commands import MemoryCommandLines
from adapters.sqs import SqsQueue
from adapters.sqs_dead_letters import SqsDeadLetters
from domain.archive import Archive
from domain.models import ChargePoint
from processors import inbox, settings, worker
from processors.lambda_handler import on_aws
from processors.ports import Ports
from processors.replay import Clock, LoggedIds, Stage
from processors.settings import Settings, SettingsError

# make, terminals and supervisors deliver one stop twice; only a later one means "now".
IMPATIENT_AFTER_S = 1.0

log = structlog.get_logger(__name__)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(name="worker")
def main() -> None:
    """Answer charge points from the queues, without Lambda, until SIGTERM or SIGINT."""
    try:
        chosen = settings.load()
    except SettingsError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    logs.configure()
    stop = threading.Event()
    _stop_on_signals(stop)
    # Frames need hands: each thread waits most of its time for a database.
    names = [*inbox.QUEUES, *[inbox.INCOMING] * (chosen.worker_threads - 1)]
    try:
        client = sqs.connect()
        queues, ports = [SqsQueue(client, name) for name in names], on_aws(chosen, _log_rule)
        flush_spans = spans.export(os.environ, "processors")
    except (SecretError, spans.SpansError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    except aws.FAILURES as error:
        typer.echo(f"The queues of the house can't be reached: {error}", err=True)
        raise typer.Exit(1) from error
    worker.run(queues, ports, stop)
    flush_spans()


def _log_rule(rule: str) -> None:
    log.info("transaction reconciled", rule=rule)


def dead_letters() -> SqsDeadLetters:
    """The dead letters of the house, for `ocppgw dlq`."""
    return SqsDeadLetters(sqs.connect())


def house(chosen: Settings) -> Ports:
    """The house as it is, for `ocppgw replay`."""
    return on_aws(chosen, _log_rule)


def logged_frames() -> Archive:
    """Where the frames are logged."""
    return s3_archive.connect()


def replay_stage(rows: Sequence[ChargePoint], house: Ports, clock: Clock) -> Stage:
    """Stores in memory for a replay; only what nobody writes is the house's: id tokens and tariffs."""
    ids, registry, outbound = LoggedIds(), MemoryRegistry(rows), MemoryOutbound()
    transactions = MemoryTransactions(ids=ids)
    ports = replace(
        house,
        registry=registry,
        observations=registry,
        passwords=registry,
        transactions=transactions,
        history=transactions,
        commands=MemoryCommands(),
        command_lines=MemoryCommandLines(),
        reports=MemoryReports(),
        outbound=outbound,
        shadows=MemoryShadows(),
        shadow_repairs=MemoryShadowRepairs(),
        dead_letters=MemoryDeadLetters(),
        clock=clock,
    )
    return Stage(ports, registry, outbound.published, ids)


def _stop_on_signals(stop: threading.Event) -> None:
    asked_at: list[float] = []

    def on_signal(*_: Any) -> None:
        if asked_at and time.monotonic() - asked_at[0] >= IMPATIENT_AFTER_S:
            log.warning("stopped at once, as asked again")
            os._exit(1)
        asked_at.append(time.monotonic())
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)


if __name__ == "__main__":
    app()
