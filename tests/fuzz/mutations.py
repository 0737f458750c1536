"""Frames of all kinds, made of one source of randomness: right ones, nearly right ones, and garbage."""

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

import orjson

from ocppj import actions
from ocppj.versions import VERSIONS, Version
from tests.processors.samples import sample

STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 4, 5, 6, 7, 2**31, 2**53, 2**63, 10**40, -(10**40), 0.1, 1e308, -0.0, "", "a",
    "1", " ", "\x00", "x" * 37, "x" * 5_000, "\u202e⚡\U0010ffff", [], {}, [[]], {"": None}, {"a": {"b": [1]}}, "NaN",
]  # fmt: skip
WORDS = [
    b"NaN", b"-Infinity", b"1e999", b"\\ud800", b"\\u0000", b'"a":1,"a":2', b"[", b"]", b"{", b"}", b'"', b",", b":",
    b"\\", b" ", b"\x00", b"\n", b"\xef\xbb\xbf", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"[" * 2_000,
    b'[2,"1","A",{}]',
]  # fmt: skip

_SAMPLES: dict[Version, list[tuple[str, dict[str, Any]]]] = {
    version: [
        (action, sample(version, action, full=full))
        for action in sorted(actions.sent_by_charge_point(version))
        for full in (False, True)
    ]
    for version in VERSIONS
}


def right(random: Random, version: Version, message_id: str) -> list[Any]:
    """A CALL as its schema wants it."""
    action, payload = random.choice(_SAMPLES[version])
    return [2, message_id, action, payload]


def other(random: Random, _: Version, message_id: str) -> list[Any]:
    """A frame that is no CALL of the charge point."""
    return random.choice(
        [
            [3, message_id, {"status": "Accepted"}],
            [3, message_id, None],
            [4, message_id, "GenericError", "", {}],
            [4, message_id, "Unheard", None, None],
            [5, message_id, "InternalError", "", {}],
            [6, message_id, "NotifyPeriodicEventStream", {}],
            [7, message_id, "Heartbeat", {}],
            [2, message_id, "Reset", {"type": "Soft"}],
        ]
    )


def nearly(random: Random, version: Version, message_id: str) -> list[Any]:
    """A frame with something of it left out, put in or exchanged."""
    made = _copy(random.choice([right, right, right, other])(random, version, message_id))
    for _ in range(random.randint(1, 3)):
        _spoil(random, made)
    return made


def _copy(value: list[Any]) -> list[Any]:
    copied: list[Any] = orjson.loads(orjson.dumps(value))
    return copied


def _spoil(random: Random, value: list[Any] | dict[str, Any]) -> None:
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = random.choice(keys)
    inner = value[key]
    if isinstance(inner, list | dict) and random.random() < 0.6:
        _spoil(random, inner)
    elif random.random() < 0.3:
        del value[key]
    elif random.random() < 0.2 and isinstance(value, list):
        value.insert(key, _strange(random))
    else:
        value[key] = _strange(random)


def _strange(random: Random) -> Any:
    return deepcopy(random.choice(STRANGE))  # it may be spoiled further


def text(random: Random, version: Version, message_id: str) -> bytes:
    """The text of one frame, of any kind; UTF-8 or not."""
    make: Callable[[Random, Version, str], list[Any]] = random.choice([right, nearly, nearly, nearly, other])
    raw = _written(make(random, version, message_id))
    if random.random() < 0.4:
        for _ in range(random.randint(1, 4)):
            raw = _bent(random, raw)
    return raw


def _written(array: list[Any]) -> bytes:
    try:
        return orjson.dumps(array)
    except TypeError:  # 10**40
        return str(array).replace("'", '"').replace("None", "null").encode(errors="surrogatepass")


def _bent(random: Random, raw: bytes) -> bytes:
    at = random.randint(0, len(raw))
    end = min(len(raw), at + random.choice([0, 1, 1, 1, 8]))
    pick = random.random()
    if pick < 0.2:
        return raw[:at]
    if pick < 0.6:
        return raw[:at] + random.choice(WORDS) + raw[end:]
    return raw[:at] + bytes([random.randrange(128 if pick < 0.9 else 256)]) + raw[end:]
