"""Neutral commands that become several messages, and the bits both versions render alike."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import orjson

from domain.models import Command
from remote_commands.bodies import Period, SendLocalList
from remote_commands.rendering import given

# In one message, where the charge point never told a limit: well within a broker's largest packet.
MANY = 100
FRAME = 100_000  # bytes; as large as what is published may be, with room for the broker's own
ENVELOPE = 180  # what is around the items: the message id, the action, the names of its fields

# What charge points call their limits: the key in 1.6; the variable, and its instance, in 2.x.
_LIMITS = frozenset({
    "GetConfigurationMaxKeys", "SendLocalListMaxLength", "ItemsPerMessage", "ItemsPerMessage[GetVariables]",
    "ItemsPerMessage[SetVariables]", "BytesPerMessage", "BytesPerMessage[GetVariables]",
    "BytesPerMessage[SetVariables]",
})  # fmt: skip

Item = TypeVar("Item")


class Placed(Protocol):
    """A body that may name a connector or an EVSE."""

    @property
    def connector_id(self) -> int | None: ...

    @property
    def evse_id(self) -> int | None: ...


def chunks(items: Sequence[Item], limit: int | None, most_bytes: int | None = None) -> list[list[Item]]:
    """The items in lists of at most `limit`, in messages of at most `most_bytes`; no items are one empty list.

    What is larger all by itself goes alone: it is the charge point's to refuse.
    """
    limit, room = min(limit or MANY, MANY), (most_bytes or FRAME) - ENVELOPE
    found: list[list[Item]] = [[]]
    taken = 0
    for item in items:
        size = len(orjson.dumps(item)) + len(",")
        if found[-1] and (len(found[-1]) == limit or taken + size > room):
            found.append([])
            taken = 0
        found[-1].append(item)
        taken += size
    return found


def of_list(
    body: SendLocalList,
    entries: Sequence[dict[str, Any]],
    limit: int | None,
    renamed: Mapping[str, str],
    most_bytes: int | None = None,
) -> Iterator[tuple[int, str, list[dict[str, Any]], dict[str, str]]]:
    """The parts of a local list: version, update type, entries, and where the caller wrote what is in them.

    After a Full the rest are Differential. Each part raises the version, for a charge point refuses what is not newer.
    """
    done = 0
    for number, chunk in enumerate(chunks(entries, limit, most_bytes)):
        update = body.update.capitalize() if number == 0 else "Differential"
        sources = {
            f"/localAuthorizationList/{index}{found}": f"/entries/{done + index}{written}"
            for index in range(len(chunk))
            for found, written in renamed.items()
        }
        yield body.version + number, update, chunk, sources
        done += len(chunk)


def period(period: Period) -> dict[str, Any]:
    """A period of a charging schedule."""
    return given(startPeriod=period.start_seconds, limit=period.limit, numberPhases=period.phases)


def under(pointer: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Sources of fields that the caller wrote at the top and OCPP has one level down."""
    return {f"{pointer}/{name}": f"/{name}" for name in fields}


def limits(commands: Sequence[Command]) -> dict[str, int]:
    """What a charge point said of its limits in answers to these commands, newest first (conformance D-06)."""
    found: dict[str, int] = {}
    for command in commands:
        for name, value in _told(command.answer or {}):
            if name in _LIMITS and name not in found and str(value).isdecimal() and int(value) > 0:
                found[name] = int(value)
    return found


def _told(answer: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for entry in _entries(answer.get("configurationKey")):
        yield str(entry.get("key")), entry.get("value")
    for entry in _entries(answer.get("getVariableResult")):
        variable = entry.get("variable")
        if isinstance(variable, dict):
            instance = f"[{variable['instance']}]" if "instance" in variable else ""
            yield f"{variable.get('name')}{instance}", entry.get("attributeValue")


def _entries(listed: Any) -> list[dict[str, Any]]:
    # An answer is kept as it came, so it may be anything.
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
