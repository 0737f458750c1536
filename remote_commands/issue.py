"""Issuing a command: may it go, is it valid, store it, hand it to the broker or let it wait."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import NoReturn

import structlog

from domain import delivery, rotation, secrets
from domain.delivery import Delivery
from domain.models import ChargePoint, Command, CommandState, Registration, Route
from domain.ports import CommandGuards, CommandLines, Commands, Outbound, Passwords, Registry, Reports
from ocppj import actions, schemas, timestamps, topics
from ocppj.errors import IdentityError
from ocppj.versions import VERSIONS, Version
from remote_commands import guards, limits
from remote_commands.errors import ProblemError
from remote_commands.guards import Key
from remote_commands.rendering import Making, Wanted
from remote_commands.settings import Settings
from web.fields import MAX_INT32
from web.problems import InvalidRequestError, Wrong

log = structlog.get_logger(__name__)

MAX_FRAME = 128 * 1024  # AWS IoT Core's largest message
MAX_WAITING = 100  # commands in the line of one charge point
RECENT = 100  # new numbers differ from those of this many commands before, whose answers also tell limits

_REMOTE_TRANSACTIONS = frozenset({
    "RemoteStartTransaction", "RemoteStopTransaction", "RequestStartTransaction", "RequestStopTransaction",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ports:
    """What issuing and tracking commands need of the world.

    `draw(n)` is a random number below n; `broker_errors` is what `outbound` raises when the broker takes nothing.
    """

    registry: Registry
    passwords: Passwords
    commands: Commands
    lines: CommandLines
    guards: CommandGuards
    reports: Reports
    outbound: Outbound
    broker_errors: tuple[type[Exception], ...]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    draw: Callable[[int], int]
    sleep: Callable[[float], None]

    def delivery(self) -> Delivery:
        """What delivering takes, now."""
        return Delivery(self.commands, self.lines, self.outbound, self.now())


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a command, how long it may wait for a charge point that is offline, and under which key."""

    by: str | None = None
    ttl: timedelta = timedelta()
    key: Key | None = None


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


def making(row: ChargePoint, version: Version, ports: Ports) -> Making:
    """What renderings for this charge point need to know."""
    used: set[int] = set()

    @cache
    def recent() -> Sequence[Command]:
        return ports.commands.of_charge_point(row.charge_point_id, RECENT)

    @cache
    def answered() -> dict[str, int]:
        return limits.answered(recent())

    @cache
    def kept() -> dict[str, int]:
        return limits.kept(ports.reports, row.charge_point_id, version)

    def number() -> int:
        taken = used | {value for command in recent() for value in command.payload.values() if isinstance(value, int)}
        while True:
            # Never 0: some firmware takes it for "none".
            drawn = 1 + ports.draw(MAX_INT32)
            if drawn not in taken:
                used.add(drawn)
                return drawn

    def limit(name: str) -> int | None:
        return answered()[name] if name in answered() else kept().get(name)

    return Making(version, number, limit, timestamps.write(ports.now()))


def issue(row: ChargePoint, wanted: Sequence[Wanted], asked: Asked, ports: Ports, settings: Settings) -> Command:
    """Store a command and send it; returns it as stored then, which may be answered already.

    One that takes several messages is several commands, each sent when the one before was accepted; returned is the
    last: it is accepted when all of them are.

    Raises:
        ProblemError: it did not leave. One for a charge point that is not connected is stored nevertheless.
    """
    for each in wanted:
        _refuse_out_of_turn(row, each)
        if row.connection is not None:
            _check(each)
    commands = _commands(row, wanted, asked, ports, settings)
    frames = [delivery.frame_of(command, each.payload) for command, each in zip(commands, wanted, strict=True)]
    for frame in frames:
        _refuse_too_large(frame)
    _refuse_secret_parts(wanted)
    guards.spend(commands[-1], settings.commands_per_minute, ports.guards)
    earlier = guards.earlier(commands[-1], asked.key, ports.guards, ports.commands)
    if earlier is not None:
        return earlier
    route = route_of(row, ports)
    if route is None:
        return _offline(row, commands, asked, ports, is_secret=secrets.has_any(wanted[0].payload))
    _refuse_second_password(row, wanted, ports)
    _store_parts(commands[1:], ports)
    rotation.begin(commands[0].command_id, row.charge_point_id, wanted[0].payload, ports.passwords)
    first = _send(commands[0], frames[0], route, ports)
    return first if len(commands) == 1 else commands[-1]


def _commands(
    row: ChargePoint, wanted: Sequence[Wanted], asked: Asked, ports: Ports, settings: Settings
) -> list[Command]:
    now = _whole_milliseconds(ports.now())
    ids = [ports.new_id() for _ in wanted]
    timeout = settings.command_timeout if row.command_timeout_s is None else timedelta(seconds=row.command_timeout_s)
    patience = len(ids) * (timeout + settings.command_grace)
    waits = len(ids) > 1 or asked.ttl
    return [
        Command(
            command_id=ids[index],
            charge_point_id=row.charge_point_id,
            action=each.action,
            payload=secrets.masked(each.payload),
            version=each.version,
            state=CommandState.QUEUED,
            # A millisecond apart, so that lists show them in their order.
            created_at=now + timedelta(milliseconds=index),
            deadline=now + timedelta(milliseconds=index) + timeout,
            issued_by=asked.by,
            queued_until=now + asked.ttl + (patience if index else timedelta()) if waits else None,
            part_before=ids[index - 1] if index else None,
            part_after=ids[index + 1] if index + 1 < len(ids) else None,
            profile_before=None if rotation.profile_of(each.payload) is None else row.highest_profile,
        )
        for index, each in enumerate(wanted)
    ]


def _refuse_out_of_turn(row: ChargePoint, wanted: Wanted) -> None:
    """What OCPP doesn't let a CSMS send in this state of registration (conformance A-33, C-04, C-05, C-08)."""
    name, action = row.charge_point_id, wanted.action
    if row.registration is Registration.REJECTED:
        raise ProblemError("charge-point-rejected", f"{name} is rejected: it is sent no commands")
    if row.registration is Registration.PENDING and action in _REMOTE_TRANSACTIONS:
        raise ProblemError(
            "charge-point-pending", f"{name} is pending: no transaction is started or stopped until accepted"
        )
    if rotation.lowers_profile(wanted.payload, row):
        raise ProblemError("profile-lowered", f"{name} has a higher security profile: no command may lower it")
    accepted = row.registration is Registration.ACCEPTED and row.boot is not None
    if accepted and action == "TriggerMessage" and wanted.payload.get("requestedMessage") == "BootNotification":
        raise ProblemError(
            "charge-point-accepted", f"{name} is accepted: it would refuse to send another BootNotification"
        )


def _refuse_second_password(row: ChargePoint, wanted: Sequence[Wanted], ports: Ports) -> None:
    """Only two count at a time: a third would lock out a charge point that took the second and could not say so."""
    if not any(rotation.sets_password(each.payload) for each in wanted):
        return
    begun_by = rotation.begun_by(row)
    if begun_by is not None and ports.commands.find(begun_by) is not None:
        raise ProblemError(
            "password-changing",
            f"{row.charge_point_id} was sent another password: its answer settles that, or its next connect",
        )


def _check(wanted: Wanted) -> None:
    wrong = [
        Wrong(wanted.source(each.pointer), f"{each.description.removeprefix(f'{each.pointer}: ')} ({wanted.version})")
        for each in schemas.faults(wanted.version, wanted.action, wanted.payload)
    ]
    if wrong:
        raise InvalidRequestError(wrong)


def route_of(row: ChargePoint, ports: Ports) -> Route | None:
    connection = row.connection
    if connection is None or connection.disconnected_at is not None:
        return None
    # A gateway that died could tell nobody: its lease did.
    if not ports.registry.is_alive(connection.gateway, ports.now()):
        return None
    return Route(connection.gateway, connection.link)


def _refuse_too_large(frame: str) -> None:
    size = len(frame.encode())
    if size > MAX_FRAME:
        raise ProblemError("command-too-large", f"the command is {size} bytes, at most {MAX_FRAME} travel")


def _refuse_secret_parts(wanted: Sequence[Wanted]) -> None:
    # A part that waits is stored, and a secret never is.
    if len(wanted) > 1 and any(secrets.has_any(each.payload) for each in wanted):
        raise InvalidRequestError([Wrong("", "a password is set by a command of its own")])


def _offline(row: ChargePoint, commands: list[Command], asked: Asked, ports: Ports, *, is_secret: bool) -> Command:
    if not asked.ttl:
        _refuse_offline(commands[-1], "the command was not sent", ports)
    if row.connection is None:
        _refuse_offline(commands[-1], "it never was, so nobody knows which OCPP version it speaks", ports)
    if is_secret:
        _refuse_offline(commands[-1], "a command with a password in it is never kept waiting", ports)
    name = row.charge_point_id
    if len(ports.lines.waiting(name)) >= MAX_WAITING:
        raise ProblemError("queue-full", f"{MAX_WAITING} commands wait for {name} already")
    _store_parts(commands[1:], ports)
    ports.commands.add(commands[0])
    ports.lines.put(name, commands[0])
    log.info("command queued", **_named(commands[0]))
    # It may have connected meanwhile, and its line may have been looked at before we came.
    now = ports.registry.find_many([name]).get(name)
    if now is not None and route_of(now, ports) is not None:
        delivery.release(name, now, ports.delivery())
    return ports.commands.find(commands[-1].command_id) or commands[-1]


def _refuse_offline(command: Command, why: str, ports: Ports) -> NoReturn:
    alone = replace(command, state=CommandState.NOT_CONNECTED, part_before=None, queued_until=None)
    ports.commands.add(alone)
    raise guards.offline(alone, why)


def _store_parts(commands: Sequence[Command], ports: Ports) -> None:
    # Before the first is sent: its answer may be faster than we are.
    for command in commands:
        ports.commands.add(command)
        ports.lines.put(command.part_before or "", command)


def _send(command: Command, frame: str, route: Route, ports: Ports) -> Command:
    command = replace(command, queued_until=None, sent_at=command.created_at)  # it doesn't wait
    ports.commands.add(command)
    try:
        delivery.publish(command, frame, route, replace(ports.delivery(), now=command.created_at))
    except ports.broker_errors as error:
        log.exception("the broker did not take a command", **_named(command))
        stored = ports.commands.move(command.command_id, CommandState.ERROR)
        if stored is not None and stored.state is not CommandState.ERROR:
            return stored  # it did take it, and only its word to us was lost
        if stored is not None:
            delivery.answered(stored, None, ports.delivery())
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
