"""Grid support of a 2.1 charging station (part 2, block R): DER controls are kept, reported, begin and end.

What they do to the power is in `der`.
"""

from functools import partial

from charge_point_sim import charging, der
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from charge_point_sim.trains import read_time
from ocppj.frames import Payload

_INNER = {"fixedPFAbsorb": "fixedPF", "fixedPFInject": "fixedPF"}
_PLAIN = ("enterService", "gradient")  # are reported without saying whether they are default or superseded


def set_control(cp: ChargePoint, payload: Payload) -> Payload:
    """SetDERControl: takes the place of those of its type that are no more important (0 is the most important)."""
    setting = payload.get(der.field(payload))
    if setting is None:
        return {"status": "Rejected"}
    rivals = [each for each in _alike(cp, payload) if each[der.field(each)]["priority"] >= setting["priority"]]
    superseded = [each["controlId"] for each in rivals if each["controlId"] != payload["controlId"]]
    cp.kept.controls[payload["controlId"]] = payload
    if not payload["isDefault"]:
        _act_out(cp, payload["controlId"], setting)
    charging.obey_all(cp)
    return {"status": "Accepted"} | ({"supersededIds": superseded} if superseded else {})


def get_control(cp: ChargePoint, payload: Payload) -> Payload:
    """GetDERControl: Accepted, and then one ReportDERControl per control; NotFound if there is none."""
    found = _wanted(cp, payload)
    for number, control in enumerate(found, 1):
        report = {
            "requestId": payload["requestId"],
            "tbc": number < len(found),
            der.field(control): [_told(cp, control)],
        }
        cp.exchange.put(Message("ReportDERControl", report))
    return {"status": "Accepted" if found else "NotFound"}


def clear_control(cp: ChargePoint, payload: Payload) -> Payload:
    """ClearDERControl."""
    found = _wanted(cp, payload)
    for control in found:
        del cp.kept.controls[control["controlId"]]
        cp.kept.running_controls.discard(control["controlId"])
        for when in ("starts", "ends"):
            cp.timers.cancel(f"control {control['controlId']} {when}")
    charging.obey_all(cp)
    return {"status": "Accepted" if found else "NotFound"}


def frequency_signal(cp: ChargePoint, _: Payload) -> Payload:
    """AFRRSignal: refused unless a charging profile says that the station follows the grid's frequency (Q05)."""
    periods = [
        period
        for profile in cp.profiles
        for schedule in profile.payload["chargingSchedule"]
        for period in schedule["chargingSchedulePeriod"]
    ]
    follows = any(each.get("operationMode") == "CentralFrequency" for each in periods)
    return {"status": "Accepted" if follows else "Rejected"}


def _alike(cp: ChargePoint, control: Payload) -> list[Payload]:
    kind = (control["controlType"], control["isDefault"])
    return [each for each in cp.kept.controls.values() if (each["controlType"], each["isDefault"]) == kind]


def _wanted(cp: ChargePoint, payload: Payload) -> list[Payload]:
    named: Payload = {key: payload[key] for key in ("controlId", "controlType") if key in payload}
    if "controlId" not in named and "isDefault" in payload:
        named["isDefault"] = payload["isDefault"]
    return [each for each in cp.kept.controls.values() if all(each[key] == value for key, value in named.items())]


def _told(cp: ChargePoint, control: Payload) -> Payload:
    field = der.field(control)
    told = {"id": control["controlId"], _INNER.get(field, field): control[field]}
    if field in _PLAIN:
        return told
    best = min(_alike(cp, control), key=lambda each: int(each[field]["priority"]))
    told |= {"isDefault": control["isDefault"], "isSuperseded": best is not control}
    return told | ({"curveType": control["controlType"]} if field == "curve" else {})


def _act_out(cp: ChargePoint, control_id: str, setting: Payload) -> None:
    begins_in_s = max(0.0, (read_time(cp, setting.get("startTime")) - cp.now).total_seconds())
    cp.kept.running_controls.discard(control_id)
    cp.after(f"control {control_id} starts", begins_in_s, partial(_tell, cp, control_id, is_start=True))
    if "duration" in setting:
        ends_in_s = begins_in_s + setting["duration"]
        cp.after(f"control {control_id} ends", ends_in_s, partial(_tell, cp, control_id, is_start=False))


def _tell(cp: ChargePoint, control_id: str, *, is_start: bool) -> None:
    (cp.kept.running_controls.add if is_start else cp.kept.running_controls.discard)(control_id)
    charging.obey_all(cp)
    payload = {"controlId": control_id, "started": is_start, "timestamp": cp.stamp()}
    cp.exchange.put(Message("NotifyDERStartStop", payload))
