"""Whether passwords, security profiles, certificates and local lists are what a command made them (conformance D.3).

A credential shows when it is used: in the next connect. What the charge point merely stores shows when it is asked.
"""

import hashlib
import ssl
from collections.abc import Iterator
from typing import NamedTuple

from domain import credentials, rotation
from domain.evidence import CONFIRMED, CONNECT, NOT_OBSERVED, Message, Payload, is_new_connection
from domain.models import ChargePoint, Command

_WITH_PASSWORD = (1, 2)  # the profiles that prove a password
_OWN_CERTIFICATE = (None, "ChargingStationCertificate")
_NOT_TAKEN = ("InvalidChargePointCertificate", "InvalidChargingStationCertificate")  # 1.6, 2.x (C-108)


class Certificate(NamedTuple):
    """What OCPP knows a certificate by."""

    serial_number: int
    issuer: bytes  # DER


def is_credential(command: Command) -> bool:
    """Whether the next connect shows if this was done.

    A profile in a network profile doesn't: the charge point may come with that for other reasons.
    """
    return rotation.sets_password(command.payload) or (
        command.action == "ChangeConfiguration" and rotation.is_one(command)
    )


def is_own_certificate(command: Command) -> bool:
    """Whether the charge point shows this certificate when it connects."""
    return command.payload.get("certificateType") in _OWN_CERTIFICATE


def used(command: Command, message: Message) -> str | None:
    """It has come with the new password, or with the profile; or with what it had before."""
    if not is_new_connection(command, message):
        return None
    row = message.charge_point
    if not rotation.sets_password(command.payload):
        wanted = rotation.profile_of(command.payload)
        return CONFIRMED if wanted is not None and row.highest_profile >= wanted else NOT_OBSERVED
    # Whoever uses one of two passwords settles which it is; and each knows the command that it came from.
    if row.next_password_hash is not None or row.highest_profile not in _WITH_PASSWORD:
        return None
    return CONFIRMED if _is_its_password(command, row) else NOT_OBSERVED


def shown(command: Command, message: Message) -> str | None:
    """It has connected with this certificate; or says that this is none."""
    if message.action != CONNECT:
        return NOT_OBSERVED if message.payload.get("type") in _NOT_TAKEN else None
    connection = message.charge_point.connection
    sent = read(str(command.payload.get("certificateChain", "")))
    is_it = sent and connection and connection.certificate_serial == f"{sent.serial_number:X}"
    return CONFIRMED if is_it and is_new_connection(command, message) else None


def installed(command: Command, message: Message) -> str | None:
    """The charge point lists the certificate, or lists those of its type without it."""
    wanted, asked = command.payload.get("certificateType"), message.payload.get("certificateType")
    certificate = read(str(command.payload.get("certificate", "")))
    if certificate is None or not (asked in (None, wanted) or (isinstance(asked, list) and wanted in asked)):
        return None
    return CONFIRMED if any(_is_of(certificate, each) for each in _listed(message.answer)) else NOT_OBSERVED


def listed(command: Command, message: Message) -> str | None:
    """The charge point's local list is of this version, or of a later one."""
    wanted = command.payload.get("listVersion", command.payload.get("versionNumber"))
    said = message.answer.get("listVersion", message.answer.get("versionNumber"))
    if not isinstance(wanted, int) or not isinstance(said, int):
        return None
    return CONFIRMED if said >= wanted else NOT_OBSERVED


def read(pem: str) -> Certificate | None:
    """The first certificate of a PEM text, as far as it matters here; None if that is none."""
    start, end = pem.find(ssl.PEM_HEADER), pem.find(ssl.PEM_FOOTER)
    try:
        der = ssl.PEM_cert_to_DER_cert(pem[start : end + len(ssl.PEM_FOOTER)])
        (_, whole, _), *_ = _der(der)
        (_, to_be_signed, _), *_ = _der(whole)
        # Version (may be missing), serial number, algorithm of the signature, issuer (RFC 5280 4.1).
        fields = [each for each in _der(to_be_signed) if each[0] != 0xA0]
        return Certificate(int.from_bytes(fields[0][1], "big"), fields[2][2])
    except (ValueError, IndexError):
        return None


def _der(raw: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, content, and the whole of each element of an ASN.1 structure."""
    at = 0
    while at < len(raw):
        length, start = raw[at + 1], at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(raw[at + 2 : start], "big")
        yield raw[at], raw[start : start + length], raw[at : start + length]
        at = start + length


def _is_its_password(command: Command, row: ChargePoint) -> bool:
    try:
        return row.password_hash is not None and credentials.salt_of(row.password_hash) == command.command_id.encode()
    except credentials.HashFormatError:
        return False


def _listed(answer: Payload) -> Iterator[Payload]:
    """The hash data of 1.6's list, or of 2.x's chains."""
    chains = answer.get("certificateHashDataChain", answer.get("certificateHashData"))
    for each in chains if isinstance(chains, list) else ():
        if isinstance(each, dict):
            yield each.get("certificateHashData", each)


def _is_of(certificate: Certificate, listed: Payload) -> bool:
    algorithm = str(listed.get("hashAlgorithm")).lower()
    if algorithm not in ("sha256", "sha384", "sha512"):
        return False
    try:
        is_number = int(str(listed.get("serialNumber")), 16) == certificate.serial_number
    except ValueError:
        return False
    issuer = hashlib.new(algorithm, certificate.issuer).hexdigest()
    return is_number and str(listed.get("issuerNameHash")).lower() == issuer
