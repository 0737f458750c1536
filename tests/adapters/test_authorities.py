"""Who signs for charge points: files, a secret, AWS Private CA, nobody."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import WaiterError
from botocore.stub import ANY, Stubber
from cryptography import x509

from adapters import authorities, private_ca
from adapters.authorities import SecretError
from adapters.local_ca import LocalCertificateAuthority, make_request
from adapters.private_ca import PrivateCertificateAuthority
from domain.ports import CsrRefusedError
from infra.local.cloud import AWS
from processors.settings import Settings
from tests.certificates import Authority

if TYPE_CHECKING:
    from mypy_boto3_acm_pca import ACMPCAClient

CP = "CP-001"
NOW = datetime.now(UTC)
REGION = "eu-central-1"  # sessions are kept by their region, with their credentials: no other test uses this one
ARN = f"arn:aws:acm-pca:{REGION}:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555"
ISSUED = f"{ARN}/certificate/0123456789abcdef"
CLIENTS = "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1"
WHERE = {"CertificateAuthorityArn": ARN, "CertificateArn": ISSUED}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> "Iterator[ACMPCAClient]":
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    client = private_ca.connect()
    with Stubber(client) as stubber:
        client.stubber = stubber  # type: ignore[attr-defined]
        yield client
        stubber.assert_no_pending_responses()


def expect(client: "ACMPCAClient", key: str, algorithm: str, csr: str, **issued: Any) -> None:
    """That AWS Private CA is asked to sign this, as a client's certificate, and has a key of this kind."""
    stubber: Stubber = client.stubber  # type: ignore[attr-defined]
    of_authority = {
        "CertificateAuthorityConfiguration": {"KeyAlgorithm": key, "SigningAlgorithm": algorithm, "Subject": {}}
    }
    stubber.add_response(
        "describe_certificate_authority", {"CertificateAuthority": of_authority}, {"CertificateAuthorityArn": ARN}
    )
    asked = {
        "CertificateAuthorityArn": ARN, "Csr": csr.encode(), "SigningAlgorithm": algorithm, "TemplateArn": CLIENTS,
        "Validity": {"Type": "DAYS", "Value": 30}, "IdempotencyToken": ANY,
    }  # fmt: skip
    stubber.add_response("issue_certificate", {"CertificateArn": ISSUED}, asked | issued)


def leaves(chain: str) -> list[str]:
    return [one.subject.rfc4514_string() for one in x509.load_pem_x509_certificates(chain.encode())]


@pytest.mark.parametrize(("key", "algorithm"), [("EC_prime256v1", "SHA256WITHECDSA"), ("RSA_2048", "SHA256WITHRSA")])
def test_private_ca_signs_by_its_kind_of_key_and_answers_the_chain_without_the_root(
    client: "ACMPCAClient", authority: Authority, key: str, algorithm: str
) -> None:
    _, csr = make_request(CP, "CPO")
    leaf, root = authority.issue(CP).certificate.read_text(), authority.certificate.read_text()
    expect(client, key, algorithm, csr)
    stubber: Stubber = client.stubber  # type: ignore[attr-defined]
    stubber.add_client_error("get_certificate", "RequestInProgressException", expected_params=WHERE)
    for _ in ("asked by the waiter", "and by us"):
        stubber.add_response("get_certificate", {"Certificate": leaf, "CertificateChain": root}, WHERE)

    chain = PrivateCertificateAuthority(client, ARN, 30, "CPO", poll_s=0).sign(csr, {CP}, NOW)

    assert leaves(chain) == [f"O=Test,CN={CP}"]


def test_private_ca_is_asked_with_the_same_token_for_the_same_request(client: "ACMPCAClient") -> None:
    stubber: Stubber = client.stubber  # type: ignore[attr-defined]
    signer, (_, csr) = PrivateCertificateAuthority(client, ARN, 30, poll_s=0), make_request(CP)
    tokens = []
    client.meta.events.register(
        "provide-client-params.acm-pca.IssueCertificate", lambda params, **_: tokens.append(params["IdempotencyToken"])
    )
    expect(client, "EC_prime256v1", "SHA256WITHECDSA", csr)
    stubber.add_client_error("get_certificate", "RequestFailedException", expected_params=WHERE)
    stubber.add_client_error("issue_certificate", "LimitExceededException")

    for _ in range(2):
        with pytest.raises((WaiterError, client.exceptions.LimitExceededException)):
            signer.sign(csr, {CP}, NOW)

    assert tokens[0] == tokens[1]
    assert len(tokens[0]) == 36


def test_private_ca_never_hears_of_a_request_of_somebody_else(client: "ACMPCAClient") -> None:
    signer, (_, csr) = PrivateCertificateAuthority(client, ARN, 30, "CPO"), make_request("CP-002", "CPO")

    for names, request in (({CP}, csr), ({"CP-002"}, make_request("CP-002", "Other")[1]), ({CP}, "garbage")):
        with pytest.raises(CsrRefusedError):
            signer.check(request, names)


def test_c103_the_chain_has_the_authorities_below_the_root(tmp_path: Path) -> None:
    above, below = Authority(tmp_path, "Root"), Authority(tmp_path, "Sub")
    certificates = below.under(above).read_bytes() + above.certificate.read_bytes()

    chain = LocalCertificateAuthority(certificates, below.key.read_bytes(), 30).sign(make_request(CP)[1], {CP}, NOW)

    assert leaves(chain) == [f"CN={CP}", "O=Test,CN=Sub"]


def test_who_signs_is_one_setting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Settings(ca_certificate=authority.certificate, ca_key=authority.key)
    monkeypatch.setenv("AWS_REGION", REGION)

    assert isinstance(authorities.signer(files), LocalCertificateAuthority)
    assert authorities.signer(Settings()) is None
    assert authorities.signer(dataclasses.replace(files, signer="off")) is None
    assert isinstance(authorities.signer(Settings(signer=ARN)), PrivateCertificateAuthority)


@pytest.mark.e2e
def test_a_lambda_gets_key_and_roots_from_secrets(
    aws: AWS, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    certificate, key = authority.certificate.read_text(), authority.key.read_text()
    secrets = aws.client("secretsmanager")
    both = secrets.create_secret(Name="ca", SecretString=json.dumps({"certificate": certificate, "key": key}))["ARN"]
    roots = secrets.create_secret(Name="roots", SecretString=certificate)["ARN"]
    chosen = Settings(signer=both, contract_roots=roots)

    signer = authorities.signer(chosen)

    assert signer is not None
    assert leaves(signer.sign(make_request(CP)[1], {CP}, NOW)) == [f"CN={CP}"]
    assert authorities.contracts(chosen.contract_roots) is not None
    with pytest.raises(SecretError, match=f"^The secret {roots} is no JSON with PEM texts named certificate and key.$"):
        authorities.signer(Settings(signer=roots))
