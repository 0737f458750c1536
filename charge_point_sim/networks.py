"""Network connection profiles of 2.x (part 2 B09): kept, and never followed, or a command could lead anywhere."""

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.device_model import NETWORK_SLOTS
from ocppj.frames import Payload


def set_profile(cp: ChargePoint, payload: Payload) -> Payload:
    """SetNetworkProfile: refused for a slot there isn't, for SOAP, and for less security than now."""
    data, now = payload["connectionData"], 1 if cp.setup.password else 0
    is_possible = (
        str(payload["configurationSlot"]) in NETWORK_SLOTS
        and data["ocppTransport"] == "JSON"
        and data["securityProfile"] >= now
    )
    if is_possible:
        cp.kept.networks[payload["configurationSlot"]] = data
    return {"status": "Accepted" if is_possible else "Rejected"}
