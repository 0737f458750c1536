"""Monitors on the device model of 2.x: set, cleared, reported, and told about when they go off (part 2 N02 to N08).

While there are monitors, the charge point looks at their variables each second; what it saw while it was offline it
tells afterwards. There are none from the factory.
"""

from datetime import timedelta

from charge_point_sim import inventory, streams
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from charge_point_sim.kept import Monitor
from charge_point_sim.variables import Name, Variable
from ocppj.frames import Payload
from ocppj.versions import V21

LOOKS_S = 1.0
PART = 15  # monitors in one NotifyMonitoringReport
_THRESHOLDS = ("UpperThreshold", "LowerThreshold")
_PERIODIC = ("Periodic", "PeriodicClockAligned")
_CRITERIA = {
    "ThresholdMonitoring": _THRESHOLDS,
    "DeltaMonitoring": ("Delta",),
    "PeriodicMonitoring": _PERIODIC,
}
_NUMBERS = ("integer", "decimal")
LOWEST_SEVERITY = 9


def set_all(cp: ChargePoint, payload: Payload) -> Payload:
    """SetVariableMonitoring: each item has its own status; ids are ours."""
    return {"setMonitoringResult": [_set(cp, item) for item in payload["setMonitoringData"]]}


def clear(cp: ChargePoint, payload: Payload) -> Payload:
    """ClearVariableMonitoring: each id has its own status."""
    results = []
    for monitor_id in payload["id"]:
        monitor = cp.kept.monitors.pop(monitor_id, None)
        if monitor:
            streams.close(cp, monitor)
        results.append({"id": monitor_id, "status": "Accepted" if monitor else "NotFound"})
    return {"clearMonitoringResult": results}


def set_base(cp: ChargePoint, payload: Payload) -> Payload:
    """SetMonitoringBase: all but `All` forgets what was set (N03)."""
    if payload["monitoringBase"] != "All":
        clear(cp, {"id": list(cp.kept.monitors)})
    return {"status": "Accepted"}


def set_level(cp: ChargePoint, payload: Payload) -> Payload:
    """SetMonitoringLevel: what is less severe is not told any more."""
    is_one = 0 <= payload["severity"] <= LOWEST_SEVERITY
    if is_one:
        cp.kept.monitoring_level = payload["severity"]
    return {"status": "Accepted" if is_one else "Rejected"}


def get_report(cp: ChargePoint, payload: Payload) -> Payload:
    """GetMonitoringReport: Accepted, and then the report in parts; EmptyResultSet if there is nothing in it."""
    kinds = [kind for each in payload.get("monitoringCriteria", _CRITERIA) for kind in _CRITERIA[each]]
    items = payload.get("componentVariable")
    found = [
        monitor
        for monitor in cp.kept.monitors.values()
        if monitor.kind in kinds and (items is None or any(inventory.is_meant(monitor.name, item) for item in items))
    ]
    generated_at = cp.stamp()
    for seq_no, first in enumerate(range(0, len(found), PART)):
        part = {
            "requestId": payload["requestId"],
            "generatedAt": generated_at,
            "seqNo": seq_no,
            "tbc": first + PART < len(found),
            "monitor": [_reported(cp, monitor) for monitor in found[first : first + PART]],
        }
        cp.exchange.put(Message("NotifyMonitoringReport", part, is_early=True))
    return {"status": "Accepted" if found else "EmptyResultSet"}


def _set(cp: ChargePoint, item: Payload) -> Payload:
    kept = ("type", "severity", "component", "variable")
    result = {key: item[key] for key in kept}
    found = inventory.find(cp, item)
    status = found if isinstance(found, str) else _objection(cp, item, *found)
    if status or isinstance(found, str):
        return result | {"status": status} | ({"id": item["id"]} if "id" in item else {})
    monitor = _monitor(cp, item, found[0])
    cp.kept.monitors[monitor.id] = monitor
    streams.open_for(cp, monitor, item.get("periodicEventStream"))
    _look_again(cp)
    return result | {"status": "Accepted", "id": monitor.id}


def _objection(cp: ChargePoint, item: Payload, name: Name, row: Variable) -> str:
    kind, value = item["type"], item["value"]
    if kind not in (*_THRESHOLDS, "Delta", *_PERIODIC) or (kind in _THRESHOLDS and row.kind not in _NUMBERS):
        return "UnsupportedMonitorType"
    is_unknown = "id" in item and item["id"] not in cp.kept.monitors
    if is_unknown or item["severity"] > LOWEST_SEVERITY or (kind not in _THRESHOLDS and value <= 0):
        return "Rejected"
    same = (name, kind, item["severity"])
    others = [each for each in cp.kept.monitors.values() if each.id != item.get("id")]
    return "Duplicate" if any((each.name, each.kind, each.severity) == same for each in others) else ""


def _monitor(cp: ChargePoint, item: Payload, name: Name) -> Monitor:
    cp.kept.monitors_set += "id" not in item
    return Monitor(
        item.get("id", cp.kept.monitors_set),
        name,
        item["type"],
        item["value"],
        item["severity"],
        {"component": item["component"], "variable": item["variable"]},
        item.get("transaction", False),
        inventory.value(cp, name),
        due=cp.now + timedelta(seconds=item["value"]) if item["type"] in _PERIODIC else None,
    )


def _look_again(cp: ChargePoint) -> None:
    if cp.kept.monitors:
        cp.after("monitors", LOOKS_S, lambda: _look(cp))


def _look(cp: ChargePoint) -> None:
    _look_again(cp)
    if not cp.is_online:
        return
    events = [
        event for monitor in cp.kept.monitors.values() if _is_active(cp, monitor) and (event := _event(cp, monitor))
    ]
    if events:
        payload = {"generatedAt": cp.stamp(), "seqNo": 0, "tbc": False, "eventData": events}
        cp.exchange.put(Message("NotifyEvent", payload))


def _is_active(cp: ChargePoint, monitor: Monitor) -> bool:
    connector = cp.connector(monitor.name.evse)
    is_idle = monitor.in_transactions_only and not (connector and connector.running)
    return monitor.severity <= cp.kept.monitoring_level and not is_idle


def _event(cp: ChargePoint, monitor: Monitor) -> Payload | None:
    value = inventory.value(cp, monitor.name)
    trigger = _trigger(cp, monitor, value)
    if not trigger or streams.takes(cp, monitor, value):
        return None
    monitor.seen = value
    cp.kept.events_told += 1
    is_over = monitor.kind in _THRESHOLDS and not monitor.is_alerting
    return {
        "eventId": cp.kept.events_told,
        "timestamp": cp.stamp(),
        "trigger": trigger,
        "actualValue": value,
        "eventNotificationType": "CustomMonitor",
        "variableMonitoringId": monitor.id,
        **({"cleared": True} if is_over else {}),
        **monitor.payload,
    }


def _trigger(cp: ChargePoint, monitor: Monitor, value: str) -> str:
    if monitor.due:
        if cp.now < monitor.due:
            return ""
        while monitor.due <= cp.now:
            monitor.due += timedelta(seconds=monitor.value)
        return "Periodic"
    if monitor.kind in _THRESHOLDS:
        is_above = float(value) > monitor.value
        is_below = float(value) < monitor.value
        was, monitor.is_alerting = monitor.is_alerting, is_above if monitor.kind == "UpperThreshold" else is_below
        return "Alerting" if was != monitor.is_alerting else ""
    return "Delta" if _differ(monitor.seen, value, monitor.value) else ""


def _differ(old: str, new: str, least: float) -> bool:
    try:
        return abs(float(new) - float(old)) >= least
    except ValueError:
        return new != old  # a word is another word


def _reported(cp: ChargePoint, monitor: Monitor) -> Payload:
    setting = {
        "id": monitor.id,
        "transaction": monitor.in_transactions_only,
        "value": monitor.value,
        "type": monitor.kind,
        "severity": monitor.severity,
        **({"eventNotificationType": "CustomMonitor"} if cp.dialect.version is V21 else {}),
    }
    return {**monitor.payload, "variableMonitoring": [setting]}
