"""The plain upgrade request, read and answered without the library, which takes seven times as long.

Plain is what nearly every charge point sends: one read, ASCII, each header once, no extension offered, nothing that
needs judging. Whatever else comes is the library's, from its first byte on, and so is whatever is not a 101.
"""

import email.utils
import re
import time
from dataclasses import dataclass
from functools import lru_cache

from websockets.utils import accept_key

from ocppj import versions

MAX_PLAIN = 4_096  # bytes; the library takes lines of twice that

_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_REQUEST = re.compile(rb"GET ([!-~]+) HTTP/1\.1\r\n((?:%b:[\t -~]*\r\n){1,40})\r\n" % _TOKEN)
_TOKENS = re.compile(rb"%b(?:[ \t]*,[ \t]*%b)*" % (_TOKEN, _TOKEN))
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_UPGRADES = frozenset({b"upgrade", b"keep-alive, upgrade"})
# What must be read with more care: another body or another protocol may follow.
_NOT_PLAIN = frozenset({b"sec-websocket-extensions", b"transfer-encoding", b"content-length"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What counts of an upgrade request: its path, and its lines of Sec-WebSocket-Protocol and Authorization."""

    path: str
    protocols: list[str]
    authorization: list[str]


def read(data: bytes) -> tuple[Asked, bytes] | None:
    """What a plain request asks, and the 101 for it, as the library would write it; None if it is not plain."""
    match = _REQUEST.fullmatch(data) if len(data) <= MAX_PLAIN else None
    if match is None:
        return None
    lines = [line.partition(b":") for line in match[2].split(b"\r\n")[:-1]]
    headers = {name.lower(): value.strip(b" \t") for name, _, value in lines}
    if len(headers) < len(lines) or not _NOT_PLAIN.isdisjoint(headers) or not _is_websocket(headers):
        return None
    protocols, authorization = headers.get(b"sec-websocket-protocol"), headers.get(b"authorization")
    if protocols is not None and not _TOKENS.fullmatch(protocols):
        return None
    offered = _texts(protocols)
    return Asked(match[1].decode(), offered, _texts(authorization)), _answer(headers[b"sec-websocket-key"], offered)


def _is_websocket(headers: dict[bytes, bytes]) -> bool:
    return (
        headers.get(b"upgrade", b"").lower() == b"websocket"
        and headers.get(b"connection", b"").lower() in _UPGRADES
        and headers.get(b"sec-websocket-version") == b"13"
        and _KEY.fullmatch(headers.get(b"sec-websocket-key", b"")) is not None
    )


def _texts(value: bytes | None) -> list[str]:
    return [] if value is None else [value.decode()]


def _answer(key: bytes, offered: list[str]) -> bytes:
    version = versions.negotiate([token.strip() for line in offered for token in line.split(",")])
    spoken = f"Sec-WebSocket-Protocol: {version.subprotocol}\r\n" if version is not None else ""
    return (
        f"HTTP/1.1 101 Switching Protocols\r\nDate: {_date(int(time.time()))}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key.decode())}\r\n{spoken}\r\n"
    ).encode()


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return email.utils.formatdate(second, usegmt=True)
