"""SetNetworkProfile of 2.x (part 2, B09) and SecurityProfile of 1.6: what a charge point connects with."""

from dataclasses import replace
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


def raise_profile(cp: ChargePoint, value: str) -> Payload:
    """SecurityProfile of 1.6: connect again with a higher one, and as before if that fails (whitepaper, A05)."""
    now, networks = cp.networks.now, cp.networks
    wanted = int(value) if value.isdecimal() else -1
    checks = {
        "it stays where it is": networks.is_bound,
        "there is no such security profile": wanted not in (0, 1, 2, 3),
        "it is less secure than now": wanted < now.security_profile,
        "there is no password for it": wanted in (1, 2) and cp.password is None,
        "there is no certificate for it": wanted == _WITH_CERTIFICATE and cp.kept.own is None,
        # A key has no room for another URL.
        "its URL is without TLS": wanted >= _WITH_TLS > now.security_profile,
    }
    why = next((why for why, is_wrong in checks.items() if is_wrong), "")
    if why:
        cp.log.info("security profile refused", wanted=value, why=why)
        return {"status": "Rejected"}
    if wanted > now.security_profile:
        networks.try_first(
            next(slot for slot in SLOTS if slot != networks.active), replace(now, security_profile=wanted)
        )
        cp.reconnect()
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
