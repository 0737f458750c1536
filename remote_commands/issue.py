"""Issuing a command: may it go, is it valid, store it, hand it to the broker."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

import structlog

from domain.models import ChargePoint, Command, CommandState, Registration, Route
from domain.ports import Commands, Outbound, Registry
from ocppj import actions, frames, schemas, topics
from ocppj.errors import IdentityError, PayloadError
from ocppj.versions import VERSIONS, Version
from remote_commands.errors import InvalidRequestError, ProblemError, Wrong
from remote_commands.settings import Settings
from remote_commands.transactions import MAX_INT32, Wanted

log = structlog.get_logger(__name__)

MAX_FRAME = 128 * 1024  # AWS IoT Core's largest message
RECENT = 100  # a new remoteStartId differs from those of this many commands before it

_REMOTE_TRANSACTIONS = frozenset({
    "RemoteStartTransaction", "RemoteStopTransaction", "RequestStartTransaction", "RequestStopTransaction",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ports:
    """What issuing and tracking commands need of the world.

    `draw(n)` is a random number below n; `broker_errors` is what `outbound` raises when the broker takes nothing.
    """

    registry: Registry
    commands: Commands
    outbound: Outbound
    broker_errors: tuple[type[Exception], ...]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    draw: Callable[[int], int]
    sleep: Callable[[float], None]


def charge_point(charge_point_id: str, ports: Ports) -> ChargePoint:
    """The charge point a command is for.

    Raises:
        ProblemError: it is not in the registry.
    """
    check_id(charge_point_id)
    row = ports.registry.find_many([charge_point_id]).get(charge_point_id)
    if row is None:
        raise ProblemError("charge-point-unknown", f"{charge_point_id} is not registered")
    return row


def check_id(charge_point_id: str) -> None:
    """Let no name near the tables that no charge point can have: they hold other items too.

    Raises:
        ProblemError: it is no escaped identity.
    """
    try:
        topics.unescape(charge_point_id)
    except IdentityError as error:
        raise ProblemError(
            "charge-point-unknown", f"there is no charge point {charge_point_id!r}{_hint(charge_point_id)}"
        ) from error


def version_of(row: ChargePoint, action: str | None = None) -> Version:
    """The version the charge point speaks, or spoke when it was last connected.

    One that never was connected gets no command; the record of the attempt is kept in the first version that has
    the action.
    """
    if row.connection is not None:
        return row.connection.version
    return next((version for version in VERSIONS if action in actions.commands(version)), VERSIONS[0])


def remote_start_id(charge_point_id: str, ports: Ports) -> int:
    """A number that no recent remote start of this charge point has (conformance D-04)."""
    recent = ports.commands.of_charge_point(charge_point_id, RECENT)
    taken = {command.payload.get("remoteStartId") for command in recent}
    while True:
        # Never 0: some firmware takes it for "none".
        number = 1 + ports.draw(MAX_INT32)
        if number not in taken:
            return number


def issue(row: ChargePoint, wanted: Wanted, issued_by: str | None, ports: Ports, settings: Settings) -> Command:
    """Store a command and send it; returns it as stored then, which may be answered already.

    Raises:
        ProblemError: it did not leave. One for a charge point that is not connected is stored nevertheless.
    """
    _refuse_out_of_turn(row, wanted)
    if row.connection is not None:
        _check(wanted)
    now = _whole_milliseconds(ports.now())
    command = Command(
        command_id=ports.new_id(),
        charge_point_id=row.charge_point_id,
        action=wanted.action,
        payload=wanted.payload,
        version=wanted.version,
        state=CommandState.QUEUED,
        created_at=now,
        deadline=now + settings.command_timeout,
        issued_by=issued_by,
    )
    route = _route(row, ports)
    if route is None:
        _refuse_offline(command, ports)
    return _send(command, route, ports, settings)


def _refuse_out_of_turn(row: ChargePoint, wanted: Wanted) -> None:
    """What OCPP doesn't let a CSMS send in this state of registration (conformance C-04, C-05, C-08)."""
    name, action = row.charge_point_id, wanted.action
    if row.registration is Registration.REJECTED:
        raise ProblemError("charge-point-rejected", f"{name} is rejected: it is sent no commands")
    if row.registration is Registration.PENDING and action in _REMOTE_TRANSACTIONS:
        raise ProblemError(
            "charge-point-pending", f"{name} is pending: no transaction is started or stopped until accepted"
        )
    accepted = row.registration is Registration.ACCEPTED and row.boot is not None
    if accepted and action == "TriggerMessage" and wanted.payload.get("requestedMessage") == "BootNotification":
        raise ProblemError(
            "charge-point-accepted", f"{name} is accepted: it would refuse to send another BootNotification"
        )


def _check(wanted: Wanted) -> None:
    try:
        schemas.check(wanted.version, wanted.action, "request", wanted.payload)
    except PayloadError as error:
        pointer = wanted.source(error.pointer)
        detail = error.description.removeprefix(f"{error.pointer}: ")
        raise InvalidRequestError([Wrong(pointer, f"{detail} ({wanted.version})")]) from error


def _route(row: ChargePoint, ports: Ports) -> Route | None:
    connection = row.connection
    if connection is None or connection.disconnected_at is not None:
        return None
    # A gateway that died could tell nobody: its lease did.
    if not ports.registry.is_alive(connection.gateway, ports.now()):
        return None
    return Route(connection.gateway, connection.link)


def _refuse_offline(command: Command, ports: Ports) -> NoReturn:
    ports.commands.add(replace(command, state=CommandState.NOT_CONNECTED))
    raise ProblemError(
        "charge-point-offline",
        f"{command.charge_point_id} is not connected; the command was not sent",
        commandId=command.command_id,
    )


def _send(command: Command, route: Route, ports: Ports, settings: Settings) -> Command:
    frame = frames.encode(frames.Call(command.command_id, command.action, command.payload))
    if len(frame.encode()) > MAX_FRAME:
        raise ProblemError(
            "command-too-large", f"the command is {len(frame.encode())} bytes, at most {MAX_FRAME} travel"
        )
    ports.commands.add(command)
    expires_in_s = max(1, round(settings.command_timeout_s))
    try:
        ports.outbound.publish(
            command.charge_point_id, frame, route, deadline=command.deadline, expires_in_s=expires_in_s
        )
    except ports.broker_errors as error:
        log.exception("the broker did not take a command", **_named(command))
        stored = ports.commands.move(command.command_id, CommandState.ERROR)
        if stored is not None and stored.state is not CommandState.ERROR:
            return stored  # it did take it, and only its word to us was lost
        detail = "the broker did not take the command; it was most likely not sent"
        raise ProblemError("broker-unavailable", detail, commandId=command.command_id) from error
    log.info("command sent", **_named(command))
    # The answer may be stored already. `move` leaves it alone, and returns it.
    return ports.commands.move(command.command_id, CommandState.SENT) or command


def _named(command: Command) -> dict[str, str]:
    return {
        "charge_point_id": command.charge_point_id,
        "command_id": command.command_id,
        "action": command.action,
        "version": command.version.name,
    }


def _hint(identity: str) -> str:
    try:
        return f"; ids are escaped, did you mean {topics.escape(identity)}?"
    except IdentityError:
        return ""


def _whole_milliseconds(moment: datetime) -> datetime:
    # As it is stored and told; so what is compared later is what was stored.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
