"""A certificate authority of one's own: signs what charge points ask for with a key in a file.

For a laptop, a test bench, a small fleet. `cryptography` is imported when it is needed: it would slow every cold start.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from domain.ports import CsrRefusedError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

# Certificates count from the past, for charge points whose clock is behind (2.0.1 part 2 errata 2.9, C-105).
BEGAN_BEFORE = timedelta(hours=1)


class LocalCertificateAuthority:
    """The CertificateSigner port, with a certificate and its key as PEM files."""

    def __init__(self, certificate: Path, key: Path, days: int, organization: str | None = None) -> None:
        self._certificate_file = certificate
        self._key_file = key
        self._valid = timedelta(days=days)
        self._organization = organization

    def check(self, csr: str, names: Collection[str]) -> None:
        self._read(csr, names)

    def sign(self, csr: str, names: Collection[str], now: datetime) -> str:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import ExtendedKeyUsageOID

        request = self._read(csr, names)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self._certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BEGAN_BEFORE)
            .not_valid_after(min(now + self._valid, self._certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _read(self, csr: str, names: Collection[str]) -> "x509.CertificateSigningRequest":
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        try:
            # Some charge points send it on one line, some without its last line's end.
            request = x509.load_pem_x509_csr(csr.replace("\\n", "\n").encode())
            is_signed = request.is_signature_valid
        except ValueError as error:
            raise CsrRefusedError("it is no certificate signing request") from error
        if not is_signed:
            raise CsrRefusedError("it is not signed with its own key")
        common_name = _name(request, NameOID.COMMON_NAME)
        if common_name not in names:
            raise CsrRefusedError(f"the common name {common_name!r} is not the charge point's")
        if self._organization and _name(request, NameOID.ORGANIZATION_NAME) != self._organization:
            raise CsrRefusedError(f"the organization is not {self._organization!r}")
        return request

    @cached_property
    def _certificate(self) -> "x509.Certificate":
        from cryptography import x509

        return x509.load_pem_x509_certificate(self._certificate_file.read_bytes())

    @cached_property
    def _key(self) -> "CertificateIssuerPrivateKeyTypes":
        from cryptography.hazmat.primitives import serialization

        read = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        return cast("CertificateIssuerPrivateKeyTypes", read)  # one that can't sign fails when it has to


def make_request(common_name: str, organization: str | None = None) -> tuple[str, str]:
    """A new private key (P-256, OCPP 2.0.1 A00.FR.509) and a signing request for it, both as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    named = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        named.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(named)).sign(key, hashes.SHA256())
    plain, pkcs8 = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, pkcs8, plain)
    return private.decode(), request.public_bytes(serialization.Encoding.PEM).decode()


def _name(request: "x509.CertificateSigningRequest", oid: "x509.ObjectIdentifier") -> str:
    found = request.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
