"""What a text of a charge point is to be followed by, said a second time and without the gateway's own code.

The frame's JSON is read by the standard library; the rows are those of conformance B.3.
"""

import json
from dataclasses import dataclass
from typing import Any

from ocppj.versions import V16, V21, V201, Version

DEEPEST = 250  # lists in lists; beyond, it is no JSON we read


@dataclass(frozen=True, slots=True)
class Fate:
    """What follows a text: it closes the socket, or brings this many answers, under this id (None: any)."""

    closes: bool = False
    answers: int = 0
    message_id: str | None = None


NOTHING = Fate()
UNREADABLE = Fate(answers=1, message_id="-1")


def fate(text: bytes, version: Version) -> Fate:
    """What must become of it."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return Fate(closes=True)
    try:
        array = json.loads(decoded, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return UNREADABLE
    if ("\\u" in decoded and _is_surrogate(array)) or _depth(decoded) > DEEPEST:
        return UNREADABLE
    return _of_array(array, version)


def _of_array(array: Any, version: Version) -> Fate:
    if not isinstance(array, list) or not array or type(array[0]) is not int:
        return UNREADABLE
    if array[0].bit_length() > 64:  # such a number is no integer any more (B-27)
        return UNREADABLE
    if array[0] == 2:
        return _of_call(array, version)
    if array[0] in (3, 4) or (array[0] in (5, 6) and version is V21):
        return NOTHING
    return _of_unknown_kind(array, version)


def _of_call(array: list[Any], version: Version) -> Fate:
    message_id = array[1] if len(array) > 1 else None
    if not isinstance(message_id, str) or not message_id:
        return UNREADABLE
    if len(message_id) > 36 and version is not V16:
        return UNREADABLE
    return Fate(answers=1, message_id=message_id)


def _of_unknown_kind(array: list[Any], version: Version) -> Fate:
    if version is not V201:
        return NOTHING
    if array[0] in (5, 6) and not _is_whole(array):
        return Fate(answers=-1)  # the frame of a later version, broken: an error or nothing
    message_id = array[1] if len(array) > 1 else None
    readable = isinstance(message_id, str) and 0 < len(message_id) <= 36
    return Fate(answers=1, message_id=message_id if readable else "-1")


def _is_whole(array: list[Any]) -> bool:
    match array:
        case [6, str(message_id), str(), dict() | None]:
            return 0 < len(message_id) <= 36
        case [5, str(message_id), str(), *rest]:
            return 0 < len(message_id) <= 36 and len(rest) <= 2
        case _:
            return False


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite(number: str) -> float:
    if float(number) in (float("inf"), float("-inf")):
        raise ValueError(number)
    return float(number)


def _is_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _depth(text: str) -> int:
    if text.count("[") + text.count("{") <= DEEPEST:
        return 0  # not that deep, whatever it is
    deepest = depth = 0
    in_text = escaped = False
    for character in text:
        if in_text:
            in_text = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
        else:
            in_text = character == '"'
    return deepest
