"""AWS Private CA as the authority that signs what charge points ask for: its key never leaves AWS.

It wants acm-pca:DescribeCertificateAuthority, IssueCertificate and GetCertificate of the authority.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from adapters import aws, signing_requests

if TYPE_CHECKING:
    from mypy_boto3_acm_pca import ACMPCAClient
    from mypy_boto3_acm_pca.literals import SigningAlgorithmType
    from mypy_boto3_acm_pca.type_defs import WaiterConfigTypeDef

# Says what the certificate is for, and takes nothing but names and key from the request.
CLIENTS = "template/EndEntityClientAuthCertificate/V1"

ISSUED_S = 20  # how long one may take


def connect() -> "ACMPCAClient":
    """A client of AWS Private CA."""
    return aws.session().client("acm-pca", config=aws.config())


class PrivateCertificateAuthority:
    """The CertificateSigner port, with the ARN of an authority, and of a template if it is not the one for clients.

    A certificate begins an hour before it is issued, unless the template says otherwise (C-105).
    """

    def __init__(
        self,
        client: "ACMPCAClient",
        arn: str,
        days: int,
        organization: str | None = None,
        template: str | None = None,
        poll_s: int = 1,
    ) -> None:
        self._client = client
        self._arn = arn
        self._days = days
        self._organization = organization
        partition = arn.split(":")[1]
        self._template = template or f"arn:{partition}:acm-pca:::{CLIENTS}"
        self._poll: WaiterConfigTypeDef = {"Delay": poll_s, "MaxAttempts": ISSUED_S}

    def check(self, csr: str, names: Collection[str]) -> None:
        signing_requests.read(csr, names, self._organization)

    def sign(self, csr: str, names: Collection[str], now: datetime) -> str:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        request = signing_requests.read(csr, names, self._organization).public_bytes(Encoding.PEM)
        issued = self._client.issue_certificate(
            CertificateAuthorityArn=self._arn,
            Csr=request,
            SigningAlgorithm=self._algorithm,
            TemplateArn=self._template,
            Validity={"Type": "DAYS", "Value": self._days},
            # A record that comes again within minutes gets the same certificate.
            IdempotencyToken=hashlib.sha256(request).hexdigest()[:36],
        )["CertificateArn"]
        self._client.get_waiter("certificate_issued").wait(
            CertificateAuthorityArn=self._arn, CertificateArn=issued, WaiterConfig=self._poll
        )
        made = self._client.get_certificate(CertificateAuthorityArn=self._arn, CertificateArn=issued)
        pem = "\n".join((made["Certificate"], made.get("CertificateChain", "")))
        return signing_requests.chain(x509.load_pem_x509_certificates(pem.encode()))

    @cached_property
    def _algorithm(self) -> "SigningAlgorithmType":
        authority = self._client.describe_certificate_authority(CertificateAuthorityArn=self._arn)
        key = authority["CertificateAuthority"]["CertificateAuthorityConfiguration"]["KeyAlgorithm"]
        return "SHA256WITHECDSA" if key.startswith("EC_") else "SHA256WITHRSA"
