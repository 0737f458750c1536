"""Battery swapping at a 2.1 charging station (part 2, block S): batteries go in, and charged ones come out."""

from functools import partial

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from charge_point_sim.parts import Connector
from ocppj.frames import Payload

IN_S, OUT_S = 5.0, 10.0


def request(cp: ChargePoint, payload: Payload) -> Payload:
    """RequestBatterySwap: Rejected while every EVSE is taken; otherwise both halves of the swap are told."""
    bay = next((connector for connector in cp.connectors if connector.is_free), None)
    if bay is None:
        return {"status": "Rejected"}
    for event, in_s, charged in (("BatteryIn", IN_S, (5, 40)), ("BatteryOut", OUT_S, (95, 100))):
        battery = _battery(cp, bay, charged)
        told = {"eventType": event, "requestId": payload["requestId"], "idToken": payload["idToken"]}
        message = Message("BatterySwap", told | {"batteryData": [battery]}, is_durable=True)
        cp.after(f"{event} {payload['requestId']}", in_s, partial(cp.exchange.put, message))
    return {"status": "Accepted"}


def _battery(cp: ChargePoint, bay: Connector, charged: tuple[int, int]) -> Payload:
    number = cp.rng.randrange(10_000)
    return {"evseId": bay.number, "serialNumber": f"BAT-{number:04}", "soC": cp.rng.randint(*charged), "soH": 96}
