"""Topics and the escaping of identities (architecture: the wire contract).

The escaped identity is one name for everything: MQTT topic level, IoT thing name, registry key. Bytes of the
UTF-8 outside `[A-Za-z0-9_-]` become `:XX`, so the escape is reversible and never contains `+`, `#` or `/`.
"""

import re

from ocppj.errors import IdentityError

WATCH = "gateways/all/watch"  # whoever watches a charge point tells all gateways: {id, seconds}
MAX_ESCAPED = 128  # an IoT thing name and an MQTT client id end there

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_UNESCAPED = re.compile(f"[A-Za-z0-9_-]{{1,{MAX_ESCAPED}}}")  # most identities
_ESCAPED = re.compile(r"(?:[A-Za-z0-9_-]|:[0-9A-F]{2})+")


def escape(identity: str) -> str:
    """The charge point id of an identity as the charge point writes it, percent-decoded.

    Raises:
        IdentityError: it is empty, no valid UTF-8, or longer than 128 characters when escaped.
    """
    if _UNESCAPED.fullmatch(identity):
        return identity
    if not identity:
        raise IdentityError("an empty identity is no charge point")
    try:
        raw = identity.encode()
    except UnicodeEncodeError as error:
        raise IdentityError("the identity is no valid UTF-8") from error
    escaped = "".join(chr(byte) if byte in _PLAIN else f":{byte:02X}" for byte in raw)
    if len(escaped) > MAX_ESCAPED:
        raise IdentityError(f"the identity is longer than {MAX_ESCAPED} characters when escaped")
    return escaped


def unescape(charge_point_id: str) -> str:
    """The identity behind a charge point id.

    Raises:
        IdentityError: it is not the canonical escape of any identity.
    """
    if len(charge_point_id) > MAX_ESCAPED or not _ESCAPED.fullmatch(charge_point_id):
        raise IdentityError(f"{charge_point_id!r} is no escaped identity")
    raw = re.sub(rb":([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), charge_point_id.encode())
    try:
        identity = raw.decode()
    except UnicodeDecodeError as error:
        raise IdentityError(f"{charge_point_id!r} is no escaped identity") from error
    if escape(identity) != charge_point_id:
        raise IdentityError(f"{charge_point_id!r} is not how {identity!r} is escaped")
    return identity


def inbound(charge_point_id: str, rule: str = "") -> str:
    """The topic of frames from the charge point; with a `rule` that of Basic Ingest, which only the rule hears."""
    return f"$aws/rules/{rule}/{charge_point_id}/in" if rule else f"{charge_point_id}/in"


def outbound(charge_point_id: str) -> str:
    """The topic of frames to the charge point."""
    return f"{charge_point_id}/out"


def charge_point_of(topic: str) -> str:
    """The charge point id of an inbound or outbound topic.

    Raises:
        IdentityError: the topic is neither.
    """
    charge_point_id, slash, direction = topic.rpartition("/")
    if not slash or direction not in ("in", "out") or not _ESCAPED.fullmatch(charge_point_id):
        raise IdentityError(f"{topic!r} is no topic of a charge point")
    return charge_point_id
