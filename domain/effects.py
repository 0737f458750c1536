"""What shows that a command had its effect: the message that follows, never the answer alone (conformance D.3).

A charge point that says Accepted says that it will try. What it did then is told by another message of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.models import ChargePoint, Command, CommandState
from ocppj import timestamps

Payload = dict[str, Any]

CONFIRMED, NOT_OBSERVED, PENDING, NONE = "confirmed", "not_observed", "pending", "none"

_SCHEDULED = timedelta(days=1)  # until transactions end
_SKEW = timedelta(seconds=2)  # between our clock and the broker's


@dataclass(frozen=True, slots=True)
class Message:
    """What a charge point sent, what we answered, and its row as it was then."""

    action: str
    payload: Payload
    answer: Payload
    received_at: datetime
    charge_point: ChargePoint


@dataclass(frozen=True, slots=True)
class Effect:
    """Which messages may show it, how one is judged, and how long to look out for them."""

    shown_by: frozenset[str]
    judge: Callable[[Command, Message], str | None]
    within: timedelta


def line(charge_point_id: str) -> str:
    """The line in which commands wait for their effect."""
    return f"effect#{charge_point_id}"


def is_expected(command: Command) -> bool:
    """Whether anything is to follow."""
    # An EVSE that resets doesn't boot.
    return command.action in _EFFECTS and not (command.action == "Reset" and "evseId" in command.payload)


def state(command: Command, now: datetime) -> str:
    """What is known of the effect now."""
    if command.effect is not None:
        return command.effect
    never = (CommandState.REJECTED, CommandState.ERROR, CommandState.NOT_CONNECTED, CommandState.EXPIRED)
    if not is_expected(command) or command.state in never:
        return NONE
    is_waiting = command.state is CommandState.QUEUED and command.queued_until is not None
    return PENDING if is_waiting or now <= until(command) else NOT_OBSERVED


def until(command: Command) -> datetime:
    """When an effect that was not observed is given up."""
    status = (command.answer or {}).get("status")
    is_scheduled = status == "Scheduled" or command.payload.get("type") == "OnIdle"
    within = _EFFECTS[command.action].within
    return command.deadline + (max(within, _SCHEDULED) if is_scheduled else within)


def judge(command: Command, message: Message) -> str | None:
    """Whether this message shows that the command had its effect, or that it had none; None if it says nothing."""
    effect = _EFFECTS.get(command.action)
    is_older = message.received_at < _sent_at(command) - _SKEW
    if effect is None or is_older or message.action not in effect.shown_by:
        return None
    return effect.judge(command, message)


def evidence(message: Message) -> Payload:
    """What is kept of a message that shows an effect."""
    told = {name: message.payload[name] for name in _TOLD if name in message.payload}
    transaction = message.payload.get("transactionInfo", message.answer).get("transactionId")
    if transaction is not None:
        told["transactionId"] = transaction
    return {"action": message.action, "receivedAt": timestamps.write(message.received_at)} | told


def _sent_at(command: Command) -> datetime:
    return command.sent_at or command.created_at


_TOLD = (
    "connectorId", "evse", "evseId", "status", "connectorStatus", "reason", "eventType", "triggerReason", "requestId",
    "transactionId", "timestamp",
)  # fmt: skip


def _started_16(command: Command, message: Message) -> str | None:
    wanted, said = command.payload, message.payload
    is_its_tag = str(said.get("idTag", "")).lower() == str(wanted.get("idTag", "")).lower()
    is_there = wanted.get("connectorId") in (None, said.get("connectorId"))
    if not (is_its_tag and is_there):
        return None
    verdict = message.answer.get("idTagInfo", {}).get("status", "Accepted")
    return CONFIRMED if verdict == "Accepted" else NOT_OBSERVED


def _started_2x(command: Command, message: Message) -> str | None:
    said = message.payload
    if said.get("transactionInfo", {}).get("remoteStartId") != command.payload.get("remoteStartId"):
        return None
    failed = said.get("eventType") == "Ended" and said.get("triggerReason") in ("EVConnectTimeout", "Deauthorized")
    return NOT_OBSERVED if failed else CONFIRMED


def _stopped_16(command: Command, message: Message) -> str | None:
    return CONFIRMED if message.payload.get("transactionId") == command.payload.get("transactionId") else None


def _stopped_2x(command: Command, message: Message) -> str | None:
    said = message.payload
    its_id, wanted_id = said.get("transactionInfo", {}).get("transactionId"), command.payload.get("transactionId")
    # Ids are case-insensitive; with another TxStopPoint the transaction ends later than the charging.
    is_it = str(its_id).lower() == str(wanted_id).lower()
    stops = said.get("eventType") == "Ended" or said.get("triggerReason") in ("RemoteStop", "StopAuthorized")
    return CONFIRMED if is_it and stops else None


def _rebooted(command: Command, message: Message) -> str | None:
    # One that was on its way before the command came has a connection that is older.
    connection = message.charge_point.connection
    return CONFIRMED if connection is not None and connection.connected_at > _sent_at(command) else None


def _available_16(command: Command, message: Message) -> str | None:
    wanted, said = command.payload, message.payload
    is_there = wanted.get("connectorId") in (0, said.get("connectorId"))
    return _availability(wanted.get("type"), said.get("status")) if is_there else None


def _available_2x(command: Command, message: Message) -> str | None:
    evse = command.payload.get("evse", {})
    for evse_id, connector_id, status in _statuses(message):
        is_there = evse.get("id") in (None, evse_id) and evse.get("connectorId") in (None, connector_id)
        verdict = _availability(command.payload.get("operationalStatus"), status) if is_there else None
        if verdict:
            return verdict
    return None


def _statuses(message: Message) -> list[tuple[Any, Any, Any]]:
    said = message.payload
    if message.action == "StatusNotification":
        return [(said.get("evseId"), said.get("connectorId"), said.get("connectorStatus"))]
    found = []
    for data in said.get("eventData", ()):
        evse = data["component"].get("evse", {})
        if data["variable"]["name"].lower() == "availabilitystate":
            found.append((evse.get("id"), evse.get("connectorId"), data["actualValue"]))
    return found


def _availability(wanted: Any, status: Any) -> str | None:
    is_out = status == "Unavailable"
    return CONFIRMED if status != "Faulted" and is_out is (wanted == "Inoperative") else None


_TRIGGERED = {
    "SignChargePointCertificate": ("SignCertificate",),
    "SignChargingStationCertificate": ("SignCertificate",),
    "SignV2GCertificate": ("SignCertificate",),
    "SignCombinedCertificate": ("SignCertificate",),
    "FirmwareStatusNotification": ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
}
_TRIGGERABLE = frozenset({
    "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat",
    "LogStatusNotification", "MeterValues", "PublishFirmwareStatusNotification", "SignCertificate",
    "SignedFirmwareStatusNotification", "StatusNotification", "TransactionEvent",
})  # fmt: skip


def _triggered(command: Command, message: Message) -> str | None:
    wanted, said = command.payload, message.payload
    requested = str(wanted.get("requestedMessage"))
    if message.action not in _TRIGGERED.get(requested, (requested,)):
        return None
    if message.action == "TransactionEvent" and said.get("triggerReason") != "Trigger":
        return None
    named = said.get("connectorId", said.get("evse", {}).get("id")), said.get("evseId", said.get("evse", {}).get("id"))
    evse = wanted.get("evse", {}).get("id")
    is_there = wanted.get("connectorId") in (None, named[0]) and evse in (None, named[1])
    return CONFIRMED if is_there else None


_UPLOAD_FAILED = frozenset({
    "UploadFailed", "UploadFailure", "BadMessage", "PermissionDenied", "NotSupportedOperation", "AcceptedCanceled",
})  # fmt: skip
_INSTALL_FAILED = frozenset({
    "DownloadFailed", "InstallationFailed", "InstallVerificationFailed", "InvalidSignature", "RevokedCertificate",
    "InvalidCertificate",
})  # fmt: skip


def _ends(well: str, badly: frozenset[str]) -> Callable[[Command, Message], str | None]:
    def judged(command: Command, message: Message) -> str | None:
        its_id, wanted_id = message.payload.get("requestId"), command.payload.get("requestId")
        if its_id is not None and wanted_id is not None and its_id != wanted_id:
            return None
        status = message.payload.get("status")
        return CONFIRMED if status == well else NOT_OBSERVED if status in badly else None

    return judged


def _reported(command: Command, message: Message) -> str | None:
    is_last = not message.payload.get("tbc", False)
    return CONFIRMED if is_last and message.payload.get("requestId") == command.payload.get("requestId") else None


def _effect(within: timedelta, judged: Callable[[Command, Message], str | None], *shown_by: str) -> Effect:
    return Effect(frozenset(shown_by), judged, within)


_MINUTE = timedelta(minutes=1)
_INSTALLED = _effect(
    timedelta(days=1), _ends("Installed", _INSTALL_FAILED), "FirmwareStatusNotification",
    "SignedFirmwareStatusNotification",
)  # fmt: skip
_UPLOADED = _effect(
    30 * _MINUTE, _ends("Uploaded", _UPLOAD_FAILED), "LogStatusNotification", "DiagnosticsStatusNotification"
)
_TRIGGER = Effect(_TRIGGERABLE, _triggered, _MINUTE)


def _available(command: Command, message: Message) -> str | None:
    return (_available_16 if "type" in command.payload else _available_2x)(command, message)


_EFFECTS = {
    "RemoteStartTransaction": _effect(5 * _MINUTE, _started_16, "StartTransaction"),
    "RequestStartTransaction": _effect(5 * _MINUTE, _started_2x, "TransactionEvent"),
    "RemoteStopTransaction": _effect(_MINUTE, _stopped_16, "StopTransaction"),
    "RequestStopTransaction": _effect(_MINUTE, _stopped_2x, "TransactionEvent"),
    "Reset": _effect(5 * _MINUTE, _rebooted, "BootNotification"),
    "ChangeAvailability": _effect(_MINUTE, _available, "StatusNotification", "NotifyEvent"),
    "TriggerMessage": _TRIGGER,
    "ExtendedTriggerMessage": _TRIGGER,
    "UpdateFirmware": _INSTALLED,
    "SignedUpdateFirmware": _INSTALLED,
    "GetLog": _UPLOADED,
    "GetDiagnostics": _UPLOADED,
    "GetBaseReport": _effect(5 * _MINUTE, _reported, "NotifyReport"),
    "GetReport": _effect(5 * _MINUTE, _reported, "NotifyReport"),
    "GetMonitoringReport": _effect(5 * _MINUTE, _reported, "NotifyMonitoringReport"),
}
SHOWN_BY = frozenset(action for effect in _EFFECTS.values() for action in effect.shown_by)
