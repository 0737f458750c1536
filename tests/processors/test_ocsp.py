"""Whether certificates are revoked (conformance C-31, C-110), asked of a responder that speaks OCSP over HTTP."""

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus as Said
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from adapters.contract_certificates import TrustedContracts
from adapters.ocsp import OcspResponders
from domain.models import IdToken
from ocppj.frames import Call, CallResult
from ocppj.versions import V21, V201, Version
from processors.ports import Ports
from tests.certificates import Authority
from tests.processors.house import House
from tests.processors.test_contracts import EMAID, NOW, ROOT, STRANGER, SUB, Issuer

CP = "CP-001"
ROOTS = (Issuer("V2G Root").pem + ROOT.pem).encode()


def pem(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


@dataclass
class Responder:
    """An OCSP responder that `says` by serial number, else Good; its answers are signed by `signer`, maybe another."""

    url: str
    says: dict[int, Said] = field(default_factory=dict)
    signer: Issuer = SUB
    sends: list[str] = field(default_factory=lambda: [SUB.pem])
    said_at: datetime = NOW
    broken: bytes | None = None
    asked: list[int] = field(default_factory=list)

    def answer(self, body: bytes) -> bytes:
        if self.broken is not None:
            return self.broken
        request = ocsp.load_der_ocsp_request(body)
        self.asked.append(request.serial_number)
        status = self.says.get(request.serial_number, Said.GOOD)
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            request.issuer_name_hash, request.issuer_key_hash, request.serial_number, request.hash_algorithm, status,
            self.said_at, self.said_at + timedelta(hours=1), NOW if status is Said.REVOKED else None, None,
        )  # fmt: skip
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, pem(self.signer.pem))
        builder = builder.certificates([pem(one) for one in self.sends]) if self.sends else builder
        return builder.sign(self.signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def responder() -> Iterator[Responder]:
    with responding() as there:
        yield there


@contextmanager
def responding(tls: ssl.SSLContext | None = None) -> Iterator[Responder]:
    """A responder on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = there.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        there = Responder(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/ocsp")
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield there
        finally:
            server.shutdown()


def contract(url: str) -> tuple[str, dict[str, Any]]:
    """A contract's chain that names its responder, and the hashes of the contract."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, EMAID)])
    at = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
    extensions = [x509.AuthorityInformationAccess([at])]
    leaf = SUB.certify(name, ec.generate_private_key(ec.SECP256R1()), is_ca=False, extensions=extensions)
    asked = ocsp.OCSPRequestBuilder().add_certificate(pem(leaf), pem(SUB.pem), hashes.SHA256()).build()
    said = {
        "hashAlgorithm": "SHA256", "issuerNameHash": asked.issuer_name_hash.hex(),
        "issuerKeyHash": asked.issuer_key_hash.hex().upper(), "serialNumber": f"{asked.serial_number:x}",
    }  # fmt: skip
    return leaf + SUB.pem, said


def house_asking(*prefixes: str, version: Version = V201) -> tuple[House, Ports]:
    house = House(now=NOW)
    house.register(CP, version)
    house.id_tokens.put(IdToken(EMAID.lower()))
    return house, house.ports(contracts=TrustedContracts(ROOTS), responders=OcspResponders(prefixes, ROOTS))


def ask(house: House, ports: Ports, action: str, said: dict[str, Any]) -> dict[str, Any]:
    [answer] = house.send(CP, Call("m-1", action, said), ports)
    assert isinstance(answer, CallResult)
    return answer.payload


def authorize(responder: Responder, *prefixes: str, by: str) -> tuple[str, str]:
    house, ports = house_asking(*(prefixes or (responder.url,)))
    chain, hashed = contract(responder.url)
    serial_number = int(hashed["serialNumber"], 16)
    responder.says = dict.fromkeys([serial_number], responder.says.get(0, Said.GOOD))
    data: dict[str, Any] = {"iso15118CertificateHashData": [hashed | {"responderURL": responder.url}]}
    said = {"hashes": data, "certificate": {"certificate": chain}, "both": data | {"certificate": chain}}[by]
    answer = ask(house, ports, "Authorize", {"idToken": {"idToken": EMAID, "type": "eMAID"}} | said)
    assert responder.asked in ([serial_number], [])
    return answer["idTokenInfo"]["status"], answer["certificateStatus"]


@pytest.mark.parametrize("by", ["hashes", "certificate", "both"])
@pytest.mark.parametrize(
    ("says", "status"),
    [
        (Said.GOOD, ("Accepted", "Accepted")),
        (Said.REVOKED, ("Invalid", "CertificateRevoked")),
        (Said.UNKNOWN, ("Invalid", "CertChainError")),
    ],
)
def test_c31_a_contract_is_worth_what_its_responder_says(
    responder: Responder, by: str, says: Said, status: tuple[str, str]
) -> None:
    responder.says = {0: says}

    assert authorize(responder, by=by) == status
    assert len(responder.asked) == 1


def test_a_responder_of_a_private_authority_is_asked_once_the_system_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, names_keys=False)
    leaf = authority.issue("localhost", server=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(leaf.certificate, leaf.key)

    with responding(tls) as responder:
        unknown = authorize(responder, by="hashes")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        known = authorize(responder, by="hashes")

    assert (unknown[0], known) == ("Invalid", ("Accepted", "Accepted"))


def delegated(usage: x509.ObjectIdentifier, by: Issuer = SUB, days: int = 1) -> Issuer:
    made, ends = Issuer("OCSP", by), NOW + timedelta(days=days)
    made.pem = by.certify(made.name, made.key, is_ca=False, ends=ends, extensions=[x509.ExtendedKeyUsage([usage])])
    return made


TO_SIGN, TO_SERVE = delegated(ExtendedKeyUsageOID.OCSP_SIGNING), delegated(ExtendedKeyUsageOID.SERVER_AUTH)
FOR_ANOTHER = delegated(ExtendedKeyUsageOID.OCSP_SIGNING, by=STRANGER)
EXPIRED = delegated(ExtendedKeyUsageOID.OCSP_SIGNING, days=-1)
TRY_LATER = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)


def test_c31_the_issuer_may_have_its_answers_signed_by_another(responder: Responder) -> None:
    responder.signer, responder.sends = TO_SIGN, [TO_SIGN.pem, SUB.pem]

    assert authorize(responder, by="hashes") == ("Accepted", "Accepted")


@pytest.mark.parametrize(
    "wrong",
    [
        {"signer": STRANGER, "sends": [STRANGER.pem]},
        {"signer": STRANGER, "sends": [SUB.pem]},
        {"signer": TO_SERVE, "sends": [TO_SERVE.pem, SUB.pem]},
        {"signer": FOR_ANOTHER, "sends": [FOR_ANOTHER.pem, STRANGER.pem, SUB.pem]},
        {"sends": []},
        {"said_at": NOW - timedelta(days=1)},
        {"said_at": NOW + timedelta(days=1)},
        {"broken": b"no answer"},
        {"broken": TRY_LATER.public_bytes(Encoding.DER)},
        {"signer": EXPIRED, "sends": [EXPIRED.pem, SUB.pem]},
        {"broken": b"x" * 100_000},
    ],
    ids=["a stranger's", "not its own certificate", "not for OCSP", "another's", "nobody known", "of yesterday",
         "of tomorrow", "no answer", "try later", "expired", "too much"],
)  # fmt: skip
def test_c31_an_answer_that_can_t_be_believed_is_none(responder: Responder, wrong: dict[str, Any]) -> None:
    for name, value in wrong.items():
        setattr(responder, name, value)

    assert authorize(responder, by="hashes") == ("Invalid", "CertChainError")


def test_c31_nobody_is_asked_but_whom_the_house_allows(responder: Responder) -> None:
    elsewhere = authorize(responder, "http://ocsp.example/", by="hashes")
    nobody_there = authorize(Responder("http://127.0.0.1:9/"), by="hashes")

    assert elsewhere == nobody_there == ("Invalid", "CertChainError")
    assert responder.asked == []


@pytest.mark.parametrize("version", [V201, V21], ids=str)
def test_c110_the_answer_of_a_responder_is_passed_on_as_it_is(responder: Responder, version: Version) -> None:
    house, ports = house_asking(responder.url.upper(), version=version)
    _, hashed = contract(responder.url)

    answer = ask(house, ports, "GetCertificateStatus", {"ocspRequestData": hashed | {"responderURL": responder.url}})

    result = ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
    assert (answer["status"], result.certificate_status) == ("Accepted", Said.GOOD)


@pytest.mark.parametrize(
    "wrong", [{"responderURL": "http://ocsp.example/"}, {"issuerKeyHash": "no hash"}, {"serialNumber": "-1"}]
)
def test_c110_what_can_t_be_asked_has_failed(responder: Responder, wrong: dict[str, str]) -> None:
    house, ports = house_asking(responder.url)
    _, hashed = contract(responder.url)

    said = {"ocspRequestData": hashed | {"responderURL": responder.url} | wrong}

    assert ask(house, ports, "GetCertificateStatus", said) == {"status": "Failed"}


def test_in_2_1_a_chain_is_told_certificate_by_certificate(responder: Responder) -> None:
    house, ports = house_asking(responder.url, version=V21)
    (_, good), (_, bad) = contract(responder.url), contract(responder.url)
    responder.says = {int(bad["serialNumber"], 16): Said.REVOKED}
    asked = [
        {"certificateHashData": one, "source": source, "urls": [responder.url]}
        for one, source in ((good, "OCSP"), (bad, "OCSP"), (good, "CRL"))
    ]

    told = ask(house, ports, "GetCertificateChainStatus", {"certificateStatusRequests": asked})["certificateStatus"]

    assert [one["status"] for one in told] == ["Good", "Revoked", "Failed"]
