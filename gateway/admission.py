"""Who may connect, and the words an installer reads when not. Pure."""

import binascii
import hmac
import re
from dataclasses import dataclass

from domain import credentials
from domain.models import ChargePoint
from gateway.handshake import Credentials, Handshake
from ocppj.versions import V16, VERSIONS, Version

CHALLENGE = ("WWW-Authenticate", 'Basic realm="charge points", charset="UTF-8"')

# P2 §2.1.4: the characters of an identifierString, but for the colon, which Basic credentials can't carry.
_IDENTITY_2X = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")
_SPOKEN = ", ".join(version.subprotocol for version in VERSIONS)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than 101: `reason` is one word for metrics and logs, `text` is for people."""

    status: int
    reason: str
    text: str
    headers: tuple[tuple[str, str], ...] = ()


def admit(request: Handshake, row: ChargePoint | None, pepper: bytes = b"") -> Refusal | None:
    """Say why this charge point may not connect, or nothing if it may.

    Identity first, then credentials, then the version: a stranger learns nothing else (A-22). May take tens of
    milliseconds where the row has an imported password (scrypt): don't call it on an event loop.
    """
    if row is None:
        return unknown(request)
    if row.disabled:
        return Refusal(403, "disabled", f'The charge point "{request.identity}" is disabled. Ask the operator.')
    return _check_credentials(request, row, pepper) or _check_version(request)


def unknown(request: Handshake) -> Refusal:
    """Nobody knows this charge point (A-20)."""
    text = (
        f'No charge point "{request.identity}" is registered here. The last part of the URL path is taken as the '
        f"identity; the path was {request.path}. Check its spelling or register the charge point."
    )
    return Refusal(404, "unknown", text)


def nameless(path: str, why: str) -> Refusal:
    """The path names no charge point (A-08)."""
    return Refusal(404, "no_identity", f"{why}; the path was {path}. It must look like /ocpp/CP001.")


def unavailable(reason: str, text: str, retry_after_s: int) -> Refusal:
    """Not now: the charge point is right to try again."""
    return Refusal(503, reason, f"{text} Try again in {retry_after_s} s.", (("Retry-After", str(retry_after_s)),))


def _check_credentials(request: Handshake, row: ChargePoint, pepper: bytes) -> Refusal | None:
    if row.password_hash is None:
        return None
    presented = request.credentials
    if presented is None:
        text = f'The charge point "{request.identity}" needs a password (HTTP Basic); none was sent.'
        return Refusal(401, "no_credentials", text, (CHALLENGE,))
    is_itself = hmac.compare_digest(presented.username, request.identity.encode())
    # Both are always worked out: who guesses names learns nothing from the time it takes.
    if not (_matches(row.password_hash, presented, pepper) and is_itself):
        text = (
            f'The user name or the password is wrong. The user name must be the identity, "{request.identity}"; '
            "set the password of this charge point again, here and there."
        )
        return Refusal(401, "wrong_credentials", text, (CHALLENGE,))
    return None


def _matches(stored: str, presented: Credentials, pepper: bytes) -> bool:
    """Accept the key itself or its hex text: both are seen in the field (A-37)."""
    if credentials.matches(stored, presented.password, pepper):
        return True
    try:
        raw = binascii.unhexlify(presented.password)
    except binascii.Error:
        return False
    return credentials.matches(stored, raw, pepper)


def _check_version(request: Handshake) -> Refusal | None:
    version = request.version
    if version is None:
        offered = ", ".join(request.offered) or "none at all"
        text = f"No common OCPP version: the charge point offered {offered}; spoken here: {_SPOKEN}."
        return Refusal(400, "no_common_subprotocol", text)
    return _check_identity(request, version)


def _check_identity(request: Handshake, version: Version) -> Refusal | None:
    if version.base is V16 or _IDENTITY_2X.fullmatch(request.identity):
        return None  # 1.6 has no rule for identities
    allowed = "at most 48 characters, of letters, digits and * - _ = + | @ ."
    return Refusal(400, "bad_identity", f'"{request.identity}" is no identity in {version}: {allowed}')
