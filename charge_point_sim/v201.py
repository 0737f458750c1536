"""What a 2.0.1 charging station says. An EVSE has one connector, number 1."""

from collections.abc import Mapping
from typing import Any

from charge_point_sim import device_model
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.commands_v201 import COMMANDS
from charge_point_sim.dialect import Dialect
from charge_point_sim.events import meter_value, state_word, transaction_event
from charge_point_sim.exchange import Message
from charge_point_sim.parts import Cause, Connector, Session, Token
from ocppj.frames import Payload
from ocppj.versions import V201

# cause: (triggerReason, stoppedReason)
_REASONS: Mapping[Cause, tuple[str, str]] = {
    "local": ("StopAuthorized", "Local"),
    "remote": ("RemoteStop", "Remote"),
    "deauthorized": ("Deauthorized", "DeAuthorized"),
    "hard reset": ("ResetCommand", "ImmediateReset"),
    "soft reset": ("ResetCommand", "ImmediateReset"),
    "unlock": ("UnlockCommand", "Other"),
    "power loss": ("AbnormalCondition", "PowerLoss"),
    "unplugged": ("EVCommunicationLost", "EVDisconnected"),
    "fault": ("AbnormalCondition", "EmergencyStop"),
}


def boot(cp: ChargePoint) -> Payload:
    """BootNotification."""
    station = {
        "vendorName": cp.setup.vendor,
        "model": cp.setup.model,
        "serialNumber": cp.setup.serial,
        "firmwareVersion": cp.firmware,
    }
    return {"reason": cp.boot_reason, "chargingStation": station}


def status(cp: ChargePoint, connector: Connector) -> tuple[str, Payload]:
    """StatusNotification, and the word that would have to change for another."""
    word = state_word(connector)
    return word, {
        "timestamp": cp.stamp(),
        "connectorStatus": word,
        "evseId": connector.number,
        "connectorId": 1,
    }


def authorize(token: Token) -> Payload:
    """Authorize."""
    return {"idToken": _id_token(token)}


def verdict(answer: Payload) -> str | None:
    """What an answer says about the id token, if it says anything."""
    info = answer.get("idTokenInfo")
    return info["status"] if info else None


def start(cp: ChargePoint, connector: Connector, session: Session) -> Message:
    """TransactionEvent Started: the transaction gets its id here."""
    session.transaction_id = cp.new_id()
    more: dict[str, Any] = {
        "evse": {"id": connector.number, "connectorId": 1},
        "idToken": _id_token(session.token),
        "meterValue": [meter_value(cp, connector, "Transaction.Begin")],
    }
    if session.reservation_id is not None:
        more["reservationId"] = session.reservation_id
    is_remote = session.remote_start_id is not None
    info: dict[str, Any] = {"remoteStartId": session.remote_start_id} if is_remote else {}
    info["chargingState"] = "EVConnected"
    return transaction_event(cp, session, "Started", "RemoteStart" if is_remote else "CablePluggedIn", info, **more)


def change(cp: ChargePoint, connector: Connector, session: Session) -> Message:
    """TransactionEvent Updated: energy flows, or no longer flows."""
    return transaction_event(cp, session, "Updated", "ChargingStateChanged", {"chargingState": connector.status})


def sample(cp: ChargePoint, connector: Connector, context: str) -> Message:
    """TransactionEvent Updated with meter values; MeterValues when triggered or outside a transaction."""
    is_triggered = context == "Trigger"
    value = meter_value(cp, connector, context)
    session = connector.running
    if session is None or is_triggered:
        return Message("MeterValues", {"evseId": connector.number, "meterValue": [value]}, is_early=is_triggered)
    trigger = "MeterValueClock" if context == "Sample.Clock" else "MeterValuePeriodic"
    message = transaction_event(cp, session, "Updated", trigger, {}, meterValue=[value])
    message.is_expendable = True
    return message


def stop(cp: ChargePoint, connector: Connector, session: Session, cause: Cause) -> Message:
    """TransactionEvent Ended."""
    trigger, reason = _REASONS[cause]
    more: dict[str, Any] = {"meterValue": [meter_value(cp, connector, "Transaction.End")]}
    if cause == "local":
        more["idToken"] = _id_token(session.token)
    info = {"stoppedReason": reason, "chargingState": "Idle" if cause == "unplugged" else "EVConnected"}
    return transaction_event(cp, session, "Ended", trigger, info, **more)


def _id_token(token: Token) -> Payload:
    return {"idToken": token.text, "type": token.kind}


DIALECT = Dialect(
    V201,
    device_model.variables,
    COMMANDS,
    boot=boot,
    status=status,
    authorize=authorize,
    verdict=verdict,
    start=start,
    change=change,
    sample=sample,
    stop=stop,
)
