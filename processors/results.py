"""What charge points answer to commands, and the errors gateways make up when they don't (conformance B.2, D).

A gateway's synthetic CALLERROR looks like any other, but for details of {"reason", "gateway", "epoch"}.
"""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import structlog

from domain import delivery, evidence, rotation, secrets
from domain.evidence import Message
from domain.models import ChargePoint, Command, CommandState, Route
from ocppj import frames, schemas
from ocppj.errors import OcppError
from ocppj.frames import Answer, CallError, CallResult, CallResultError, Payload
from ocppj.versions import V21
from processors import effects
from processors.ports import Ports

log = structlog.get_logger(__name__)

# A charge point that says one of these will do it, or has done it; any other status is a no.
_ACCEPTING = frozenset({"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked"})

# What changes several things answers for each. Who reads several (GetVariables) reads for themselves what each says.
_RESULTS = {
    "ClearTariffs": ("clearTariffsResult", "status"),
    "ClearVariableMonitoring": ("clearMonitoringResult", "status"),
    "SetVariableMonitoring": ("setMonitoringResult", "status"),
    "SetVariables": ("setVariableResult", "attributeStatus"),
}

_STATE_OF_REASON = {
    "timeout": CommandState.TIMEOUT,
    "expired": CommandState.EXPIRED,
    "closed": CommandState.ERROR,
    "busy": CommandState.ERROR,
    "too_large": CommandState.ERROR,
}
_NEVER_SENT = frozenset({"busy", "expired"})


def receive(charge_point_id: str, row: ChargePoint | None, answer: Answer, at: datetime, ports: Ports) -> None:
    """Bring the command to the state its answer says."""
    command = ports.commands.find(answer.message_id)
    if command is None or command.charge_point_id != charge_point_id:
        # Late, made up, or another charge point's: an answer belongs to the one that was asked (B-10).
        log.warning("answer to no command ignored", charge_point_id=charge_point_id, message_id=answer.message_id)
        return
    if isinstance(answer, CallError) and _is_synthetic(answer.details):
        if _is_of_older_socket(answer.details, row):
            log.info("error of an older socket ignored", charge_point_id=charge_point_id, message_id=answer.message_id)
            return
        _give_up(command, answer, at, ports)
    else:
        _conclude(command, answer, at, ports)
        if isinstance(answer, CallResult):
            _judge(command, row, answer, ports)
            _learn(command, answer, at, ports)
            _observe(command, row, answer, at, ports)
    if rotation.is_one(command):
        _settle(command, answer, ports)
    _send_next(command, row, ports)


def _settle(command: Command, answer: Answer, ports: Ports) -> None:
    """Keep the new credential, or drop it; where nobody knows, both count until one is used (A-39)."""
    # Not the row of the batch: it may be older than the command.
    row = ports.registry.find_many([command.charge_point_id]).get(command.charge_point_id)
    if row is None:
        return
    said = answer.payload if isinstance(answer, CallResult) else None
    if isinstance(answer, CallError) and _is_synthetic(answer.details) and answer.details["reason"] not in _NEVER_SENT:
        said = rotation.LOST
    rotation.settle(command, row, said, ports.passwords)


def _learn(command: Command, answer: CallResult, at: datetime, ports: Ports) -> None:
    """Keep the configuration of a 1.6 charge point, key by key, as it tells it (domain.assembly.configuration)."""
    keys = answer.payload.get("configurationKey")
    if command.action != "GetConfiguration" or not isinstance(keys, list):
        return
    for each in keys:
        if isinstance(each, dict) and isinstance(each.get("key"), str):
            ports.reports.keep(command.charge_point_id, "Configuration", each["key"].lower(), secrets.masked(each), at)


def _observe(command: Command, row: ChargePoint | None, answer: CallResult, at: datetime, ports: Ports) -> None:
    """See what it tells of commands before it: a list of certificates shows which are installed."""
    if row is not None:
        asked_at = evidence.sent_at(command)
        effects.observe(Message(command.action, command.payload, answer.payload, at, row, asked_at), ports)


def _send_next(command: Command, row: ChargePoint | None, ports: Ports) -> None:
    if command.part_after is None and command.queued_until is None:
        return  # nothing waits for most commands
    ended = ports.commands.find(command.command_id)
    if ended is not None and ended.state.is_final:
        delivery.answered(ended, row, ports.delivery())


def _give_up(command: Command, error: CallError, at: datetime, ports: Ports) -> None:
    state = _STATE_OF_REASON[error.details["reason"]]
    # A time-out is nobody's words; why a socket took no command is told by the gateway's.
    said = {"answer": _words_of(error)} if state is CommandState.ERROR else {}
    ports.commands.move(command.command_id, state, answered_at=at, **said)
    _log_finished(command, state, error.details["reason"])


def _conclude(command: Command, answer: Answer, at: datetime, ports: Ports) -> None:
    state, said = _read(command, answer)
    stored = ports.commands.move(command.command_id, state, answer=said, answered_at=at)
    if stored is None or stored.answer == said:
        _log_finished(command, state, None)
    elif stored.answer is None or _is_synthetic(stored.answer.get("details")):
        ports.commands.note(command.command_id, late_answer=said)
        log.info("late answer kept", charge_point_id=command.charge_point_id, command_id=command.command_id)
    else:
        # The first answer counts (B-11).
        log.warning("second answer ignored", charge_point_id=command.charge_point_id, command_id=command.command_id)


def _read(command: Command, answer: Answer) -> tuple[CommandState, Payload]:
    if isinstance(answer, CallError):
        return CommandState.ERROR, _words_of(answer)
    refused = any(isinstance(status, str) and status not in _ACCEPTING for status in _statuses(command, answer.payload))
    return (CommandState.REJECTED if refused else CommandState.ACCEPTED), secrets.masked(answer.payload)


def _statuses(command: Command, answer: Payload) -> Iterator[Any]:
    """What says yes or no in an answer: its status, if it has one, and that of each thing that was to be set."""
    yield answer.get("status")
    listed, name = _RESULTS.get(command.action, ("", ""))
    results = answer.get(listed)
    for each in results if isinstance(results, list) else ():
        yield each.get(name) if isinstance(each, dict) else None


def _judge(command: Command, row: ChargePoint | None, answer: CallResult, ports: Ports) -> None:
    try:
        schemas.check(command.version, command.action, "response", answer.payload)
    except OcppError as error:
        log.warning(
            "answer breaks its schema, kept as it is",
            charge_point_id=command.charge_point_id,
            command_id=command.command_id,
            action=command.action,
            pointer=error.details.get("pointer"),
        )
        if command.version is V21:
            _refuse(command, row, error, ports)


def _refuse(command: Command, row: ChargePoint | None, error: OcppError, ports: Ports) -> None:
    """2.1 has a word for an answer that can't be used (J21 §4.2.3); older versions have none."""
    connection = row.connection if row is not None else None
    if connection is None or connection.disconnected_at is not None:
        return
    refusal = CallResultError(command.command_id, error.defect.code(V21), error.description, error.details)
    route, left_s = Route(connection.gateway, connection.link), math.ceil(ports.settings.call_timeout_s)
    text = frames.encode(refusal)
    ports.outbound.publish(command.charge_point_id, text, route, epoch=connection.epoch, expires_in_s=left_s)


def _words_of(error: CallError) -> Payload:
    return {"code": error.code, "description": error.description, "details": error.details}


def _is_synthetic(details: object) -> bool:
    return isinstance(details, dict) and details.get("reason") in _STATE_OF_REASON and "gateway" in details


def _is_of_older_socket(details: Payload, row: ChargePoint | None) -> bool:
    # Only the gateway that owns the charge point now decides a command. After a takeover within one gateway that
    # is the one which gives up the old socket's commands, under the old epoch.
    if row is None or row.connection is None or details["gateway"] == row.connection.gateway:
        return False
    return int(details.get("epoch") or 0) < row.connection.epoch


def _log_finished(command: Command, state: CommandState, reason: str | None) -> None:
    if command.state.is_final:
        return  # the queue said it before
    log.info(
        "command finished",
        charge_point_id=command.charge_point_id,
        command_id=command.command_id,
        action=command.action,
        state=state,
        reason=reason,
    )
