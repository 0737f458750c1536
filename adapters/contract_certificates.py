"""Contract certificates of vehicles (ISO 15118): whether a chain leads to a V2G or mobility operator's root we trust.

`cryptography` is imported when it is needed: it would slow every cold start.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adapters import ocsp
from domain.models import ContractCheck

if TYPE_CHECKING:
    from cryptography import x509

_SUB_CAS = 4  # an ISO 15118 chain has two below the root; cross-certificates add some
_EMAID = 14  # characters, without the check digit


class TrustedContracts:
    """The Contracts port, with PEM roots."""

    def __init__(self, roots: bytes) -> None:
        self._pem = roots

    def check(self, chain: str, id_token: str, now: datetime) -> ContractCheck:
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        try:
            leaf, *others = x509.load_pem_x509_certificates(chain.replace("\\n", "\n").encode())
            name = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        except (ValueError, IndexError):  # it is no certificate, or has no name
            return ContractCheck.UNTRUSTED
        if _emaid(str(name)) != _emaid(id_token):
            return ContractCheck.UNTRUSTED
        if self._leads_to_root(leaf, others, now):
            return ContractCheck.TRUSTED
        ended = leaf.not_valid_after_utc
        is_expired = ended < now and self._leads_to_root(leaf, others, ended)
        return ContractCheck.EXPIRED if is_expired else ContractCheck.UNTRUSTED

    def responders(self, chain: str) -> Iterable[tuple[dict[str, Any], str]]:
        return ocsp.of_chain(chain)

    def _leads_to_root(self, leaf: "x509.Certificate", others: list["x509.Certificate"], at: datetime) -> bool:
        from cryptography import x509
        from cryptography.x509 import verification
        from cryptography.x509.verification import Criticality, ExtensionPolicy

        # These are no certificates of the web: they name a contract, and say nothing of what they are for.
        must_be_ca = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
        builder = verification.PolicyBuilder().store(self._roots).time(at).max_chain_depth(_SUB_CAS)
        builder = builder.extension_policies(ca_policy=must_be_ca, ee_policy=ExtensionPolicy.permit_all())
        try:
            builder.build_client_verifier().verify(leaf, others)
        except verification.VerificationError:
            return False
        return True

    @cached_property
    def _roots(self) -> "x509.verification.Store":
        from cryptography import x509
        from cryptography.x509 import verification

        return verification.Store(x509.load_pem_x509_certificates(self._pem))


def _emaid(text: str) -> str:
    return text.replace("-", "").upper()[:_EMAID]
