"""The listener's TLS context (conformance A-41 to A-48), by handshakes in memory."""

import asyncio
import dataclasses
import shutil
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from adapters.local_ca import LocalCertificateAuthority, make_request
from gateway.tls import Certificates, ClientCertificate, TlsError, TlsFiles, client_certificate, server_context
from tests.certificates import Authority, Leaf
from tests.handshakes import handshake


@dataclass(frozen=True, slots=True)
class House:
    """A server with two certificates, and the authority of its clients."""

    authority: Authority
    files: TlsFiles


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    pairs = [authority.issue("localhost", algorithm=kind, server=True) for kind in ("rsa", "ec")]
    return House(authority, TlsFiles([(leaf.certificate, leaf.key) for leaf in pairs], authority.certificate))


def client_of(house: House, leaf: Leaf | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=house.authority.certificate)
    if leaf is not None:
        context.load_cert_chain(leaf.certificate, leaf.key)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a41_tls_1_2_and_1_3_are_spoken(house: House, version: ssl.TLSVersion) -> None:
    client = client_of(house)
    client.minimum_version = client.maximum_version = version

    server_end, _ = handshake(server_context(house.files), client)

    assert server_end.version() == version.name.replace("_", ".")
    assert server_end.compression() is None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_a41_tls_1_1_is_refused(house: House) -> None:
    client = client_of(house)
    client.set_ciphers("ALL:@SECLEVEL=0")
    client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(ssl.SSLError, match=r"UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS"):
        handshake(server_context(house.files), client)


@pytest.mark.parametrize(
    "suite",
    ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"],
)
def test_a42_each_suite_of_the_specification_is_there(house: House, suite: str) -> None:
    client = client_of(house)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(suite)

    server_end, _ = handshake(server_context(house.files), client)

    cipher = server_end.cipher()
    assert cipher is not None
    assert cipher[0] == suite


def test_a43_cbc_is_not_offered(house: House) -> None:
    client = client_of(house)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("AES128-SHA")

    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        handshake(server_context(house.files), client)


def test_a45_the_names_of_a_client_certificate_are_read(house: House) -> None:
    leaf = house.authority.issue("SN-4711", "Acme Charging")

    server_end, _ = handshake(server_context(house.files), client_of(house, leaf))

    said = ClientCertificate("SN-4711", "Acme Charging", f"{leaf.serial_number:X}")
    assert client_certificate(server_end.getpeercert()) == said


def test_c107_while_a_certificate_is_replaced_the_old_and_the_new_one_both_connect(house: House) -> None:
    old, new = house.authority.issue("SN-1"), house.authority.issue("SN-1")

    ends = [handshake(server_context(house.files), client_of(house, leaf))[0] for leaf in (old, new, old)]

    shown = [client_certificate(end.getpeercert()) for end in ends]
    assert [one.common_name for one in shown if one] == ["SN-1"] * 3


def test_a_client_certificate_that_names_no_keys_is_as_good_as_one_that_does(house: House, tmp_path: Path) -> None:
    # Those in the field are what they are, and charge points can't be asked to change them for our next Python.
    old = Authority(tmp_path, "Old CA", names_keys=False)
    leaf = old.issue("SN-1")
    accepting = dataclasses.replace(house.files, client_ca=old.certificate, crl=old.revocation_list())

    server_end, _ = handshake(server_context(accepting), client_of(house, leaf))

    shown = client_certificate(server_end.getpeercert())
    assert shown is not None
    assert shown.common_name == "SN-1"


def test_a_certificate_of_our_own_authority_is_accepted_by_a_server_that_takes_rfc_5280_literally(
    house: House, tmp_path: Path
) -> None:
    authority = house.authority
    private, csr = make_request("SN-1", "CPO")
    signer = LocalCertificateAuthority(authority.certificate.read_bytes(), authority.key.read_bytes(), days=30)
    leaf = Leaf(tmp_path / "leaf.pem", tmp_path / "leaf.key", 0)
    leaf.certificate.write_text(signer.sign(csr, {"SN-1"}, datetime.now(UTC)))
    leaf.key.write_text(private)
    server = server_context(house.files)
    server.verify_flags |= ssl.VERIFY_X509_STRICT

    server_end, _ = handshake(server, client_of(house, leaf))

    shown = client_certificate(server_end.getpeercert())
    assert shown is not None
    assert shown.common_name == "SN-1"


def test_a45_no_client_certificate_is_none(house: House) -> None:
    server_end, _ = handshake(server_context(house.files), client_of(house))

    assert client_certificate(server_end.getpeercert()) is None


@pytest.mark.parametrize("stranger", [True, False], ids=["unknown CA", "expired"])
def test_a45_a_certificate_that_is_not_valid_ends_the_handshake(house: House, tmp_path: Path, stranger: bool) -> None:
    authority = Authority(tmp_path, "Stranger CA") if stranger else house.authority
    leaf = authority.issue("SN-4711", days=1 if stranger else -1)

    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        handshake(server_context(house.files), client_of(house, leaf))


def test_a48_a_revoked_certificate_ends_the_handshake(house: House) -> None:
    good, revoked = house.authority.issue("SN-1"), house.authority.issue("SN-2")
    crl = house.authority.revocation_list(revoked)
    server = server_context(TlsFiles(house.files.certificates, house.files.client_ca, crl))

    assert handshake(server, client_of(house, good))
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        handshake(server, client_of(house, revoked))


def test_a44_keys_that_are_too_short_are_refused(house: House, tmp_path: Path) -> None:
    short = Authority(tmp_path).issue("localhost", algorithm="rsa", server=True, rsa_bits=1024)

    with pytest.raises(TlsError, match=r"(?i)key too small"):
        server_context(TlsFiles([(short.certificate, short.key)]))


def test_a_key_with_a_password_is_refused_instead_of_asking_for_it(house: House, tmp_path: Path) -> None:
    certificate, key = house.files.certificates[0]
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    pkcs8, secret = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(private.private_bytes(serialization.Encoding.PEM, pkcs8, secret))

    with pytest.raises(TlsError, match=r"locked\.key: the key is encrypted"):
        server_context(TlsFiles([(certificate, locked)]))


async def test_files_that_change_are_read_again_once_nobody_writes_them_any_more(house: House, tmp_path: Path) -> None:
    rsa, ec = house.files.certificates
    files = [Path(shutil.copy(file, tmp_path)) for file in rsa]
    certificates = Certificates(TlsFiles([(files[0], files[1])]))
    first = certificates.context
    watching = asyncio.create_task(certificates.watch(every_s=0.005))

    for source, target in zip(ec, files, strict=True):
        shutil.copy(source, target)
    async with asyncio.timeout(5):
        while certificates.context is first:  # noqa: ASYNC110 - it is the watch that is tested
            await asyncio.sleep(0.005)
    watching.cancel()

    handshake(certificates.context, client_of(house))


def test_a_file_that_is_missing_or_no_pem_is_named(house: House, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("not a certificate")

    with pytest.raises(TlsError, match=r"missing\.pem"):
        server_context(TlsFiles([(tmp_path / "missing.pem", tmp_path / "missing.key")]))
    with pytest.raises(TlsError, match=r"nonsense\.pem"):
        server_context(TlsFiles(house.files.certificates, client_ca=nonsense))


def test_a_key_of_another_certificate_is_named(house: House) -> None:
    one, other = house.files.certificates

    with pytest.raises(TlsError, match=str(other[1].name)):
        server_context(TlsFiles([(one[0], other[1])]))
