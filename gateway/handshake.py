"""What a charge point says in its upgrade request: identity, versions, credentials. Pure."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from gateway.tls import ClientCertificate
from ocppj import topics
from ocppj.errors import IdentityError
from ocppj.versions import Version, negotiate

# A URL that ends with the endpoint itself has no identity; nobody calls a charge point that.
_ENDPOINT = "ocpp"


@dataclass(frozen=True, slots=True)
class Credentials:
    """HTTP Basic credentials as the bytes they are: a 1.6 password need not be text (A-36)."""

    username: bytes
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Handshake:
    """An upgrade request, read.

    `identity` is as the charge point means it, `charge_point_id` its escaped form; `offered` is in the client's order.
    `certificate` is that of the TLS connection, verified.
    """

    path: str
    identity: str
    charge_point_id: str
    offered: tuple[str, ...] = ()
    credentials: Credentials | None = None
    is_tls: bool = False
    certificate: ClientCertificate | None = None

    @property
    def version(self) -> Version | None:
        """The version to speak, if there is a common one."""
        return negotiate(list(self.offered))


def read(
    path: str,
    protocols: Sequence[str],
    authorization: Sequence[str],
    is_tls: bool = False,
    certificate: ClientCertificate | None = None,
) -> Handshake:
    """Read the request target and the lines of Sec-WebSocket-Protocol and Authorization.

    Nothing else in the headers counts: what a proxy might add, a charge point might forge (A-49).

    Raises:
        IdentityError: the path names no charge point.
    """
    identity = identity_of(path)
    offered, presented = _tokens(protocols), _credentials(authorization)
    return Handshake(path, identity, topics.escape(identity), offered, presented, is_tls, certificate)


def identity_of(path: str) -> str:
    """The last segment of the path, split first and percent-decoded once (A-02); "+" stays "+".

    Raises:
        IdentityError: it is empty, is the endpoint itself, or is no UTF-8.
    """
    before, _, last = path.partition("?")[0].rpartition("/")
    if not last or (last == _ENDPOINT and not before.strip("/")):
        raise IdentityError("the URL ends without the identity of a charge point")
    try:
        return unquote_to_bytes(last).decode()
    except UnicodeDecodeError as error:
        raise IdentityError("the identity in the URL is no percent-encoded UTF-8") from error


def _tokens(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(token for line in lines for part in line.split(",") if (token := part.strip()))


def _credentials(lines: Sequence[str]) -> Credentials | None:
    if len(lines) != 1:
        return None
    scheme, _, encoded = lines[0].strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    # The first colon ends the user name: bytes, for the rest may be anything.
    username, colon, password = raw.partition(b":")
    return Credentials(username, password) if colon else None
