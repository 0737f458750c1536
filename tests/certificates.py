"""A certificate authority for tests: RSA and ECDSA leaves, expired ones, and a revocation list."""

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
    """A CA that writes what it issues into `directory`."""

    directory: Path
    name: str = "Test CA"
    _key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    _issued: int = 0

    @property
    def certificate(self) -> Path:
        """The CA's own certificate."""
        file = self.directory / f"{self.name.replace(' ', '-')}.pem"
        if not file.exists():
            builder = _builder(_subject(self.name, "Test"), _subject(self.name, "Test"), self._key, days=365)
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            file.write_bytes(_pem(builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())))
        return file

    def under(self, above: "Authority") -> Path:
        """A certificate of this CA that another one signed."""
        file = self.directory / f"{self.name.replace(' ', '-')}-under.pem"
        builder = _builder(_subject(self.name, "Test"), _subject(above.name, "Test"), self._key, days=365)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        file.write_bytes(_pem(builder.sign(above._key, hashes.SHA256())))
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
        builder = _builder(_subject(common_name, organization), _subject(self.name, "Test"), key, days=days)
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


def _subject(common_name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        ]
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=max(0, -days) + 1))
        .not_valid_after(now + timedelta(days=days))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
