"""What a 1.6 charge point says."""

from charge_point_sim import configuration
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.commands_v16 import COMMANDS
from charge_point_sim.dialect import Dialect
from charge_point_sim.exchange import Message
from charge_point_sim.parts import Cause, Connector, Session, Token
from charge_point_sim.samples import sampled
from ocppj.frames import Payload
from ocppj.versions import V16

_REASONS: dict[Cause, str] = {
    "local": "Local",
    "remote": "Remote",
    "deauthorized": "DeAuthorized",
    "hard reset": "HardReset",
    "soft reset": "SoftReset",
    "unlock": "UnlockCommand",
    "power loss": "PowerLoss",
    "unplugged": "EVDisconnected",
    "fault": "EmergencyStop",
}


def boot(cp: ChargePoint) -> Payload:
    """BootNotification."""
    return {
        "chargePointVendor": cp.setup.vendor,
        "chargePointModel": cp.setup.model,
        "chargePointSerialNumber": cp.setup.serial,
        "firmwareVersion": cp.firmware,
    }


def status(cp: ChargePoint, connector: Connector) -> tuple[str, Payload]:
    """StatusNotification, and the word that would have to change for another."""
    return connector.status, {
        "connectorId": connector.number,
        "errorCode": "OtherError" if connector.status == "Faulted" else "NoError",
        "status": connector.status,
        "timestamp": cp.stamp(),
    }


def authorize(token: Token) -> Payload:
    """Authorize."""
    return {"idTag": token.text}


def verdict(answer: Payload) -> str | None:
    """What an answer says about the id tag, if it says anything."""
    info = answer.get("idTagInfo")
    return info["status"] if info else None


def start(cp: ChargePoint, connector: Connector, session: Session) -> Message:
    """StartTransaction."""
    payload: Payload = {
        "connectorId": connector.number,
        "idTag": session.token.text,
        "meterStart": int(connector.meter.energy_wh),
        "timestamp": cp.stamp(),
    }
    if session.reservation_id is not None:
        payload["reservationId"] = session.reservation_id
    return Message("StartTransaction", payload, is_durable=True)


def change(cp: ChargePoint, connector: Connector, session: Session) -> None:
    """Nothing but a StatusNotification tells it in 1.6."""


def sample(cp: ChargePoint, connector: Connector, context: str) -> Message:
    """MeterValues; those of a transaction are kept until delivered."""
    session = connector.running
    is_triggered = context == "Trigger"
    message = Message("MeterValues", meter_values(cp, connector, context), is_early=is_triggered)
    if session:
        message.is_durable = message.is_expendable = not is_triggered
        message.late = lambda: {"transactionId": session.transaction_id}
    return message


def stop(cp: ChargePoint, connector: Connector, session: Session, cause: Cause) -> Message:
    """StopTransaction; its transactionId may be learnt only when it leaves."""
    payload: Payload = {
        "meterStop": int(connector.meter.energy_wh),
        "timestamp": cp.stamp(),
        "reason": _REASONS[cause],
    }
    if cause == "local":
        payload["idTag"] = session.token.text
    if cp.variables.names("ended_measurands"):
        payload["transactionData"] = meter_values(cp, connector, "Transaction.End")["meterValue"]
    late = lambda: {"transactionId": session.transaction_id}  # noqa: E731
    return Message("StopTransaction", payload, late, is_durable=True)


def meter_values(cp: ChargePoint, connector: Connector, context: str) -> Payload:
    """The payload of MeterValues."""
    values = [
        # Values are strings in 1.6.
        {
            "value": str(value),
            "context": context,
            "measurand": name,
            "unit": unit,
            **({"location": "EV"} if name == "SoC" else {}),
        }
        for name, value, unit in sampled(cp, connector, context)
    ]
    return {
        "connectorId": connector.number,
        "meterValue": [{"timestamp": cp.stamp(), "sampledValue": values}],
    }


DIALECT = Dialect(
    V16,
    configuration.keys,
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
