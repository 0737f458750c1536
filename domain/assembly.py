"""Reports that come in parts: when they are complete, what they say together, and the device model they tell of.

2.x numbers most parts from 0 and says `tbc` in all but the last (2.0.1 part 2 B07, N02); profiles and display
messages have no numbers. Parts are kept as they come, in any order; a marker is kept once all of them are there.
"""

from collections.abc import Sequence
from typing import Any

from domain.ports import Reports

Payload = dict[str, Any]

# What comes in parts, and the member the parts share out; None: each part is for itself.
PARTS: dict[str, str | None] = {
    "NotifyReport": "reportData",
    "NotifyMonitoringReport": "monitor",
    "NotifyCustomerInformation": "data",
    "NotifyDisplayMessages": "messageInfo",
    "ReportChargingProfiles": "chargingProfile",
    "ReportDERControl": None,
}


def marker(action: str) -> str:
    """The name under which complete reports of an action are listed."""
    return f"{action}.complete"


def is_complete(parts: Sequence[Payload]) -> bool:
    """Whether all parts of a report are there; without numbers the last one has to do."""
    last = [part for part in parts if not part.get("tbc", False)]
    if not last or any("seqNo" not in part for part in parts):
        return bool(last)
    numbers = {part["seqNo"] for part in parts}
    return all(number in numbers for number in range(int(last[0]["seqNo"])))


def count(parts: Sequence[Payload]) -> int:
    """How many parts a complete report has: an earlier one of the same requestId may have had more."""
    last = next(part for part in parts if not part.get("tbc", False))
    return int(last["seqNo"]) + 1 if "seqNo" in last else len(parts)


def joined(action: str, parts: Sequence[Payload]) -> Any:
    """What the parts share out, put together: a list, or the text of customer information."""
    member = PARTS[action]
    if member is None:
        return list(parts)
    if action == "NotifyCustomerInformation":
        return "".join(part[member] for part in parts)
    return [entry for part in parts for entry in part.get(member, ())]


def complete(reports: Reports, charge_point_id: str, action: str) -> list[Payload]:
    """The complete reports of an action, oldest first: {"requestId", "at", and what the parts share out}."""
    found = []
    for committed in sorted(reports.of_charge_point(charge_point_id, marker(action)), key=lambda mark: mark["at"]):
        parts = reports.of_charge_point(charge_point_id, action, f"{committed['requestId']}#")
        said = joined(action, parts[: committed["parts"]])
        found.append({"requestId": committed["requestId"], "at": committed["at"], PARTS[action] or "parts": said})
    return found


def device_model(reports: Reports, charge_point_id: str) -> list[Payload]:
    """The variables of a 2.x charging station as its complete reports tell them, the newest of each."""
    newest: dict[str, Payload] = {}
    for report in complete(reports, charge_point_id, "NotifyReport"):
        newest |= {_name(entry): entry for entry in report["reportData"]}
    return [newest[name] for name in sorted(newest)]


def configuration(reports: Reports, charge_point_id: str) -> list[Payload]:
    """The configuration keys of a 1.6 charge point as its answers to GetConfiguration tell them."""
    return list(reports.of_charge_point(charge_point_id, "Configuration"))


def _name(entry: Payload) -> str:
    # Names are case-insensitive (2.0.1 part 2, appendix 3).
    component, variable = entry["component"], entry["variable"]
    evse = component.get("evse", {})
    parts = [
        component["name"], component.get("instance", ""), evse.get("id", ""), evse.get("connectorId", ""),
        variable["name"], variable.get("instance", ""),
    ]  # fmt: skip
    return "\n".join(str(part).lower() for part in parts)
