"""A certificate authority for tests: RSA and ECDSA leaves, expired ones, and a revocation list.

What it issues is as RFC 5280 wants it, which Python 3.13 insists on (VERIFY_X509_STRICT), unless `names_keys` is false.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Leaf:
    """PEM files of a certificate and its key."""

    certificate: Path
    key: Path
    serial_number: int


@dataclass(slots=True)
class Authority:
    """A CA that writes what it issues into `directory`.

    Without `names_keys` as many of the field were made, say by OpenSSL 1.1: nothing says which key is whose.
    """

    directory: Path
    name: str = "Test CA"
    names_keys: bool = True
    _key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    _issued: int = 0

    @property
    def certificate(self) -> Path:
        """The CA's own certificate."""
        file = self.directory / f"{self.name.replace(' ', '-')}.pem"
        if not file.exists():
            file.write_bytes(_pem(self._certify(self.name, self._key)))
        return file

    def under(self, above: "Authority") -> Path:
        """A certificate of this CA that another one signed."""
        file = self.directory / f"{self.name.replace(' ', '-')}-under.pem"
        file.write_bytes(_pem(above._certify(self.name, self._key)))
        return file

    @property
    def key(self) -> Path:
        """The CA's own key."""
        file = self.directory / f"{self.name.replace(' ', '-')}.key"
        plain, pkcs8 = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
        file.write_bytes(self._key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
        return file

    def issue(
        self,
        common_name: str,
        organization: str = "Test",
        algorithm: Literal["rsa", "ec"] = "ec",
        *,
        days: int = 1,
        server: bool = False,
        rsa_bits: int = 2048,
    ) -> Leaf:
        """A leaf certificate; negative `days` is one that expired so long ago."""
        self._issued += 1
        key: Key = (
            rsa.generate_private_key(65537, rsa_bits) if algorithm == "rsa" else ec.generate_private_key(ec.SECP256R1())
        )
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(_subject(common_name, organization), key, days=days, usage=_usage(of_leaf=algorithm))
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if server:
            names = [x509.DNSName(common_name), x509.IPAddress(IPv4Address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        stem = self.directory / f"{self.name.replace(' ', '-')}-{self._issued}"
        leaf = Leaf(stem.with_suffix(".crt"), stem.with_suffix(".key"), certificate.serial_number)
        leaf.certificate.write_bytes(_pem(certificate))
        leaf.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return leaf

    def revocation_list(self, *revoked: Leaf) -> Path:
        """A CRL with these leaves."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(_subject(self.name, "Test"))
        builder = builder.last_update(now - timedelta(minutes=5)).next_update(now + timedelta(days=1))
        for leaf in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(leaf.serial_number).revocation_date(now)
            builder = builder.add_revoked_certificate(entry.build())
        file = self.directory / "revoked.pem"
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file

    def _certify(self, name: str, key: Key) -> x509.Certificate:
        """The certificate of an authority, this one or one below."""
        return self._builder(_subject(name, "Test"), key, days=365, usage=_usage()).sign(self._key, hashes.SHA256())

    def _builder(self, subject: x509.Name, key: Key, *, days: int, usage: x509.KeyUsage) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_subject(self.name, "Test"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=max(0, -days) + 1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=usage.key_cert_sign, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        if not self.names_keys:
            return builder
        own, issuer = key.public_key(), self._key.public_key()
        return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False
        )


def _subject(common_name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        ]
    )


def _usage(*, of_leaf: Literal["rsa", "ec"] | None = None) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=of_leaf == "rsa",  # for the suites without ECDHE
        key_cert_sign=of_leaf is None,
        crl_sign=of_leaf is None,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
