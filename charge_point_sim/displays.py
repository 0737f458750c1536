"""Messages on the display of a 2.x charging station (part 2, block O), and what a driver is told to pay."""

from charge_point_sim import answers
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.device_model import FORMATS
from charge_point_sim.exchange import Message
from charge_point_sim.trains import read_time
from ocppj.frames import Payload

PART = 10  # messages in one NotifyDisplayMessages


def put(cp: ChargePoint, payload: Payload) -> Payload:
    """SetDisplayMessage: one with the same id is replaced."""
    message = payload["message"]
    if message["message"]["format"] not in FORMATS:
        return {"status": "NotSupportedMessageFormat"}
    transaction_id = message.get("transactionId")
    if transaction_id is not None and answers.running(cp, transaction_id) is None:
        return {"status": "UnknownTransaction"}
    cp.kept.displays[message["id"]] = message
    cp.log.info("display", message=message["message"]["content"], priority=message["priority"])
    return {"status": "Accepted"}


def get(cp: ChargePoint, payload: Payload) -> Payload:
    """GetDisplayMessages: Accepted, and then the messages in parts; Unknown if none fits."""
    _forget_old(cp)
    found = [each for each in cp.kept.displays.values() if _fits(each, payload)]
    for first in range(0, len(found), PART):
        part = {"requestId": payload["requestId"], "messageInfo": found[first : first + PART]}
        cp.exchange.put(Message("NotifyDisplayMessages", part | {"tbc": first + PART < len(found)}, is_early=True))
    return {"status": "Accepted" if found else "Unknown"}


def clear(cp: ChargePoint, payload: Payload) -> Payload:
    """ClearDisplayMessage."""
    _forget_old(cp)
    return {"status": "Accepted" if cp.kept.displays.pop(payload["id"], None) else "Unknown"}


def show_cost(cp: ChargePoint, payload: Payload) -> Payload:
    """CostUpdated: the driver sees it."""
    cp.log.info("display", transaction_id=payload["transactionId"], total_cost=payload["totalCost"])
    return {}


def _fits(message: Payload, wanted: Payload) -> bool:
    same = (name for name in ("priority", "state") if name in wanted)
    return message["id"] in wanted.get("id", [message["id"]]) and all(
        message.get(name) == wanted[name] for name in same
    )


def _forget_old(cp: ChargePoint) -> None:
    # A message ends with its time or its transaction (O01.FR.04, O02.FR.02).
    cp.kept.displays = {key: message for key, message in cp.kept.displays.items() if not _is_over(cp, message)}


def _is_over(cp: ChargePoint, message: Payload) -> bool:
    is_late = "endDateTime" in message and read_time(cp, message["endDateTime"]) <= cp.now
    transaction_id = message.get("transactionId")
    return is_late or (transaction_id is not None and answers.running(cp, transaction_id) is None)
