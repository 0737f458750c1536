"""How a charge point answers a command, and what it says to a frame that it can't read."""

from typing import TYPE_CHECKING

from ocppj import actions, schemas
from ocppj.errors import Defect, FrameError, OcppError
from ocppj.frames import Answer, Call, CallError, CallResult, Payload
from ocppj.versions import V16, Version

if TYPE_CHECKING:
    from charge_point_sim.charge_point import ChargePoint


def answer(cp: "ChargePoint", call: Call) -> Answer:
    """Do what a command says, or say why not."""
    try:
        payload = _perform(cp, call)
    except OcppError as error:
        cp.log.info("command", action=call.action, refused=error.description)
        return CallError(call.message_id, error.defect.code(cp.dialect.version), error.description, error.details)
    cp.log.info("command", action=call.action, status=payload.get("status", "answered"))
    return CallResult(call.message_id, payload)


def complaint(error: FrameError, version: Version) -> CallError | None:
    """What is answered to a frame that is none, if anything is."""
    # 1.6 has no code for an unknown message type and says to ignore it (1.6J §4.1.3).
    is_ignored = error.defect is Defect.UNKNOWN_MESSAGE_TYPE and version is V16
    if is_ignored or not error.answerable:
        return None
    return CallError(error.answer_id(version), error.defect.code(version), error.description)


def _perform(cp: "ChargePoint", call: Call) -> Payload:
    version = cp.dialect.version
    if cp.registration == "Rejected":  # 2.0.1 part 2 B03.FR.07
        raise OcppError(Defect.NOT_ACCEPTED, "this charge point was rejected")
    if call.action not in schemas.actions(version):
        raise OcppError(Defect.UNKNOWN_ACTION, f"{version} has no action {call.action}")
    command = cp.dialect.commands.get(call.action)
    if command is None or call.action not in actions.commands(version):
        raise OcppError(Defect.UNSUPPORTED_ACTION, f"{call.action} is not supported")
    schemas.check(version, call.action, "request", call.payload)
    return command(cp, call.payload)
