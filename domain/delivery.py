"""The way of commands to a charge point, also of those that wait: for it to connect, or for the part before them.

A command waits in a line. Whoever takes it out sends it, so it leaves once, whoever comes twice (conformance D-08).
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

import structlog

from domain import effects
from domain.models import ChargePoint, Command, CommandState, Registration, Route
from domain.ports import CommandLines, Commands, Outbound
from ocppj import actions, frames, schemas
from ocppj.errors import PayloadError
from ocppj.frames import Payload
from ocppj.versions import Version

log = structlog.get_logger(__name__)

_ENDED_EARLY = {"code": "NotSent", "description": "a part before it was not accepted", "details": {}}
_OTHER_VERSION = {"code": "NotSent", "description": "it was made for another OCPP version", "details": {}}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What delivering takes."""

    commands: Commands
    lines: CommandLines
    outbound: Outbound
    now: datetime


def frame_of(command: Command, payload: Payload | None = None) -> str:
    """The command on the wire; with `payload`, that instead of the record's, whose secrets are masked."""
    return frames.encode(
        frames.Call(command.command_id, command.action, command.payload if payload is None else payload)
    )


def publish(command: Command, frame: str, route: Route, delivery: Delivery) -> None:
    """Hand a command to the broker, and look out for its effect."""
    if effects.is_expected(command):
        # Before it leaves: some charge points do it first and answer then (conformance D-03).
        delivery.lines.put(effects.line(command.charge_point_id), command)
    expires_in_s = max(1, ceil((command.deadline - delivery.now).total_seconds()))
    delivery.outbound.publish(
        command.charge_point_id, frame, route, deadline=command.deadline, expires_in_s=expires_in_s
    )


def release(line: str, row: ChargePoint, delivery: Delivery) -> Command | None:
    """Send the oldest command of a line that can still be sent; returns it.

    The next one follows when this one is answered: charge points take one at a time anyway.
    """
    connection = row.connection
    if connection is None or connection.disconnected_at is not None or row.registration is not Registration.ACCEPTED:
        return None
    for command_id in delivery.lines.waiting(line):
        if not delivery.lines.take(line, command_id):
            continue
        command = delivery.commands.find(command_id)
        if command is not None and _may_go(command, connection.version, delivery):
            return _send(command, row, Route(connection.gateway, connection.link), delivery)
    return None


def answered(command: Command, row: ChargePoint | None, delivery: Delivery) -> None:
    """Send what waited for this command, which has its final state now; or end it, if that wasn't a yes."""
    if command.part_after is not None:
        if command.state is CommandState.ACCEPTED and row is not None:
            release(command.command_id, row, delivery)
        elif command.state is not CommandState.ACCEPTED:
            _end_parts(command, delivery)
    if command.queued_until is not None and row is not None:
        release(command.charge_point_id, row, delivery)


def _may_go(command: Command, version: Version, delivery: Delivery) -> bool:
    if command.state is not CommandState.QUEUED:
        return False
    if command.queued_until is not None and delivery.now >= command.queued_until:
        delivery.commands.move(command.command_id, CommandState.EXPIRED)
        return False
    if not _fits(command, version):
        delivery.commands.move(command.command_id, CommandState.ERROR, answer=_OTHER_VERSION)
        log.warning("queued command is of another version", command_id=command.command_id, version=version.name)
        return False
    return True


def _send(command: Command, row: ChargePoint, route: Route, delivery: Delivery) -> Command:
    # Its time starts now. Sent before it is: if we die in between it times out, and never goes twice.
    now: dict[str, Any] = {
        "sent_at": delivery.now,
        "deadline": delivery.now + (command.deadline - command.created_at),
        "profile_before": None if command.profile_before is None else row.highest_profile,
    }
    moved = delivery.commands.move(command.command_id, CommandState.SENT, **now)
    sent = moved or command
    publish(sent, frame_of(sent), route, delivery)
    log.info(
        "queued command sent",
        charge_point_id=command.charge_point_id,
        command_id=command.command_id,
        action=command.action,
    )
    return sent


def _end_parts(command: Command, delivery: Delivery) -> None:
    before: Command | None = command
    while before is not None and before.part_after is not None:
        if not delivery.lines.take(before.command_id, before.part_after):
            return
        before = delivery.commands.move(before.part_after, command.state, answer=_ENDED_EARLY, answered_at=delivery.now)


def _fits(command: Command, version: Version) -> bool:
    if command.version is version:
        return True
    if command.action not in actions.commands(version):
        return False
    try:
        schemas.check(version, command.action, "request", command.payload)
    except PayloadError:
        return False
    return True
