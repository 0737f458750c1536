"""Conformance A.1 to A.3 over real sockets, in every version: who gets a 101, and as whom."""

import asyncio
import base64
from collections.abc import AsyncIterator
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio

from domain import credentials
from domain.models import ChargePoint
from ocppj import topics
from ocppj.versions import VERSIONS, Version
from tests.conformance.wire import TEXT, frame, request, wire
from tests.gateway.house import House, hear, house, until

versions = pytest.mark.parametrize("version", VERSIONS, ids=str)
SECRET = bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")  # the example of J16 6.2.2


def basic(user: bytes, password: bytes) -> str:
    return "Basic " + base64.b64encode(user + b":" + password).decode()


def protected(charge_point_id: str, secret: bytes = SECRET) -> ChargePoint:
    return ChargePoint(charge_point_id, password_hash=credentials.hash_generated(secret, b"", b"salt"))


@pytest_asyncio.fixture
async def here() -> AsyncIterator[House]:
    async with house() as running:
        yield running


async def status_of(here: House, asked: bytes) -> tuple[int, str]:
    """The status of the response, and its head."""
    async with wire(here.gateway.port, shake=False) as peer:
        head = await peer.shake(asked)
    return int(head.split(" ")[1]), head


# A.1 URL and identity


@versions
async def test_a03_nothing_in_front_of_the_identity_chooses_the_version(here: House, version: Version) -> None:
    for path in ("/CP1", "/ocpp/CP1", "/ocpp1.6/CP1", "/ocpp/2.0.1/CP1", "//a//b/CP1", "/CP1?version=ocpp1.6"):
        status, head = await status_of(here, request(path, version.subprotocol))

        assert status == 101
        assert f"Sec-WebSocket-Protocol: {version.subprotocol}\r\n" in head


@versions
async def test_a04_an_identity_of_49_characters_or_odd_ones_is_for_1_6_only(version: Version) -> None:
    identities = {"x" * 48: 101, "a*-_=+|@.Z9": 101, "x" * 49: 400, "RDAM 123": 400, "A:B": 400, "Zürich": 400}
    async with house([ChargePoint(topics.escape(identity)) for identity in identities]) as here:
        for identity, status in identities.items():
            asked = request(f"/ocpp/{quote(identity)}", version.subprotocol)

            assert (await status_of(here, asked))[0] == (101 if version is VERSIONS[0] else status), identity


async def test_a06_messages_for_one_never_reach_another_that_looks_alike() -> None:
    identities = ["CP+1", "CPx1", "CP#", "A/B", "A%2FB", "+", "#", "$SYS"]
    paths = ["CP+1", "CPx1", "CP%23", "A%2FB", "A%252FB", "+", "%23", "$SYS"]
    async with house([ChargePoint(topics.escape(identity)) for identity in identities]) as here:
        sockets = [await here.connect(f"/ocpp/{path}") for path in paths]
        for identity in identities:
            here.tell(topics.escape(identity), [2, "m1", "DataTransfer", {"vendorId": identity}])

        heard = [await hear(socket) for socket in sockets]

        assert [command[3]["vendorId"] for command in heard] == identities


@versions
@pytest.mark.parametrize("path", ["/", "/ocpp", "/ocpp/", "/ocpp//", "/?CP1"])
async def test_a08_without_an_identity_it_is_404(here: House, version: Version, path: str) -> None:
    assert (await status_of(here, request(path, version.subprotocol)))[0] == 404


# A.2 Subprotocols


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("ocpp1.6", "ocpp1.6"),
        ("ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp2.1", "ocpp2.1"),
        ("ocpp1.6, ocpp2.0.1", "ocpp1.6"),
        ("ocpp2.0.1, ocpp1.6", "ocpp2.0.1"),
        ("ocpp2.1,ocpp2.0.1,ocpp1.6", "ocpp2.1"),
        ("ocpp0.1, ocpp1.6", "ocpp1.6"),
        ("ocpp2.0, ocpp1.6", "ocpp1.6"),
        ("ocpp1.2, ocpp1.5, ocpp2.0, ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp2.0.1\r\nSec-WebSocket-Protocol: ocpp1.6", "ocpp2.0.1"),
        ("ocpp0.1\r\nSec-WebSocket-Protocol: ocpp1.6, ocpp2.1", "ocpp1.6"),
    ],
)
async def test_a10_a11_a12_a15_a16_exactly_one_offered_version_comes_back(
    here: House, offered: str, chosen: str
) -> None:
    status, head = await status_of(here, request(protocol=offered))

    assert status == 101
    assert head.count("Sec-WebSocket-Protocol") == 1
    assert f"Sec-WebSocket-Protocol: {chosen}\r\n" in head


@pytest.mark.parametrize("offered", ["ocpp0.1", "ocpp2.0", "OCPP1.6", "ocpp1.6.1", "ocpp1.2, ocpp1.5", None])
async def test_a13_a14_a15_without_a_common_version_nothing_is_upgraded(here: House, offered: str | None) -> None:
    status, head = await status_of(here, request(protocol=offered))

    assert status == 400
    assert "Sec-WebSocket-Protocol" not in head
    assert "Sec-WebSocket-Accept" not in head
    assert here.events("connected") == []


async def test_a17_the_same_identity_comes_back_with_another_version(here: House) -> None:
    here.answer_everything()
    for version in (*VERSIONS, VERSIONS[0]):
        socket = await here.connect("/ocpp/CP1", version.subprotocol)
        await socket.send('[2,"1","Heartbeat",{}]')
        assert await hear(socket) == [3, "1", {}]
        await socket.close()

    said = [message.properties["ocpp"] for message in here.broker.messages if message.topic == "CP1/in"]
    assert said == ["ocpp1.6", "ocpp2.0.1", "ocpp2.1", "ocpp1.6"]


# A.3 Admission


@versions
async def test_a20_an_unknown_identity_is_404_without_a_websocket(here: House, version: Version) -> None:
    status, head = await status_of(here, request("/ocpp/NOPE", version.subprotocol))

    assert status == 404
    assert "Sec-WebSocket-Accept" not in head


@versions
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Bearer abc",
        basic(b"CP1", b"wrong"),
        basic(b"CP1", b""),
        basic(b"CP2", SECRET),
        basic(b"CP12", SECRET),
        basic(b"", SECRET),
        basic(b"CP1", SECRET + b"\x00"),
    ],
)
async def test_a21_missing_or_wrong_credentials_are_401_with_a_challenge(
    version: Version, authorization: str | None
) -> None:
    async with house([protected("CP1"), protected("CP2", b"another secret!!")]) as here:
        status, head = await status_of(here, request(protocol=version.subprotocol, Authorization=authorization))

        assert status == 401
        assert 'WWW-Authenticate: Basic realm="' in head
        assert here.events("connected") == []


async def test_a21_after_the_challenge_the_right_credentials_are_a_101() -> None:
    async with house([protected("CP1")]) as here:
        assert (await status_of(here, request()))[0] == 401
        assert (await status_of(here, request(Authorization=basic(b"CP1", SECRET))))[0] == 101


async def test_a07_the_credentials_of_another_are_no_credentials() -> None:
    async with house([protected("CP1"), protected("CP2")]) as here:
        assert (await status_of(here, request("/ocpp/CP2", Authorization=basic(b"CP1", SECRET))))[0] == 401


async def test_a22_a_stranger_never_hears_of_versions() -> None:
    async with house([protected("CP1")]) as here:
        assert (await status_of(here, request(protocol="ocpp0.1", Authorization=basic(b"CP1", b"x"))))[0] == 401
        assert (await status_of(here, request("/ocpp/NOPE", "ocpp0.1")))[0] == 404


async def test_a05_a34_a36_the_example_of_the_specification_may_come_in() -> None:
    colons = b"pass:word:" + bytes(range(10))
    async with house([protected("AL1000"), protected("RDAM:20123"), protected("C", colons)]) as here:
        example = "Basic QUwxMDAwOgABAgMEBQYH////////////////"

        assert (await status_of(here, request("/ocpp/AL1000", Authorization=example)))[0] == 101
        decoded = basic(b"RDAM 123", SECRET)
        assert (await status_of(here, request("/ocpp/RDAM%20123", Authorization=decoded)))[0] == 101
        encoded = basic(b"RDAM%20123", SECRET)
        assert (await status_of(here, request("/ocpp/RDAM%20123", Authorization=encoded)))[0] == 401
        assert (await status_of(here, request("/ocpp/C", Authorization=basic(b"C", colons))))[0] == 101


@versions
async def test_a24_the_newest_connection_wins_in_every_version(here: House, version: Version) -> None:
    old = await here.connect("/ocpp/CP1", VERSIONS[0].subprotocol)
    new = await here.connect("/ocpp/CP1", version.subprotocol)
    here.tell("CP1", [2, "m1", "ClearCache", {}])

    assert (await hear(new))[1] == "m1"
    await old.wait_closed()
    assert old.close_code == 1008
    assert here.events("disconnected") == []


async def test_a25_no_payload_sends_a_message_to_another(here: House) -> None:
    await here.connect("/ocpp/CP2")
    socket = await here.connect("/ocpp/CP1")
    boot = {"chargePointSerialNumber": "CP2", "chargePointModel": "M", "chargePointVendor": "CP2"}

    await socket.send(orjson.dumps([2, "1", "BootNotification", boot]), text=True)
    await until(lambda: here.heard("CP1"))

    assert here.heard("CP2") == []


async def test_a27_pings_alone_keep_a_connection_open() -> None:
    async with house(ping_interval_s=0.02, sweep_s=0.005) as here, wire(here.gateway.port) as peer:
        here.answer_everything()
        for _ in range(15):  # many intervals without a word
            ping = await peer.frame()
            peer.send(frame(0xA, ping.payload))
        peer.send(frame(TEXT, b'[2,"1","Heartbeat",{}]'))

        while (received := await peer.frame()).opcode != TEXT:
            pass
        assert orjson.loads(received.payload) == [3, "1", {}]


async def test_a52_who_sends_anything_is_there_without_pongs_and_heartbeats() -> None:
    async with house(ping_interval_s=0.05, sweep_s=0.005) as here, wire(here.gateway.port) as peer:
        pings = 0
        while pings < 5:
            peer.send(frame(TEXT, b'[2,"m","MeterValues",{}]'))
            async with asyncio.timeout(5):
                pings += (await peer.frame()).opcode == 0x9
            peer.send(frame(TEXT, b"{}"))

        assert here.events("disconnected") == []


async def test_a54_a_herd_gets_in_at_once() -> None:
    rows = [ChargePoint(f"CP{number}") for number in range(200)]
    async with house(rows) as here:
        sockets = await asyncio.gather(*[here.connect(f"/ocpp/{row.charge_point_id}") for row in rows])

        assert len(here.gateway.sessions) == 200
        assert {event["chargePointId"] for event in here.events("connected")} == {row.charge_point_id for row in rows}
        for socket in sockets:
            socket.transport.abort()


async def test_a57_many_identities_of_one_address_are_many_charge_points(here: House) -> None:
    one, two = await here.connect("/ocpp/CP1"), await here.connect("/ocpp/CP2")

    await one.send('[2,"same","Heartbeat",{}]')
    await two.send('[2,"same","Heartbeat",{}]')
    await until(lambda: here.heard("CP1") and here.heard("CP2"))
    here.tell("CP2", [3, "same", {"to": 2}])
    here.tell("CP1", [3, "same", {"to": 1}])

    assert [await hear(one), await hear(two)] == [[3, "same", {"to": 1}], [3, "same", {"to": 2}]]
