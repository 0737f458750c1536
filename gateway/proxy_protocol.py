"""PROXY protocol version 2: who is really at the other end of a load balancer's connection. Pure.

The header precedes everything else on the connection, TLS included. It is trusted only on a listener that was told
to expect it, and there a connection without one is refused: otherwise anybody could name any source address.
Source: HAProxy, "The PROXY protocol", section 2.2.
"""

import struct
from dataclasses import dataclass
from ipaddress import ip_address

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PREFIX_SIZE = 16  # signature, version and command, family, length of the rest
MAX_REST = 4096  # addresses take 216 bytes at most; the remainder are type-length-values we don't read

_LOCAL, _PROXY = 0x20, 0x21
_ADDRESSES = {0x11: (4, "!4s4sHH"), 0x21: (16, "!16s16sHH")}  # TCP over IPv4 and IPv6


class ProxyProtocolError(ValueError):
    """The connection does not begin with a PROXY v2 header we can trust."""


@dataclass(frozen=True, slots=True)
class Source:
    """The address the load balancer saw."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def size_of_rest(prefix: bytes) -> int:
    """How many bytes follow the first `PREFIX_SIZE`.

    Raises:
        ProxyProtocolError: this is no PROXY v2 header.
    """
    if len(prefix) != PREFIX_SIZE or not prefix.startswith(SIGNATURE):
        raise ProxyProtocolError("the connection does not begin with a PROXY v2 header")
    size = int.from_bytes(prefix[14:16], "big")
    if size > MAX_REST:
        raise ProxyProtocolError(f"a PROXY v2 header of {size} bytes is longer than {MAX_REST}")
    return size


def source_of(prefix: bytes, rest: bytes) -> Source | None:
    """The client behind the load balancer; None for the load balancer's own health checks.

    Raises:
        ProxyProtocolError: the header is of another version or cut short.
    """
    command, family = prefix[12], prefix[13]
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise ProxyProtocolError(f"PROXY command {command:#x} is none of version 2")
    if family not in _ADDRESSES:
        return None  # UNSPEC or a family without an address worth trusting
    _, shape = _ADDRESSES[family]
    if len(rest) < struct.calcsize(shape):
        raise ProxyProtocolError("the PROXY v2 header ends before its addresses do")
    source, _, port, _ = struct.unpack_from(shape, rest)
    return Source(str(ip_address(source)), port)
