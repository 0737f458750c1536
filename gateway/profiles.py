"""Security profiles: which one a charge point comes with, and whether its row takes it. Pure.

    0  nothing    1  a password over ws://    2  a password over wss://    3  wss:// with a client certificate

A row may say which one is configured. A charge point that has proved a higher one is not let in with a lower one any
more (A-32), unless the operator gives leave, and then not below 2 (A-33). On the way from one to the next the one it
has proved still works until it has proved the one configured, so an upgrade that fails halfway locks nobody out.
"""

from domain.models import ChargePoint
from gateway.handshake import Handshake
from gateway.refusals import Refusal

NONE, PASSWORD, TLS, CERTIFICATE = 0, 1, 2, 3
_WORDS = (
    "neither a password nor a certificate",
    "a password over ws://",
    "a password over wss://",
    "wss:// with a client certificate",
)
_LOWEST_DOWNGRADE = TLS


def claimed(request: Handshake, row: ChargePoint) -> int:
    """The profile a charge point comes with; whether it can prove it is another question."""
    if request.certificate is not None and _goes_by_certificate(request, row):
        return CERTIFICATE
    if row.password_hash is not None or (row.next_password_hash is not None and request.credentials is not None):
        return TLS if request.is_tls else PASSWORD
    return NONE


def refuse(request: Handshake, row: ChargePoint, profile: int, min_profile: int) -> Refusal | None:
    """Say why this profile won't do (A-31, A-32), or nothing if it will."""
    if profile < row.highest_profile and not (row.allow_downgrade and profile >= _LOWEST_DOWNGRADE):
        return _other(request, row, profile, row.highest_profile, "downgrade")
    if row.security_profile is not None and profile not in (row.security_profile, row.highest_profile or None):
        return _other(request, row, profile, row.security_profile, "wrong_profile")
    if profile < min_profile:
        return _other(request, row, profile, min_profile, "below_min_profile")
    return None


def refuse_certificate(request: Handshake, row: ChargePoint, cpo_name: str) -> Refusal | None:
    """Say why a valid client certificate is not this charge point's (A-45), or nothing if it is."""
    certificate = request.certificate
    if certificate is None:  # `claimed` knows better
        return Refusal(403, "no_certificate", "No client certificate was sent.")
    if certificate.common_name not in _names(row):
        expected = f'"{row.serial_number}"' if row.serial_number else "a serial number, which its record lacks"
        text = (
            f'The client certificate is made out to "{certificate.common_name}"; that of "{request.identity}" must '
            f"have the common name {expected}."
        )
        return Refusal(403, "wrong_certificate", text)
    # "Contains", says A00.FR.404: CPOs add their legal form or country to the name.
    if cpo_name.casefold() not in certificate.organization.casefold():
        text = f'The client certificate belongs to the organisation "{certificate.organization}", not to "{cpo_name}".'
        return Refusal(403, "wrong_organization", text)
    return None


def _goes_by_certificate(request: Handshake, row: ChargePoint) -> bool:
    if row.security_profile in (PASSWORD, TLS) and request.credentials is not None:
        return False  # it has a certificate from its factory, say, but is to use its password
    return row.security_profile == CERTIFICATE or bool(_names(row))


def _names(row: ChargePoint) -> tuple[str, ...]:
    return row.certificate_names if row.serial_number is None else (row.serial_number, *row.certificate_names)


def _other(request: Handshake, row: ChargePoint, profile: int, expected: int, reason: str) -> Refusal:
    text = (
        f'The charge point "{request.identity}" comes with {_WORDS[profile]} (security profile {profile}); '
        f"expected is {_WORDS[expected]} (security profile {expected}). {_advice(request, row, profile, expected)}"
    )
    return Refusal(403, reason, text)


def _advice(request: Handshake, row: ChargePoint, profile: int, expected: int) -> str:
    if profile > expected:
        return "Set the profile of this charge point again, here or there."
    if expected >= TLS and not request.is_tls:
        return "Let it connect to the wss:// address."
    if expected == CERTIFICATE:
        return "Install a client certificate in the charge point."
    if row.password_hash is None:
        return "Its record has no password: set one, here and there."
    return "Ask the operator."
