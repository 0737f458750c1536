"""Who signs for charge points, and whose contracts are trusted, as settings say it: files, secrets, AWS Private CA."""

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Protocol

import orjson

from adapters import aws
from adapters.contract_certificates import TrustedContracts
from adapters.local_ca import LocalCertificateAuthority
from adapters.ocsp import OcspResponders
from domain.ports import CertificateSigner

LOCAL, OFF = "local", "off"


class Signing(Protocol):
    """What settings say of it: `signer` is LOCAL (the files), OFF, or the ARN of a secret or of a private authority."""

    @property
    def signer(self) -> str: ...

    @property
    def signer_template(self) -> str | None: ...

    @property
    def ca_certificate(self) -> Path | None: ...

    @property
    def ca_key(self) -> Path | None: ...

    @property
    def certificate_days(self) -> int: ...

    @property
    def certificate_organization(self) -> str | None: ...


class SecretError(Exception):
    """A secret has not what it must have; the text names both, and shows nothing of it."""


def signer(chosen: Signing) -> CertificateSigner | None:
    """Who signs, if anybody does.

    Raises:
        SecretError: the secret holds no certificate with its key.
    """
    days, organization = chosen.certificate_days, chosen.certificate_organization
    if chosen.signer == LOCAL:
        if chosen.ca_certificate is None or chosen.ca_key is None:
            return None
        certificates, key = chosen.ca_certificate.read_bytes(), chosen.ca_key.read_bytes()
        return LocalCertificateAuthority(certificates, key, days, organization)
    if chosen.signer == OFF:
        return None
    if ":acm-pca:" in chosen.signer:
        from adapters import private_ca  # where there is none, a cold start need not read it

        client = private_ca.connect()
        return private_ca.PrivateCertificateAuthority(client, chosen.signer, days, organization, chosen.signer_template)
    certificates, key = _certificate_and_key(chosen.signer)
    return LocalCertificateAuthority(certificates, key, days, organization)


def contracts(roots: Path | str | None) -> TrustedContracts | None:
    """The contracts that lead to the roots in this file, or in the secret of this ARN."""
    return TrustedContracts(_pem(roots)) if roots is not None else None


def responders(prefixes: Collection[str], roots: Path | str | None) -> OcspResponders | None:
    """The OCSP responders that may be asked, and are believed if the same roots say so."""
    return OcspResponders(prefixes, _pem(roots) if roots is not None else b"") if prefixes else None


def _pem(roots: Path | str) -> bytes:
    return roots.read_bytes() if isinstance(roots, Path) else _secret(roots).encode()


def _certificate_and_key(arn: str) -> tuple[bytes, bytes]:
    try:
        held = orjson.loads(_secret(arn))
        return held["certificate"].encode(), held["key"].encode()
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SecretError(f"The secret {arn} is no JSON with PEM texts named certificate and key.") from error


@cache
def _secret(arn: str) -> str:
    held: str = (
        aws.session().client("secretsmanager", config=aws.config()).get_secret_value(SecretId=arn)["SecretString"]
    )
    return held
