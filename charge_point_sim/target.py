"""Where a fleet connects to: this machine, unless its owner says otherwise."""

import ipaddress
import socket
from dataclasses import dataclass

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri


class TargetError(ValueError):
    """A URL we can't or won't load; says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint whose address is known, so that ten thousand connections ask no name server.

    `url` is without the identity; `ca` is the file with the certificates we trust.
    """

    url: str
    address: str
    port: int
    ca: str | None = None
    deflate: bool = False

    @property
    def uri(self) -> WebSocketURI:
        return parse_uri(self.url)

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback

    def source(self, number: int) -> tuple[str, int] | None:
        """The source address of a connection: as soon as ports run out, another one of loopback."""
        if not number or not self.is_loopback or ":" in self.address:
            return None
        return f"127.0.{number // 250}.{1 + number % 250}", 0


def read(url: str) -> WebSocketURI:
    """The parts of an endpoint.

    Raises:
        TargetError: it is no WebSocket URL.
    """
    if not url.startswith(("ws://", "wss://")):
        raise TargetError(f"{url} begins neither with ws:// nor with wss://")
    try:
        return parse_uri(url.rstrip("/"))
    except InvalidURI as error:
        raise TargetError(f"{url}: {error.msg}") from error
    except ValueError as error:  # a port that is none
        raise TargetError(f"{url}: {error}") from error


def resolve(url: str, *, may_be_anywhere: bool = False, ca: str | None = None, deflate: bool = False) -> Target:
    """Look up where a URL leads.

    Raises:
        TargetError: it is no WebSocket URL, its host is unknown, or it is not on this machine and may not be elsewhere.
    """
    uri = read(url)
    try:
        found = socket.getaddrinfo(uri.host, uri.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TargetError(f"{uri.host}: {error.strerror}") from error
    addresses = [str(each[4][0]) for each in found]
    outside = [address for address in addresses if not ipaddress.ip_address(address).is_loopback]
    if outside and not may_be_anywhere:
        raise TargetError(f"{uri.host} is not this machine ({outside[0]}); a fleet is a load, see --i-own-this-host")
    # A name of ours may stand for ::1 too, where hardly anybody listens.
    address = next((each for each in addresses if ":" not in each), addresses[0])
    return Target(url.rstrip("/"), address, uri.port, ca, deflate)
