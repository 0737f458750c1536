"""Whether a charging station of 2.x has gone over to another network configuration (conformance D.3, part 2 B09).

It does so at its next boot, so the profile shows in the connect that follows: in the security profile or the OCPP
version, where those are other than before. Where they are not, only the station itself can tell, if somebody asks for
OCPPCommCtrlr.ActiveNetworkProfile.
"""

from collections.abc import Iterator
from typing import Any

from domain import effects_security, rotation
from domain.evidence import CONFIRMED, CONNECT, Message, Payload, is_new_connection
from domain.models import Command
from ocppj.versions import V16, V21, V201, Version

ASKED_BY = "GetVariables"

_PRIORITY, _ACTIVE = "networkconfigurationpriority", "activenetworkprofile"
# 2.0.1 has no word of its own: OCPP20 stands for it.
_VERSIONS: dict[Any, Version] = {"OCPP16": V16, "OCPP20": V201, "OCPP201": V201, "OCPP21": V21}


def is_switch(command: Command) -> bool:
    """Whether it sets the order in which network profiles are tried."""
    return next(_priorities(command.payload), None) is not None


def is_unseen(command: Command) -> bool:
    """Whether no connect can show it."""
    if command.action != "SetNetworkProfile":
        return not rotation.sets_password(command.payload)
    return not (rotation.sets_password(command.payload) or _differs(command))


def switched(command: Command, message: Message) -> str | None:
    """It has connected as this network profile says; or says that it uses this one."""
    if not is_new_connection(command, message):
        return None
    if message.action != CONNECT:
        slot = str(command.payload.get("configurationSlot"))
        return CONFIRMED if slot in _values(message.answer.get("getVariableResult"), _ACTIVE) else None
    if rotation.sets_password(command.payload):
        return effects_security.used(command, message)
    row, differs = message.charge_point, _differs(command)
    now = {"profile": row.highest_profile, "version": row.connection.version if row.connection else None}
    return CONFIRMED if differs and all(now[name] == value for name, value in differs.items()) else None


def preferred(command: Command, message: Message) -> str | None:
    """The network profile it uses, after a connect, is the first of the order."""
    first = next(_priorities(command.payload), "").partition(",")[0].strip()
    if message.action == CONNECT or not is_new_connection(command, message):
        return None
    return CONFIRMED if first in _values(message.answer.get("getVariableResult"), _ACTIVE) else None


def _differs(command: Command) -> dict[str, Any]:
    """What of the profile was not so when the command was made."""
    data = command.payload.get("connectionData")
    wanted = {
        "profile": (rotation.profile_of(command.payload), command.profile_before),
        "version": (_VERSIONS.get(data.get("ocppVersion")) if isinstance(data, dict) else None, command.version),
    }
    return {name: value for name, (value, before) in wanted.items() if value is not None and value != before}


def _priorities(payload: Payload) -> Iterator[str]:
    return iter(_values(payload.get("setVariableData"), _PRIORITY))


def _values(listed: Any, variable: str) -> list[str]:
    """The values of a variable of OCPPCommCtrlr in a request or an answer, which may be anything."""
    return [
        str(each.get("attributeValue"))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict) and (_name(each, "component"), _name(each, "variable")) == ("ocppcommctrlr", variable)
    ]


def _name(named: Payload, field: str) -> str:
    part = named.get(field)
    return str(part.get("name")).lower() if isinstance(part, dict) else ""
