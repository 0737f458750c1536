"""Our nouns as DynamoDB attributes and back.

Names are camelCase. None is not stored. Times are RFC 3339 with milliseconds, so that they sort as text. Numbers
go as their shortest exact text, so that a float comes back as the same float. OCPP payloads go as one JSON string:
their order and their numbers stay as they came, and DynamoDB's limits on nesting and digits are not theirs.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

import orjson

from domain.jobs import JobState
from domain.models import CommandState, Registration
from ocppj import timestamps, versions
from ocppj.versions import Version

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Noun = TypeVar("Noun", bound=DataclassInstance)
else:
    Noun = TypeVar("Noun")

Item = dict[str, Any]  # attribute name -> {"S": ...}, {"N": ...}, ...

# An item holds 400 KB. Beyond PLAIN a payload is compressed, beyond LARGEST it is kept beside it (dynamodb_large.py).
PLAIN = 16 * 1024
LARGEST = 120 * 1024  # a command has three of them

_SMALLEST, _GREATEST = 1e-128, 1e125  # DynamoDB's numbers end about there
_NAMES = {"version": "ocppVersion"}


def write(noun: "DataclassInstance", *leave_out: str) -> Item:
    """The attributes of a noun."""
    named = {field.name: getattr(noun, field.name) for field in fields(noun) if field.name not in leave_out}
    return {name_of(name): attribute(value) for name, value in named.items() if value not in (None, ())}


def read(noun: type[Noun], item: Mapping[str, Any], **known: Any) -> Noun:
    """A noun from its attributes; `known` are fields that are not read from the item."""
    found = {
        name: reader(item[name_of(name)])
        for name, reader in _readers(noun).items()
        if name not in known and name_of(name) in item
    }
    return noun(**found, **known)


def name_of(field: str) -> str:
    """The attribute name of a field, such as "startedAt"."""
    first, *others = field.split("_")
    return _NAMES.get(field) or first + "".join(other.capitalize() for other in others)


def attribute(value: Any) -> dict[str, Any]:
    """One value as an attribute."""
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case float():
            return _float(value)
        case str():
            return {"S": str(value)}
        case datetime():
            return {"S": timestamps.write(value)}
        case Version():
            return {"S": value.subprotocol}
        case tuple():
            return {"L": [attribute(part) for part in value]}
        case dict():
            return _document(value)
    raise TypeError(f"{type(value).__name__} has no attribute type")


def document(stored: Mapping[str, Any]) -> Any:
    """The payload in an attribute; of one that is kept beside its item and was not fetched, the size only."""
    if "M" in stored:
        return {"tooLarge": whole(stored["M"]["size"])}
    return orjson.loads(zlib.decompress(stored["B"]) if "B" in stored else stored["S"])


def is_large(stored: Mapping[str, Any]) -> bool:
    """Whether this attribute is a payload too large for an item that holds others."""
    return len(stored.get("B", b"")) > LARGEST


def without_large(item: Item) -> Item:
    """The item with the size only of payloads that are too large for it."""
    return {
        name: {"M": {"size": attribute(len(value["B"]))}} if is_large(value) else value for name, value in item.items()
    }


def text(stored: Mapping[str, Any]) -> str:
    """The string in an attribute."""
    return str(stored["S"])


def whole(stored: Mapping[str, Any]) -> int:
    """The integer in an attribute."""
    number = stored.get("N") or stored["S"]
    # A device may well send 1e30 where an integer belongs: that is stored as a float.
    return int(number) if number.lstrip("-").isdigit() else int(float(number))


def time(stored: Mapping[str, Any]) -> datetime:
    """The time in an attribute."""
    return timestamps.parse(stored["S"])


def _float(value: float) -> dict[str, Any]:
    if value == 0 or _SMALLEST < abs(value) < _GREATEST:
        return {"N": repr(value)}
    return {"S": repr(value)}


def _document(payload: dict[str, Any]) -> dict[str, Any]:
    encoded = orjson.dumps(payload)
    if len(encoded) <= PLAIN:
        return {"S": encoded.decode()}
    return {"B": zlib.compress(encoded)}


@cache
def _readers(noun: type) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    hints = get_type_hints(noun)
    return {name: reader for name, hint in hints.items() if (reader := _READERS.get(_bare(hint))) is not None}


def _bare(hint: Any) -> Any:
    """`dict` of `dict[str, Any] | None`."""
    options = [option for option in get_args(hint) if option is not type(None)]
    if type(None) in get_args(hint) and len(options) == 1:
        hint = options[0]
    return get_origin(hint) or hint


def _enumerated(kind: type[StrEnum]) -> Callable[[Mapping[str, Any]], StrEnum]:
    return lambda stored: kind(stored["S"])


_READERS: dict[Any, Callable[[Mapping[str, Any]], Any]] = {
    bool: lambda stored: stored["BOOL"],
    int: whole,
    float: lambda stored: float(stored.get("N") or stored["S"]),
    str: text,
    datetime: time,
    tuple: lambda stored: tuple(text(part) for part in stored["L"]),
    Version: lambda stored: versions.of_subprotocol(stored["S"]),
    Registration: _enumerated(Registration),
    CommandState: _enumerated(CommandState),
    JobState: _enumerated(JobState),
    dict: document,
}
