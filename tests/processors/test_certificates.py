"""Certificates for charge points, from a certificate authority of our own."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.local_ca import LocalCertificateAuthority
from domain.models import CommandState
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V21, V201, Version
from processors.ports import Ports
from tests.certificates import Authority
from tests.processors.house import EPOCH, House

CP = "CP-001"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCertificateAuthority]:
    authority = Authority(tmp_path_factory.mktemp("ca"))
    yield LocalCertificateAuthority(authority.certificate.read_bytes(), authority.key.read_bytes(), 30, "CPO")


def csr(name: str = CP, organization: str = "CPO") -> str:
    subject = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
    ])  # fmt: skip
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def house_with(signer: LocalCertificateAuthority | None, version: Version = V201) -> tuple[House, Ports]:
    house = House()
    house.register(CP, version)
    return house, house.ports(signer=signer)


def sign(message_id: str = "m-1", said: dict[str, object] | None = None) -> Call:
    return Call(message_id, "SignCertificate", {"csr": csr()} | (said or {}))


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (V16, {}),
        (V201, {"certificateType": "ChargingStationCertificate"}),
        (V21, {"certificateType": "ChargingStationCertificate", "requestId": 7}),
    ],
    ids=str,
)
def test_c103_c104_the_certificate_follows_the_answer(
    signer: LocalCertificateAuthority, version: Version, said: dict[str, object]
) -> None:
    house, ports = house_with(signer, version)

    answer, command = house.send(CP, sign(said=said), ports)

    assert answer == CallResult("m-1", {"status": "Accepted"})
    assert isinstance(command, Call)
    assert command.action == "CertificateSigned"
    assert {name: value for name, value in command.payload.items() if name != "certificateChain"} == said
    stored = house.commands.find(command.message_id)
    assert stored is not None
    assert stored.state is CommandState.SENT


def test_c105_it_is_valid_already_and_was_made_for_this_charge_point(signer: LocalCertificateAuthority) -> None:
    house, ports = house_with(signer)

    _, command = house.send(CP, sign(), ports)

    assert isinstance(command, Call)
    certificate = x509.load_pem_x509_certificate(command.payload["certificateChain"].encode())
    assert certificate.not_valid_before_utc <= house.now - timedelta(minutes=5)
    assert house.now < certificate.not_valid_after_utc
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == CP


@pytest.mark.parametrize(
    "said",
    [
        {"csr": "garbage"},
        {"csr": csr("CP-002")},
        {"csr": csr(organization="Somebody")},
        {"csr": csr(), "certificateType": "V2GCertificate"},
    ],
    ids=["garbage", "another's name", "another's organization", "V2G"],
)
def test_c103_what_is_not_to_be_signed_is_rejected(signer: LocalCertificateAuthority, said: dict[str, object]) -> None:
    house, ports = house_with(signer)

    published = house.send(CP, sign(said=said), ports)

    assert published == [CallResult("m-1", {"status": "Rejected"})]


def test_c103_without_a_signer_nothing_is_promised() -> None:
    house, ports = house_with(None)

    assert house.send(CP, sign(), ports) == [CallResult("m-1", {"status": "Rejected"})]


def test_c104_a_record_that_comes_again_sends_no_second_certificate(signer: LocalCertificateAuthority) -> None:
    house, ports = house_with(signer)
    asked = sign()

    first, again = house.send(CP, asked, ports), house.send(CP, asked, ports)

    assert (len(first), again) == (2, [CallResult("m-1", {"status": "Accepted"})])


def test_c104_only_the_newest_request_gets_a_certificate(signer: LocalCertificateAuthority) -> None:
    house, ports = house_with(signer)
    received_at = int(house.now.timestamp() * 1000)

    newer = house.send(CP, sign("m-2"), ports)
    older = house.send(CP, sign("m-1"), ports, receivedAt=received_at - 5_000, epoch=EPOCH)

    assert (len(newer), len(older)) == (2, 1)


def test_c106_a_certificate_that_was_rejected_is_not_sent_again(signer: LocalCertificateAuthority) -> None:
    house, ports = house_with(signer)
    _, command = house.send(CP, sign(), ports)

    assert house.send(CP, CallResult(command.message_id, {"status": "Rejected"}), ports) == []
