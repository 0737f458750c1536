"""Reading, writing and reporting the device model of 2.x."""

from collections.abc import Callable
from dataclasses import replace

from charge_point_sim import answers
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.device_model import AVAILABILITY
from charge_point_sim.events import state_word
from charge_point_sim.exchange import Message
from charge_point_sim.variables import Name, Variable
from ocppj.frames import Payload

PART = 15  # rows in one NotifyReport

_Filter = Callable[[Name, Variable], bool]
_BASES: dict[str, _Filter] = {
    "ConfigurationInventory": lambda _, row: row.is_writable,
    "FullInventory": lambda _, __: True,
    "SummaryInventory": lambda name, _: name.variable in (AVAILABILITY, "Problem"),
}


def get_variables(cp: ChargePoint, payload: Payload) -> Payload:
    """GetVariables: each item has its own status."""
    return {"getVariableResult": [_read(cp, item) for item in payload["getVariableData"]]}


def set_variables(cp: ChargePoint, payload: Payload) -> Payload:
    """SetVariables: each item has its own status."""
    results = []
    for item in payload["setVariableData"]:
        result = _echo(item)
        results.append(result | {"attributeStatus": _write(cp, item, item["attributeValue"])})
    return {"setVariableResult": results}


def get_base_report(cp: ChargePoint, payload: Payload) -> Payload:
    """GetBaseReport: Accepted, and then the report in parts."""
    is_wanted = _BASES[payload["reportBase"]]
    _tell(cp, payload["requestId"], [(name, row) for name, row in cp.variables.items() if is_wanted(name, row)])
    return {"status": "Accepted"}


def get_report(cp: ChargePoint, payload: Payload) -> Payload:
    """GetReport: Accepted, and then the report in parts; EmptyResultSet if there is nothing in it (B08)."""
    criteria, items = payload.get("componentCriteria"), payload.get("componentVariable")
    found = [
        (name, row)
        for name, row in cp.variables.items()
        if (items is None or any(is_meant(name, item) for item in items))
        and (criteria is None or any(_meets(cp, name, each) for each in criteria))
    ]
    _tell(cp, payload["requestId"], found)
    return {"status": "Accepted" if found else "EmptyResultSet"}


def find(cp: ChargePoint, item: Payload) -> tuple[Name, Variable] | str:
    """The variable an item of a command names, or the status that says why there is none."""
    name = _name(item)
    row = cp.variables.find(name)
    if row is not None:
        return name, row
    component = name.folded().component
    is_known = any(known.folded().component == component for known, _ in cp.variables.items())
    return "UnknownVariable" if is_known else "UnknownComponent"


def is_meant(name: Name, item: Payload) -> bool:
    """Whether a ComponentVariableType means this variable: what it leaves out doesn't matter."""
    component, variable = item["component"], item.get("variable", {})
    evse = component.get("evse", {})
    known = name.folded()
    wanted = (
        (component["name"].casefold(), known.component),
        (evse.get("id"), known.evse),
        (evse.get("connectorId"), known.connector),
        (variable.get("name", "").casefold() or None, known.variable),
        (variable.get("instance", component.get("instance", "")).casefold() or None, known.instance),
    )
    return all(asked in (None, known) for asked, known in wanted)


def value(cp: ChargePoint, name: Name) -> str:
    """What a variable is now."""
    connector = cp.connector(name.evse)
    match name.folded().variable:
        case "firmwareversion":
            return cp.firmware
        case "availabilitystate":
            return state_word(connector) if connector else _state_of_all(cp)
        case "entries":
            return str(len(cp.profiles if name.instance else cp.local_list))
        case "power" if connector:
            return f"{connector.meter.power_w:.0f}"
    row = cp.variables.find(name)
    return row.value if row else ""


def _state_of_all(cp: ChargePoint) -> str:
    return "Available" if any(connector.is_operative for connector in cp.connectors) else "Unavailable"


def _meets(cp: ChargePoint, name: Name, criterion: str) -> bool:
    # A component that does not say so is available and enabled, and has no problem (B08.FR.07 to FR.10).
    row = cp.variables.find(replace(name, variable=criterion, instance=""))
    return row.value.lower() == "true" if row else criterion in ("Available", "Enabled")


def _tell(cp: ChargePoint, request_id: int, found: list[tuple[Name, Variable]]) -> None:
    rows = [_report(cp, name, row) for name, row in found]
    generated_at = cp.stamp()
    for seq_no, first in enumerate(range(0, len(rows), PART)):
        part = {
            "requestId": request_id,
            "generatedAt": generated_at,
            "seqNo": seq_no,
            "tbc": first + PART < len(rows),
            "reportData": rows[first : first + PART],
        }
        cp.exchange.put(Message("NotifyReport", part, is_early=True))


def _read(cp: ChargePoint, item: Payload) -> Payload:
    found = _find(cp, item)
    if isinstance(found, str):
        return _echo(item) | {"attributeStatus": found}
    name, row = found
    if row.is_secret:  # write-only
        return _echo(item) | {"attributeStatus": "Rejected"}
    return _echo(item) | {"attributeStatus": "Accepted", "attributeValue": value(cp, name)}


def _write(cp: ChargePoint, item: Payload, value: str) -> str:
    found = _find(cp, item)
    if isinstance(found, str):
        return found
    row = found[1]
    if row.knob == "password":
        if not 16 <= len(value) <= 40:  # A00.FR.205
            return "Rejected"
        answers.change_password(cp, value.encode())
        return "Accepted"
    outcome = cp.variables.write(row, value)
    if outcome == "Accepted":
        answers.apply(cp, row.knob)
    return outcome


def _find(cp: ChargePoint, item: Payload) -> tuple[Name, Variable] | str:
    found = find(cp, item)
    is_actual = item.get("attributeType", "Actual") == "Actual"
    return found if is_actual or isinstance(found, str) else "NotSupportedAttributeType"


def _name(item: Payload) -> Name:
    component, variable = item["component"], item["variable"]
    evse = component.get("evse", {})
    return Name(
        variable["name"], component["name"], variable.get("instance", ""), evse.get("id"), evse.get("connectorId")
    )


def _echo(item: Payload) -> Payload:
    kept = ("component", "variable", "attributeType")
    return {key: item[key] for key in kept if key in item}


def _report(cp: ChargePoint, name: Name, row: Variable) -> Payload:
    mutability = "WriteOnly" if row.is_secret else "ReadWrite" if row.is_writable else "ReadOnly"
    attribute = {"type": "Actual", "mutability": mutability, "persistent": True, "constant": False}
    if not row.is_secret:
        attribute["value"] = value(cp, name)
    evse = {"id": name.evse} | ({"connectorId": name.connector} if name.connector else {})
    return {
        "component": {"name": name.component} | ({"evse": evse} if name.evse else {}),
        "variable": {"name": name.variable} | ({"instance": name.instance} if name.instance else {}),
        "variableAttribute": [attribute],
        "variableCharacteristics": _characteristics(row),
    }


def _characteristics(row: Variable) -> Payload:
    return {
        "dataType": row.kind,
        "supportsMonitoring": not row.is_secret,
        **({"unit": row.unit} if row.unit else {}),
        **({"maxLimit": row.maximum} if row.maximum else {}),
        **({"valuesList": ",".join(row.options)} if row.options else {}),
    }
