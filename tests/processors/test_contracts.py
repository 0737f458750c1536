"""Contract certificates in Authorize (conformance C-31), with chains as ISO 15118 has them: root, sub-CA, contract."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.contract_certificates import TrustedContracts
from domain.models import IdToken
from ocppj.frames import Call, CallResult
from ocppj.versions import V21, V201, Version
from tests.processors.house import House

CP = "CP-001"
EMAID = "DE-ABC-C0123456-7"
NOW = datetime.now(UTC).replace(microsecond=0)
HASHES = [{
    "hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1",
    "responderURL": "http://ocsp.example",
}]  # fmt: skip


class Issuer:
    """A certificate authority, signed by another or by itself."""

    def __init__(self, name: str, above: "Issuer | None" = None) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = (above or self).certify(self.name, self.key, is_ca=True)

    def certify(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_ca: bool,
        ends: datetime = NOW + timedelta(days=1), extensions: Iterable[x509.ExtensionType] = (),
    ) -> str:  # fmt: skip
        """A certificate of this name, as PEM."""
        builder = x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW - timedelta(days=9)).not_valid_after(ends)
        builder = builder.add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def contract(self, emaid: str = EMAID, *, is_ca: bool = False, ends: datetime = NOW + timedelta(days=1)) -> str:
        """A contract certificate, as PEM."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, emaid)])
        return self.certify(name, ec.generate_private_key(ec.SECP256R1()), is_ca=is_ca, ends=ends)


ROOT, STRANGER = Issuer("MO Root"), Issuer("MO Root")
SUB, LEAF_AS_CA = Issuer("MO Sub-CA", ROOT), Issuer("MO Sub-CA", ROOT)
LEAF_AS_CA.pem = ROOT.certify(LEAF_AS_CA.name, LEAF_AS_CA.key, is_ca=False)


@pytest.fixture(scope="module")
def contracts() -> TrustedContracts:
    return TrustedContracts((Issuer("V2G Root").pem + ROOT.pem).encode())


def authorize(
    contracts: TrustedContracts | None, *tokens: IdToken, version: Version = V201, emaid: str = EMAID, **said: Any
) -> tuple[str, str | None]:
    house = House(now=NOW)
    house.register(CP, version)
    for token in tokens:
        house.id_tokens.put(token)
    call = Call("m-1", "Authorize", {"idToken": {"idToken": emaid, "type": "eMAID"}, **said})
    [answer] = house.send(CP, call, house.ports(contracts=contracts))
    assert isinstance(answer, CallResult)
    return answer.payload["idTokenInfo"]["status"], answer.payload.get("certificateStatus")


@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.parametrize(
    ("token", "status"),
    [
        (IdToken(EMAID.lower()), ("Accepted", "Accepted")),
        (IdToken(EMAID.lower(), status="Blocked"), ("Blocked", "ContractCancelled")),
        (IdToken(EMAID.lower(), expires_at=NOW - timedelta(days=1)), ("Expired", "ContractCancelled")),
        (IdToken(EMAID.lower(), status="NoCredit"), ("NoCredit", "Accepted")),
        (IdToken("another"), ("Unknown", "ContractCancelled")),
    ],
)
def test_c31_a_valid_chain_is_worth_what_its_token_is(
    contracts: TrustedContracts, version: Version, token: IdToken, status: tuple[str, str]
) -> None:
    chain = SUB.contract() + SUB.pem

    assert authorize(contracts, token, version=version, certificate=chain) == status


@pytest.mark.parametrize(
    ("chain", "status"),
    [
        (SUB.contract(ends=NOW - timedelta(days=1)) + SUB.pem, ("Expired", "CertificateExpired")),
        (ROOT.contract(), ("Accepted", "Accepted")),
        (SUB.contract(), ("Invalid", "CertChainError")),
        (STRANGER.contract(), ("Invalid", "CertChainError")),
        (STRANGER.contract() + STRANGER.pem, ("Invalid", "CertChainError")),
        (STRANGER.contract(ends=NOW - timedelta(days=1)), ("Invalid", "CertChainError")),
        (LEAF_AS_CA.contract() + LEAF_AS_CA.pem, ("Invalid", "CertChainError")),
        (SUB.contract("DE-ABC-C9999999-9") + SUB.pem, ("Invalid", "CertChainError")),
        ("no certificate", ("Invalid", "CertChainError")),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", ("Invalid", "CertChainError")),
    ],
    ids=["expired", "of the root", "sub-CA missing", "stranger", "stranger's own root", "expired stranger",
         "sub-CA that is none", "another's contract", "text", "broken"],
)  # fmt: skip
def test_c31_a_chain_that_leads_nowhere_is_worth_nothing(
    contracts: TrustedContracts, chain: str, status: tuple[str, str]
) -> None:
    assert authorize(contracts, IdToken(EMAID.lower()), certificate=chain) == status


def test_c31_the_check_digit_and_hyphens_of_a_contract_id_may_be_missing(contracts: TrustedContracts) -> None:
    chain = SUB.contract("DEABCC0123456") + SUB.pem

    short = authorize(contracts, IdToken("deabcc0123456"), emaid="DEABCC0123456", certificate=chain)

    assert short == ("Accepted", "Accepted")


def test_c31_without_roots_or_without_the_certificate_nothing_is_trusted(contracts: TrustedContracts) -> None:
    token, chain = IdToken(EMAID.lower()), SUB.contract() + SUB.pem

    rootless = authorize(None, token, certificate=chain)
    hashes_only = authorize(contracts, token, iso15118CertificateHashData=HASHES)

    assert rootless == hashes_only == ("Invalid", "CertChainError")
    assert authorize(contracts, token) == ("Accepted", None)
