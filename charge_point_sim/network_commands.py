"""SetNetworkProfile of 2.x: which network connection profiles a charging station takes (part 2, B09)."""

from urllib.parse import urlsplit

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.networks import SLOTS, Network
from ocppj.frames import Payload
from ocppj.versions import V16, V21, V201

# 2.0.1 has no word of its own (part 2, B09).
_VERSIONS = {"OCPP16": V16, "OCPP20": V201, "OCPP201": V201, "OCPP21": V21}
_WITH_TLS, _WITH_CERTIFICATE = 2, 3


def set_profile(cp: ChargePoint, payload: Payload) -> Payload:
    """SetNetworkProfile: used from a boot on, if NetworkConfigurationPriority begins with its slot."""
    slot, data = payload["configurationSlot"], payload["connectionData"]
    why = _problem(cp, slot, data)
    if why:
        cp.log.info("network profile refused", slot=slot, why=why)
        return {"status": "Rejected"}
    password = data.get("basicAuthPassword")
    cp.networks.slots[slot] = Network(
        data["securityProfile"],
        data["ocppCsmsUrl"],
        data.get("identity"),
        None if password is None else password.encode(),
    )
    return {"status": "Accepted"}


def _problem(cp: ChargePoint, slot: int, data: Payload) -> str:
    profile, url = data["securityProfile"], urlsplit(data["ocppCsmsUrl"])
    version = _VERSIONS.get(data.get("ocppVersion", ""), cp.dialect.version)
    checks = {
        "there is no such slot": slot not in SLOTS,
        "it is in use": slot == cp.networks.active,
        "it can speak JSON only": data["ocppTransport"] != "JSON",
        f"it speaks {cp.dialect.version} only": version is not cp.dialect.version,
        "it is less secure than now": profile < cp.networks.now.security_profile,  # B09.FR.04
        "there is no such security profile": profile not in (0, 1, 2, 3),
        "its URL does not fit its security profile": url.scheme != ("wss" if profile >= _WITH_TLS else "ws"),
        "there is no certificate for it": profile == _WITH_CERTIFICATE and cp.kept.own is None,
        "it leads to a host of somebody else, see --network-host": not cp.networks.may_lead_to(data["ocppCsmsUrl"]),
    }
    return next((why for why, is_wrong in checks.items() if is_wrong), "")
