"""Commands that become several messages, and the bits both versions render alike."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import orjson

from ocppj.versions import V16
from remote_commands.bodies import Period, SendLocalList
from remote_commands.rendering import Making, Wanted, given

# In one message, where the charge point never told a limit: well within a broker's largest packet.
MANY = 100
FRAME = 100_000  # bytes; as large as what is published may be, with room for the broker's own
ENVELOPE = 180  # what is around the items: the message id, the action, the names of its fields

# What an action has a list of, and calls it.
_LISTS = {
    "ClearVariableMonitoring": "id",
    "GetConfiguration": "key",
    "GetReport": "componentVariable",
    "GetVariables": "getVariableData",
    "SetVariableMonitoring": "setMonitoringData",
    "SetVariables": "setVariableData",
}

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


def split(wanted: Wanted, making: Making) -> list[Wanted]:
    """An OCPP payload in as many messages as the charge point takes it in; one that has no list stays as it is.

    Each further report has a requestId of its own, for nobody could tell the parts of two reports with one apart.
    """
    name = _LISTS.get(wanted.action, "")
    items = wanted.payload.get(name)
    if not isinstance(items, list):
        return [wanted]
    first, *others = [wanted.payload | {name: chunk} for chunk in of_action(items, wanted.action, making)]
    if "requestId" in first:
        others = [other | {"requestId": _other(first["requestId"], making)} for other in others]
    return [Wanted(wanted.version, wanted.action, payload) for payload in (first, *others)]


def _other(request_id: Any, making: Making) -> int:
    return next(number for number in iter(making.number, None) if number != request_id)


def of_action(items: Sequence[Item], action: str, making: Making) -> list[list[Item]]:
    """The items of an action's list, message by message."""
    if making.version.base is V16:
        return chunks(items, making.limit("GetConfigurationMaxKeys"))
    return chunks(items, making.limit(f"ItemsPerMessage[{action}]"), making.limit(f"BytesPerMessage[{action}]"))


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
