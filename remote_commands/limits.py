"""How much a charge point said it takes: in one message, in a charging profile (conformance D-06)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from domain import assembly
from domain.models import Command
from domain.ports import Reports
from ocppj.versions import V16, Version
from remote_commands.rendering import Making
from web.problems import InvalidRequestError, Wrong

Payload = dict[str, Any]

_PER_MESSAGE = ("GetReport", "GetVariables", "SetVariables", "SetVariableMonitoring", "ClearVariableMonitoring")

# The key in 1.6; the variable, and its instance, in 2.x. With the least that is a limit at all.
_LIMITS: dict[str, int] = {
    "ChargeProfileMaxStackLevel": 0,
    "ChargingScheduleMaxPeriods": 1,
    "GetConfigurationMaxKeys": 1,
    "SendLocalListMaxLength": 1,
    "PeriodsPerSchedule": 1,
    "ProfileStackLevel": 0,
    "BytesPerMessage": 1,
    "ItemsPerMessage": 1,
} | {f"{what}PerMessage[{action}]": 1 for what in ("Bytes", "Items") for action in _PER_MESSAGE}


def answered(commands: Iterable[Command]) -> dict[str, int]:
    """What it said in answers to these commands, newest first."""
    return _limits(each for command in commands for each in _said(command.answer or {}))


def kept(reports: Reports, charge_point_id: str, version: Version) -> dict[str, int]:
    """What it said in reports, or long ago: what is kept of its configuration keys or of its device model."""
    read = assembly.configuration if version.base is V16 else assembly.device_model
    return _limits(_reported(read(reports, charge_point_id)))


def check_profile(profile: Payload, making: Making, level_at: str, periods_at: str) -> None:
    """Refuse a charging profile that the charge point has no room for; the pointers are what the caller wrote.

    Raises:
        InvalidRequestError: names the limit.
    """
    is_16 = making.version.base is V16
    level = "ChargeProfileMaxStackLevel" if is_16 else "ProfileStackLevel"
    periods = "ChargingScheduleMaxPeriods" if is_16 else "PeriodsPerSchedule"
    asked = [(level, profile.get("stackLevel"), level_at), (periods, _longest(profile), periods_at)]
    wrong = [
        Wrong(pointer, f"this charge point takes at most {most} ({name})")
        for name, value, pointer in asked
        if isinstance(value, int) and (most := making.limit(name)) is not None and value > most
    ]
    if wrong:
        raise InvalidRequestError(wrong)


def _longest(profile: Payload) -> int:
    # That of a remote start is the caller's own words, and not looked at by the schema yet.
    schedules = profile.get("chargingSchedule")
    each = schedules if isinstance(schedules, list) else [schedules]
    periods = [one.get("chargingSchedulePeriod") for one in each if isinstance(one, dict)]
    return max((len(one) for one in periods if isinstance(one, list)), default=0)


def _limits(pairs: Iterable[tuple[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in pairs:
        is_number = name in _LIMITS and name not in found and str(value).isdecimal()
        if is_number and int(value) >= _LIMITS[name]:
            found[name] = int(value)
    return found


def _said(answer: Payload) -> Iterator[tuple[str, Any]]:
    for entry in _entries(answer.get("configurationKey")):
        yield str(entry.get("key")), entry.get("value")
    for entry in _entries(answer.get("getVariableResult")):
        yield _variable(entry), entry.get("attributeValue")


def _reported(entries: Sequence[Payload]) -> Iterator[tuple[str, Any]]:
    for entry in _entries(entries):
        if "key" in entry:
            yield str(entry["key"]), entry.get("value")
        for attribute in _entries(entry.get("variableAttribute")):
            if attribute.get("type", "Actual") == "Actual":
                yield _variable(entry), attribute.get("value")


def _variable(entry: Mapping[str, Any]) -> str:
    variable = entry.get("variable")
    if not isinstance(variable, dict):
        return ""
    instance = f"[{variable['instance']}]" if "instance" in variable else ""
    return f"{variable.get('name')}{instance}"


def _entries(listed: Any) -> list[Payload]:
    # An answer is kept as it came, so it may be anything.
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, Sequence) else []
