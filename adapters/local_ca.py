"""A certificate authority of one's own: signs what charge points ask for with a key that lies in memory.

For a laptop, a test bench, a small fleet. `cryptography` is imported when it is needed: it would slow every cold start.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, cast

from adapters import signing_requests

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificateIssuerPrivateKeyTypes,
        CertificateIssuerPublicKeyTypes,
    )

# Certificates count from the past, for charge points whose clock is behind (2.0.1 part 2 errata 2.9, C-105).
BEGAN_BEFORE = timedelta(hours=1)


class LocalCertificateAuthority:
    """The CertificateSigner port, with PEM texts: the key, and its certificate before those it leads to, if any."""

    def __init__(self, certificates: bytes, key: bytes, days: int, organization: str | None = None) -> None:
        self._pem = certificates
        self._key_pem = key
        self._valid = timedelta(days=days)
        self._organization = organization

    def check(self, csr: str, names: Collection[str]) -> None:
        signing_requests.read(csr, names, self._organization)

    def sign(self, csr: str, names: Collection[str], now: datetime) -> str:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import ExtendedKeyUsageOID

        request = signing_requests.read(csr, names, self._organization)
        issuer = self._certificates[0]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(issuer.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BEGAN_BEFORE)
            .not_valid_after(min(now + self._valid, issuer.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
            .add_extension(_key_of(issuer), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return signing_requests.chain([certificate, *self._certificates])

    @cached_property
    def _certificates(self) -> "list[x509.Certificate]":
        from cryptography import x509

        return x509.load_pem_x509_certificates(self._pem)

    @cached_property
    def _key(self) -> "CertificateIssuerPrivateKeyTypes":
        from cryptography.hazmat.primitives import serialization

        read = serialization.load_pem_private_key(self._key_pem, None)
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


def _usage() -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,  # all that TLS wants of a client's key
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_of(issuer: "x509.Certificate") -> "x509.AuthorityKeyIdentifier":
    """How the certificates of this authority name its key (RFC 5280 4.2.1.1): as it does itself, if it does."""
    from cryptography import x509

    try:
        named = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(
            cast("CertificateIssuerPublicKeyTypes", issuer.public_key())
        )
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named)
