"""What shows that a command had its effect: the message that follows, never the answer alone (conformance D.3).

A charge point that says Accepted says that it will try. What it did then is told by another message of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain import effects_network, effects_reservation, effects_security
from domain.evidence import CONFIRMED, CONNECT, NOT_OBSERVED, Message, is_new_connection, sent_at, statuses
from domain.models import Command, CommandState
from ocppj import timestamps

PENDING, NONE = "pending", "none"

_SCHEDULED = timedelta(days=1)  # until transactions end, or the charge point boots
_SKEW = timedelta(seconds=2)  # between our clock and the broker's
_CLOSED = "closed"  # what a gateway says when the connection ended before an answer came
_NEVER = (CommandState.REJECTED, CommandState.ERROR, CommandState.NOT_CONNECTED, CommandState.EXPIRED)

Judge = Callable[[Command, Message], str | None]


def _always(_: Command) -> bool:
    return True


def _unasked(_: Command) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Effect:
    """Which messages may show it, how one is judged, and for how long to look out for them.

    Not every command of an action has one: `concerns` tells. Of which command it shows only if somebody asks, with
    another one, `is_asked_for` tells: nobody waits for that.
    """

    shown_by: frozenset[str]
    judge: Judge
    within: timedelta
    concerns: Callable[[Command], bool] = _always
    is_asked_for: Callable[[Command], bool] = _unasked


def line(charge_point_id: str) -> str:
    """The line in which commands wait for their effect."""
    return f"effect#{charge_point_id}"


def is_expected(command: Command) -> bool:
    """Whether anything may show it."""
    return _effect_of(command) is not None


def state(command: Command, now: datetime) -> str:
    """What is known of the effect now."""
    if command.effect is not None:
        return command.effect
    effect = _effect_of(command)
    if effect is None or effect.is_asked_for(command) or _is_refused(command):
        return NONE
    return PENDING if is_open(command, now) else NOT_OBSERVED


def is_open(command: Command, now: datetime) -> bool:
    """Whether a message may still show it."""
    if command.effect is not None or not is_expected(command) or _is_refused(command):
        return False
    is_waiting = command.state is CommandState.QUEUED and command.queued_until is not None
    return is_waiting or now <= until(command)


def until(command: Command) -> datetime:
    """When an effect that was not observed is given up."""
    within = _EFFECTS[command.action].within
    is_later = command.payload.get("type") == "OnIdle" or bool(_said(command) & {"Scheduled", "RebootRequired"})
    given_up = command.deadline + (max(within, _SCHEDULED) if is_later else within)
    expiry = command.payload.get("expiryDate", command.payload.get("expiryDateTime"))
    return max(given_up, timestamps.parse(expiry)) if command.action == "ReserveNow" and expiry else given_up


def judge(command: Command, message: Message) -> str | None:
    """Whether this message shows that the command had its effect, or that it had none; None if it says nothing."""
    effect = _effect_of(command)
    is_older = (message.asked_at or message.received_at + _SKEW) < sent_at(command)
    if effect is None or is_older or message.action not in effect.shown_by:
        return None
    return effect.judge(command, message)


def _is_refused(command: Command) -> bool:
    """Whether nothing will come of it."""
    # Where the connection ended before the answer nobody knows: some charge points reset without a word.
    details = (command.answer or {}).get("details")
    is_lost = command.state is CommandState.ERROR and isinstance(details, dict) and details.get("reason") == _CLOSED
    return command.state in _NEVER and not is_lost


def _effect_of(command: Command) -> Effect | None:
    effect = _EFFECTS.get(command.action)
    return effect if effect is not None and effect.concerns(command) else None


def _said(command: Command) -> set[Any]:
    answer = command.answer or {}
    results = answer.get("setVariableResult")
    each = results if isinstance(results, list) else ()
    return {str(answer.get("status")), *(str(one.get("attributeStatus")) for one in each if isinstance(one, dict))}


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
    return CONFIRMED if is_new_connection(command, message) else None


def _is_of_all(command: Command) -> bool:
    # An EVSE that resets doesn't boot.
    return "evseId" not in command.payload


def _available_16(command: Command, message: Message) -> str | None:
    wanted, said = command.payload, message.payload
    is_there = wanted.get("connectorId") in (0, said.get("connectorId"))
    return _availability(wanted.get("type"), said.get("status")) if is_there else None


def _available_2x(command: Command, message: Message) -> str | None:
    evse = command.payload.get("evse", {})
    for evse_id, connector_id, status in statuses(message):
        is_there = evse.get("id") in (None, evse_id) and evse.get("connectorId") in (None, connector_id)
        verdict = _availability(command.payload.get("operationalStatus"), status) if is_there else None
        if verdict:
            return verdict
    return None


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


def _effect(within: timedelta, judged: Judge, *shown_by: str, **more: Any) -> Effect:
    return Effect(frozenset(shown_by), judged, within, **more)


_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_INSTALLED = _effect(
    _DAY, _ends("Installed", _INSTALL_FAILED), "FirmwareStatusNotification",
    "SignedFirmwareStatusNotification",
)  # fmt: skip
_UPLOADED = _effect(
    30 * _MINUTE, _ends("Uploaded", _UPLOAD_FAILED), "LogStatusNotification", "DiagnosticsStatusNotification"
)
_TRIGGER = Effect(_TRIGGERABLE, _triggered, _MINUTE)


def _set(command: Command, message: Message) -> str | None:
    if not effects_security.is_credential(command):
        return effects_network.preferred(command, message)
    return effects_security.used(command, message) if message.action == CONNECT else None


def _is_seen_later(command: Command) -> bool:
    return effects_security.is_credential(command) or effects_network.is_switch(command)


def _available(command: Command, message: Message) -> str | None:
    return (_available_16 if "type" in command.payload else _available_2x)(command, message)


_EFFECTS = {
    "RemoteStartTransaction": _effect(5 * _MINUTE, _started_16, "StartTransaction"),
    "RequestStartTransaction": _effect(5 * _MINUTE, _started_2x, "TransactionEvent"),
    "RemoteStopTransaction": _effect(_MINUTE, _stopped_16, "StopTransaction"),
    "RequestStopTransaction": _effect(_MINUTE, _stopped_2x, "TransactionEvent"),
    "Reset": _effect(5 * _MINUTE, _rebooted, "BootNotification", concerns=_is_of_all),
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
    "ReserveNow": _effect(
        _MINUTE, effects_reservation.made, *effects_reservation.SHOWN_BY, *effects_reservation.USED_BY
    ),
    "CancelReservation": _effect(_MINUTE, effects_reservation.cancelled, *effects_reservation.SHOWN_BY),
    "ChangeConfiguration": _effect(
        10 * _MINUTE, effects_security.used, CONNECT, concerns=effects_security.is_credential
    ),
    "SetVariables": _effect(
        10 * _MINUTE,
        _set,
        CONNECT,
        effects_network.ASKED_BY,
        concerns=_is_seen_later,
        is_asked_for=effects_network.is_unseen,
    ),
    "SetNetworkProfile": _effect(
        _DAY,  # it is used when the charge point goes over to it, which takes two more commands
        effects_network.switched,
        CONNECT,
        effects_network.ASKED_BY,
        is_asked_for=effects_network.is_unseen,
    ),
    "CertificateSigned": _effect(
        5 * _MINUTE,
        effects_security.shown,
        CONNECT,
        "SecurityEventNotification",
        concerns=effects_security.is_own_certificate,
    ),
    "InstallCertificate": _effect(_DAY, effects_security.installed, "GetInstalledCertificateIds", is_asked_for=_always),
    "SendLocalList": _effect(_DAY, effects_security.listed, "GetLocalListVersion", is_asked_for=_always),
}
SHOWN_BY = frozenset(action for effect in _EFFECTS.values() for action in effect.shown_by)
