"""TransactionEvents and meter values of 2.x, as messages and commands both need them."""

from typing import Any

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from charge_point_sim.parts import Connector, Session
from charge_point_sim.samples import sampled
from ocppj.frames import Payload


def transaction_event(
    cp: ChargePoint, session: Session, kind: str, trigger: str, info: dict[str, Any], **more: Any
) -> Message:
    """The next TransactionEvent of a session; it is kept until delivered."""
    payload = {
        "eventType": kind,
        "timestamp": cp.stamp(),
        "triggerReason": trigger,
        "seqNo": 0 if "seqno-zero" in cp.setup.quirks else session.next_seq_no,
        "transactionInfo": {"transactionId": session.transaction_id, **info},
        **({} if cp.exchange.is_open else {"offline": True}),
        **more,
    }
    session.next_seq_no += 1
    return Message("TransactionEvent", payload, is_durable=True)


def meter_value(cp: ChargePoint, connector: Connector, context: str) -> Payload:
    """One MeterValueType with everything that is sampled in this context."""
    values = [
        {
            "value": value,
            "context": context,
            "measurand": name,
            "unitOfMeasure": {"unit": unit},
            **({"location": "EV"} if name == "SoC" else {}),
        }
        for name, value, unit in sampled(cp, connector, context)
    ]
    return {"timestamp": cp.stamp(), "sampledValue": values}


def state_word(connector: Connector) -> str:
    """The connector's status in 2.x's words."""
    return connector.status if connector.status in ("Available", "Reserved", "Unavailable", "Faulted") else "Occupied"
