"""The commands of smart charging, in both families' words."""

from charge_point_sim import charging
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.charging import Wanted
from charge_point_sim.exchange import Message
from ocppj.frames import Payload


def set_profile_v16(cp: ChargePoint, payload: Payload) -> Payload:
    """SetChargingProfile of 1.6."""
    is_taken = charging.take(cp, payload["connectorId"], payload["csChargingProfiles"])
    return {"status": "Accepted" if is_taken else "Rejected"}


def clear_v16(cp: ChargePoint, payload: Payload) -> Payload:
    """ClearChargingProfile of 1.6."""
    wanted = Wanted(
        payload.get("id"), payload.get("connectorId"), payload.get("chargingProfilePurpose"), payload.get("stackLevel")
    )
    return {"status": "Accepted" if charging.clear(cp, wanted) else "Unknown"}


def get_schedule_v16(cp: ChargePoint, payload: Payload) -> Payload:
    """GetCompositeSchedule of 1.6."""
    number, unit = payload["connectorId"], payload.get("chargingRateUnit", "W")
    schedule = charging.schedule(cp, number, payload["duration"], unit)
    if schedule is None:
        return {"status": "Rejected"}
    return {"status": "Accepted", "connectorId": number, "scheduleStart": cp.stamp(), "chargingSchedule": schedule}


def set_profile(cp: ChargePoint, payload: Payload) -> Payload:
    """SetChargingProfile of 2.x."""
    is_taken = charging.take(cp, payload["evseId"], payload["chargingProfile"])
    return {"status": "Accepted" if is_taken else "Rejected"}


def clear(cp: ChargePoint, payload: Payload) -> Payload:
    """ClearChargingProfile of 2.x."""
    criteria = payload.get("chargingProfileCriteria", {})
    wanted = Wanted(
        payload.get("chargingProfileId"),
        criteria.get("evseId"),
        criteria.get("chargingProfilePurpose"),
        criteria.get("stackLevel"),
    )
    return {"status": "Accepted" if charging.clear(cp, wanted) else "Unknown"}


def get_schedule(cp: ChargePoint, payload: Payload) -> Payload:
    """GetCompositeSchedule of 2.x."""
    number, unit = payload["evseId"], payload.get("chargingRateUnit", "W")
    schedule = charging.schedule(cp, number, payload["duration"], unit)
    if schedule is None or not schedule["chargingSchedulePeriod"]:
        return {"status": "Rejected"}
    return {"status": "Accepted", "schedule": {"evseId": number, "scheduleStart": cp.stamp(), **schedule}}


def get_profiles(cp: ChargePoint, payload: Payload) -> Payload:
    """GetChargingProfiles of 2.x: Accepted, and then one report per EVSE."""
    criteria = payload["chargingProfile"]
    purpose, level = criteria.get("chargingProfilePurpose"), criteria.get("stackLevel")
    ids = criteria.get("chargingProfileId")
    is_theirs = "CSO" in criteria.get("chargingLimitSource", ["CSO"])
    wanted = [Wanted(each) for each in ids] if ids else [Wanted(None, payload.get("evseId"), purpose, level)]
    found = [profile for profile in cp.profiles if is_theirs and any(each.fits(profile) for each in wanted)]
    places = sorted({profile.where for profile in found})
    for number, place in enumerate(places, 1):
        report = {
            "requestId": payload["requestId"],
            "chargingLimitSource": "CSO",
            "evseId": place,
            "chargingProfile": [profile.payload for profile in found if profile.where == place],
            "tbc": number < len(places),
        }
        cp.exchange.put(Message("ReportChargingProfiles", report, is_early=True))
    return {"status": "Accepted" if found else "NoProfiles"}
