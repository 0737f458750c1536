"""TLS, PROXY headers and certificates that change, over real sockets, on both event loops."""

import asyncio
import shutil
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from domain.models import ChargePoint
from gateway.options import WebSocketOptions
from gateway.proxy_protocol import SIGNATURE
from gateway.tls import Certificates, TlsFiles
from tests.certificates import Authority, Leaf
from tests.gateway.house import PATIENCE_S, House, get, hear, house, until
from tests.gateway.loops import on_both_loops

ROWS = [ChargePoint("CP1"), ChargePoint("CP3", serial_number="SN-3")]
PROXY = SIGNATURE + b"\x21\x11\x00\x0c" + ip_address("203.0.113.7").packed * 2 + struct.pack("!HH", 40_000, 443)
REQUEST = (
    b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def pairs(authority: Authority) -> list[tuple[Path, Path]]:
    leaves = [authority.issue("localhost", algorithm=kind, server=True) for kind in ("rsa", "ec")]
    return [(leaf.certificate, leaf.key) for leaf in leaves]


@asynccontextmanager
async def secure(authority: Authority, pairs: list[tuple[Path, Path]], **changes: Any) -> AsyncIterator[House]:
    certificates = Certificates(TlsFiles(pairs, authority.certificate))
    async with house(ROWS, tls=certificates, **changes) as here:
        yield here


def trusting(authority: Authority, leaf: Leaf | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    if leaf is not None:
        context.load_cert_chain(leaf.certificate, leaf.key)
    return context


async def wss(here: House, context: ssl.SSLContext, path: str = "/ocpp/CP1") -> ClientConnection:
    url = f"wss://localhost:{here.gateway.port}{path}"
    return await connect(
        url, ssl=context, host="127.0.0.1", subprotocols=[Subprotocol("ocpp1.6")], proxy=None, ping_interval=None
    )


async def shake_hands(
    port: int, context: ssl.SSLContext, before: bytes = b""
) -> tuple[ssl.SSLObject, ssl.MemoryBIO, asyncio.StreamWriter]:
    """TLS by hand: says what it thinks of the server's certificate, and may say something `before`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(to_client, to_server, server_hostname="localhost")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        try:
            tls.do_handshake()
            return tls, to_server, writer
        except ssl.SSLWantReadError:
            writer.write(before + to_server.read())
            before = b""
            to_client.write(await reader.read(65_536))
        except ssl.SSLCertVerificationError:
            writer.write(to_server.read())
            writer.close()
            raise


async def rejected(here: House, reason: str) -> None:
    """Wait until somebody was turned away for this reason."""
    line = f'ocpp_ws_connection_rejected_total{{reason="{reason}"}} 1.0'
    async with asyncio.timeout(PATIENCE_S):
        while line not in (await get(here.gateway.admin_port, "/metrics"))[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def answer_to(port: int, *segments: bytes) -> bytes:
    """The first bytes a port answers with."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for segment in segments:
            writer.write(segment)
            await asyncio.sleep(0.01)
        try:
            return await reader.read(12)
        except ConnectionResetError:
            return b""
        finally:
            writer.transport.abort()


@on_both_loops
async def test_a30_frames_travel_over_tls(authority: Authority, pairs: list[tuple[Path, Path]]) -> None:
    async with secure(authority, pairs) as here:
        here.answer_everything()
        socket = await wss(here, trusting(authority))

        await socket.send('[2,"h1","Heartbeat",{}]')

        assert await hear(socket) == [3, "h1", {}]


@on_both_loops
@pytest.mark.parametrize(
    ("cipher", "algorithm"), [("AES128-GCM-SHA256", "RSA"), ("ECDHE-ECDSA-AES256-GCM-SHA384", "EC")]
)
async def test_a42_both_certificates_are_presented(
    authority: Authority, pairs: list[tuple[Path, Path]], cipher: str, algorithm: str
) -> None:
    context = trusting(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    async with secure(authority, pairs) as here:
        socket = await wss(here, context)

        assert socket.transport.get_extra_info("cipher")[0] == cipher
        der = socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert der == ssl.PEM_cert_to_DER_cert(pairs[algorithm == "EC"][0].read_text())


@on_both_loops
async def test_a45_the_certificate_is_seen_and_kept_with_the_connection(
    authority: Authority, pairs: list[tuple[Path, Path]]
) -> None:
    async with secure(authority, pairs) as here:
        await wss(here, trusting(authority, authority.issue("SN-3")), "/ocpp/CP3")

        assert here.gateway.sessions["CP3"].connection.certificate_name == "SN-3"


@on_both_loops
@pytest.mark.parametrize("wrong", ["unknown CA", "expired"])
async def test_a45_an_invalid_certificate_ends_in_tls_and_is_told(
    authority: Authority, pairs: list[tuple[Path, Path]], tmp_path: Path, wrong: str
) -> None:
    issuer = Authority(tmp_path, "Stranger CA") if wrong == "unknown CA" else authority
    leaf = issuer.issue("SN-3", days=-1 if wrong == "expired" else 1)
    async with secure(authority, pairs) as here:
        with pytest.raises((OSError, InvalidMessage)):
            await wss(here, trusting(authority, leaf), "/ocpp/CP3")
        await rejected(here, "bad_certificate")
        _, kept = await get(here.gateway.admin_port, "/refusals")

        assert "The client certificate is not valid: " in kept
        assert here.gateway.sessions == {}


@on_both_loops
async def test_plain_http_on_the_tls_port_is_told(authority: Authority, pairs: list[tuple[Path, Path]]) -> None:
    async with secure(authority, pairs) as here:
        await answer_to(here.gateway.port, REQUEST)

        await rejected(here, "no_tls")


@on_both_loops
async def test_a_charge_point_that_does_not_trust_us_is_told(
    authority: Authority, pairs: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    async with secure(authority, pairs) as here:
        with pytest.raises(ssl.SSLCertVerificationError):
            await shake_hands(here.gateway.port, trusting(Authority(tmp_path, "Another CA")))

        await rejected(here, "tls_alert")


@on_both_loops
async def test_who_is_slow_with_tls_is_cut_off(authority: Authority, pairs: list[tuple[Path, Path]]) -> None:
    async with secure(authority, pairs, websocket=WebSocketOptions(handshake_timeout_s=0.1)) as here:
        answer = await answer_to(here.gateway.port, b"\x16\x03\x01")
        await rejected(here, "handshake_timeout")

        assert answer == b""


async def test_who_is_not_through_with_tls_at_the_end_does_not_get_through(
    authority: Authority, pairs: list[tuple[Path, Path]]
) -> None:
    async with secure(authority, pairs) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        await wss(here, trusting(authority))  # who came after it, and is through
    async with asyncio.timeout(PATIENCE_S):
        rest = await reader.read()
    writer.close()

    assert rest == b""


@on_both_loops
async def test_a_plain_port_stays_beside_the_one_with_tls(authority: Authority, pairs: list[tuple[Path, Path]]) -> None:
    async with secure(authority, pairs, plain_port=0) as here:
        answer = await answer_to(here.gateway.plain_port, REQUEST)

        assert answer == b"HTTP/1.1 101"


@on_both_loops
@pytest.mark.parametrize("cuts", [(), (5,), (20,), (len(PROXY),), (5, 20, 60)])
async def test_proxy_header_and_request_may_come_in_any_segments(cuts: tuple[int, ...]) -> None:
    stream = PROXY + REQUEST
    async with house(ROWS, has_proxy=True) as here:
        pieces = [stream[start:end] for start, end in pairwise((0, *cuts, len(stream)))]
        answer = await answer_to(here.gateway.port, *pieces)

        assert answer == b"HTTP/1.1 101"


@on_both_loops
async def test_a49_the_source_is_the_one_the_load_balancer_saw() -> None:
    async with house(ROWS, has_proxy=True) as here:
        await answer_to(here.gateway.port, PROXY + REQUEST.replace(b"CP1", b"CP9"))
        await until(lambda: here.gateway.refusals.of("CP9"))

        assert here.gateway.refusals.of("CP9")[0]["peer"] == "203.0.113.7:40000"


@on_both_loops
async def test_a49_without_the_switch_no_header_names_another_source() -> None:
    forged = b"X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n\r\n"
    async with house(ROWS) as here:
        await answer_to(here.gateway.port, REQUEST.replace(b"CP1", b"CP9").replace(b"\r\n\r\n", b"\r\n" + forged))
        answer = await answer_to(here.gateway.port, PROXY + REQUEST)
        await until(lambda: here.gateway.refusals.of("CP9"))

        assert here.gateway.refusals.of("CP9")[0]["peer"].startswith("127.0.0.1:")
        assert not answer.startswith(b"HTTP/1.1 101")


@on_both_loops
async def test_proxy_header_and_client_hello_in_one_segment(
    authority: Authority, pairs: list[tuple[Path, Path]]
) -> None:
    async with secure(authority, pairs, has_proxy=True) as here, asyncio.timeout(PATIENCE_S):
        tls, to_server, writer = await shake_hands(here.gateway.port, trusting(authority), before=PROXY)
        tls.write(REQUEST)
        writer.write(to_server.read())
        await until(lambda: here.gateway.sessions)
        writer.transport.abort()

        assert tls.version() == "TLSv1.3"


@on_both_loops
@pytest.mark.parametrize("start", [REQUEST, PROXY[:20], b"\x16\x03\x01\x02"])
async def test_without_a_proxy_header_nobody_comes_in(start: bytes) -> None:
    async with house(ROWS, has_proxy=True, websocket=WebSocketOptions(handshake_timeout_s=0.1)) as here:
        answer = await answer_to(here.gateway.port, start)

        await rejected(here, "no_proxy_header" if start == REQUEST else "handshake_timeout")
        assert answer == b""


@on_both_loops
async def test_a_load_balancer_that_looks_in_is_nobodys_refusal() -> None:
    async with house(ROWS, has_proxy=True) as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        writer.close()
        await answer_to(here.gateway.port, PROXY + REQUEST)
        _, metrics = await get(here.gateway.admin_port, "/metrics")

        assert "connection_rejected_total{" not in metrics


@on_both_loops
async def test_new_certificates_serve_new_connections_and_old_ones_stay(
    authority: Authority, pairs: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    later = Authority(tmp_path, "Later CA")
    new = later.issue("localhost", server=True)
    files = [Path(shutil.copy(file, tmp_path)) for file in pairs[1]]
    async with secure(authority, [(files[0], files[1])]) as here:
        here.answer_everything()
        old = await wss(here, trusting(authority))
        shutil.copy(new.certificate, files[0])
        shutil.copy(new.key, files[1])

        here.gateway.reload_certificates()

        socket = await wss(here, trusting(later), "/ocpp/CP3")
        for each in (old, socket):
            await each.send('[2,"h1","Heartbeat",{}]')
            assert await hear(each) == [3, "h1", {}]
        with pytest.raises(ssl.SSLCertVerificationError):
            await wss(here, trusting(authority))


@on_both_loops
async def test_bad_new_certificates_leave_the_old_ones(
    authority: Authority, pairs: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    files = [Path(shutil.copy(file, tmp_path)) for file in pairs[1]]
    async with secure(authority, [(files[0], files[1])]) as here:
        shutil.copy(pairs[0][0], files[0])  # another certificate, not yet its key

        here.gateway.reload_certificates()

        socket = await wss(here, trusting(authority))
        assert socket.subprotocol == "ocpp1.6"


@on_both_loops
async def test_a48_a_new_revocation_list_counts_for_new_connections(
    authority: Authority, pairs: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    leaf = authority.issue("SN-3")
    crl = Path(shutil.copy(authority.revocation_list(), tmp_path))
    certificates = Certificates(TlsFiles(pairs, authority.certificate, crl))
    async with house(ROWS, tls=certificates) as here:
        first = await wss(here, trusting(authority, leaf), "/ocpp/CP3")
        shutil.copy(authority.revocation_list(leaf), crl)

        here.gateway.reload_certificates()

        with pytest.raises((OSError, InvalidMessage)):
            await wss(here, trusting(authority, leaf), "/ocpp/CP3")
        await rejected(here, "bad_certificate")
        await first.ping()
        assert "CP3" in here.gateway.sessions  # who is connected stays


@on_both_loops
async def test_a20_refusals_are_read_over_tls(authority: Authority, pairs: list[tuple[Path, Path]]) -> None:
    async with secure(authority, pairs) as here:
        with pytest.raises(InvalidStatus) as refused:
            await wss(here, trusting(authority), "/ocpp/NOPE")

        assert refused.value.response.status_code == 404
        assert b'"NOPE"' in refused.value.response.body
