"""What became of a command: time-outs, waiting for the answer, and the resource a caller sees."""

from datetime import datetime, timedelta
from typing import Any

from domain import effects, secrets
from domain.models import Command, CommandState
from ocppj import timestamps
from remote_commands.issue import Ports
from remote_commands.settings import Settings

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0


def settled(command: Command, ports: Ports, settings: Settings) -> Command:
    """The command as it stands: one whose time is over without an answer has timed out.

    Nobody has to be alive to say so: it follows from the deadline. It is written when first seen, so that what one
    caller was told stays true for the next; an answer that is faster than the write wins.
    """
    if command.state.is_final:
        return command
    if is_waiting(command):
        is_over, state = ports.now() > (command.queued_until or command.deadline), CommandState.EXPIRED
    else:
        is_over, state = ports.now() > command.deadline + settings.command_grace, CommandState.TIMEOUT
    return (ports.commands.move(command.command_id, state) or command) if is_over else command


def is_waiting(command: Command) -> bool:
    """Whether it has not been sent yet, because something else has to happen first."""
    return command.state is CommandState.QUEUED and command.queued_until is not None


def wait(command: Command, seconds: float, ports: Ports, settings: Settings) -> Command:
    """Wait at most this long for the command's final state; returns it as it is then."""
    until = ports.now() + timedelta(seconds=seconds)
    pause = FIRST_PAUSE_S
    while not command.state.is_final and (left := (until - ports.now()).total_seconds()) > 0:
        ports.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE_S)
        command = settled(ports.commands.find(command.command_id) or command, ports, settings)
    return command


def as_json(command: Command, now: datetime) -> dict[str, Any]:
    """The command as a resource."""
    return {
        "commandId": command.command_id,
        "chargePointId": command.charge_point_id,
        "action": command.action,
        "version": command.version.name,
        "state": command.state.value,
        "createdAt": timestamps.write(command.created_at),
        "deadline": _written(None if is_waiting(command) else command.deadline),
        "queuedUntil": _written(command.queued_until),
        "sentAt": _written(command.sent_at),
        "answeredAt": _written(command.answered_at),
        "latencyMs": _latency_ms(command),
        "issuedBy": command.issued_by,
        "payload": command.payload,
        "answer": _masked(command.answer),
        "lateAnswer": _masked(command.late_answer),
        "partBefore": command.part_before,
        "partAfter": command.part_after,
        "effect": effects.state(command, now),
        "evidence": command.evidence,
    }


def _latency_ms(command: Command) -> int | None:
    if command.answered_at is None or command.sent_at is None:
        return None
    return max(0, round((command.answered_at - command.sent_at).total_seconds() * 1000))


def _masked(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    # A charge point should not tell its password, and some do.
    return None if answer is None else secrets.masked(answer)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else timestamps.write(moment)
