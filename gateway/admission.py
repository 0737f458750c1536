"""Who may connect, and the words an installer reads when not. Pure."""

import binascii
import hmac
import re
from dataclasses import dataclass, field

from domain import credentials
from domain.models import ChargePoint, Proven
from gateway import profiles
from gateway.handshake import Credentials, Handshake
from gateway.refusals import Refusal
from ocppj.versions import V16, VERSIONS, Version

CHALLENGE = ("WWW-Authenticate", 'Basic realm="charge points", charset="UTF-8"')
NO_COMMON_SUBPROTOCOL = "no_common_subprotocol"

# P2 §2.1.4: the characters of an identifierString, but for the colon, which Basic credentials can't carry.
_IDENTITY_2X = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")
_SPOKEN = ", ".join(version.subprotocol for version in VERSIONS)


@dataclass(frozen=True, slots=True)
class Policy:
    """What this gateway expects of everybody: the lowest profile, and the organisation in client certificates."""

    pepper: bytes = field(default=b"", repr=False)
    min_profile: int = 0
    cpo_name: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may come in: what it speaks and what it proved."""

    version: Version
    proven: Proven


def admit(request: Handshake, row: ChargePoint | None, policy: Policy) -> Admitted | Refusal:
    """Say what a charge point has proved, or why it may not connect.

    Identity first, then profile and credentials, then the version: a stranger learns nothing else (A-22). Where
    `is_slow` says so it takes tens of milliseconds: don't call it on an event loop then.
    """
    if row is None:
        return unknown(request)
    if row.disabled:
        return Refusal(403, "disabled", f'The charge point "{request.identity}" is disabled. Ask the operator.')
    proven = _prove(request, row, policy)
    if isinstance(proven, Refusal):
        return proven
    version = _agree_on_version(request, row)
    return version if isinstance(version, Refusal) else Admitted(version, proven)


def is_slow(request: Handshake, row: ChargePoint | None) -> bool:
    """Whether `admit` has to work out a slow hash."""
    if row is None or request.credentials is None:
        return False
    return any(credentials.is_slow(stored) for stored in _hashes(row))


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


def _prove(request: Handshake, row: ChargePoint, policy: Policy) -> Proven | Refusal:
    profile = profiles.claimed(request, row)
    # A password is not even asked for over a connection that may not be used anyway: it would travel in the clear.
    refusal = profiles.refuse(request, row, profile, policy.min_profile)
    if refusal is not None:
        return refusal
    if profile == profiles.CERTIFICATE:
        return profiles.refuse_certificate(request, row, policy.cpo_name) or _proven(row, profile)
    if row.password_hash is None and row.next_password_hash is None:
        return _proven(row, profile)
    return _check_password(request, row, profile, policy)


def _check_password(request: Handshake, row: ChargePoint, profile: int, policy: Policy) -> Proven | Refusal:
    presented = request.credentials
    found = _find_password(presented, row, policy.pepper) if presented is not None else None
    is_itself = presented is not None and _names(request, presented.username)
    if found is not None and is_itself:
        return _proven(row, profile, _hash_to_keep(row, *found, policy))
    if row.password_hash is None:
        # Its first password is on its way: until it uses that, it may come without, as before.
        refusal = profiles.refuse(request, row, profiles.NONE, policy.min_profile)
        return refusal or _proven(row, profiles.NONE)
    if presented is None:
        text = f'The charge point "{request.identity}" needs a password (HTTP Basic); none was sent.'
        return Refusal(401, "no_credentials", text, (CHALLENGE,))
    return _wrong(request)


def _names(request: Handshake, username: bytes) -> bool:
    identity = request.identity.encode()
    if request.version is not None and request.version.base is not V16:
        identity, username = identity.lower(), username.lower()  # G-13
    return hmac.compare_digest(username, identity)


def _wrong(request: Handshake) -> Refusal:
    text = (
        f'The user name or the password is wrong. The user name must be the identity, "{request.identity}"; '
        "set the password of this charge point again, here and there."
    )
    return Refusal(401, "wrong_credentials", text, (CHALLENGE,))


def _proven(row: ChargePoint, profile: int, password_hash: str | None = None) -> Proven:
    return Proven(profile, password_hash, is_downgrade=profile < row.highest_profile)


def _hashes(row: ChargePoint) -> list[str]:
    return [stored for stored in (row.password_hash, row.next_password_hash) if stored is not None]


def _find_password(presented: Credentials, row: ChargePoint, pepper: bytes) -> tuple[str, bytes] | None:
    """The stored hash that fits, and the password itself; of two that fit the newer."""
    found = None
    for stored in _hashes(row):  # all of them, always: who guesses learns nothing from the time it takes
        password = _match(stored, presented.password, pepper)
        found = found if password is None else (stored, password)
    return found


def _match(stored: str, presented: bytes, pepper: bytes) -> bytes | None:
    """Accept the key itself or its hex text: both are seen in the field (A-37)."""
    if credentials.matches(stored, presented, pepper):
        return presented
    try:
        raw = binascii.unhexlify(presented)
    except binascii.Error:
        return None
    return raw if credentials.matches(stored, raw, pepper) else None


def _hash_to_keep(row: ChargePoint, stored: str, password: bytes, policy: Policy) -> str | None:
    """The hash this row should have from now on; None if it has it already."""
    if row.awaits_next_password and stored == row.password_hash:
        return None  # it is known to take the next one later: to pin this one would lock it out then
    # Without a pepper a fast hash of a password somebody chose would help whoever steals the table.
    if credentials.is_slow(stored) and policy.pepper:
        # With the salt it had, which tells the command that it came from (domain/rotation.py).
        return credentials.hash_generated(password, policy.pepper, credentials.salt_of(stored))
    return stored if row.next_password_hash is not None else None


def _agree_on_version(request: Handshake, row: ChargePoint) -> Version | Refusal:
    version = request.version
    if version is None and not request.offered:
        version = row.default_version  # some 1.6 charge points name none
    if version is None:
        offered = ", ".join(request.offered) or "none at all"
        text = f"No common OCPP version: the charge point offered {offered}; spoken here: {_SPOKEN}."
        return Refusal(400, NO_COMMON_SUBPROTOCOL, text)
    if version.base is V16 or _IDENTITY_2X.fullmatch(request.identity):
        return version  # 1.6 has no rule for identities
    allowed = "at most 48 characters, of letters, digits and * - _ = + | @ ."
    return Refusal(400, "bad_identity", f'"{request.identity}" is no identity in {version}: {allowed}')
