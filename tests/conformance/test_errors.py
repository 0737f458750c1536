"""Conformance B.3 over real sockets: which error, under which id, in which version, for what is wrong with a frame."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from ocppj.versions import VERSIONS, Version
from tests.conformance.wire import TEXT, Wire, frame, request, wire
from tests.gateway.house import House, house, until

pytestmark = pytest.mark.parametrize("version", VERSIONS, ids=str)
Codes = tuple[str | None, str | None, str | None]  # in 1.6, 2.0.1 and 2.1; None: silence

HEARTBEAT = b'[2,"ok","Heartbeat",{}]'
LONG = "x" * 37


@pytest_asyncio.fixture
async def peer(here: House, version: Version) -> AsyncIterator[Wire]:
    async with wire(here.gateway.port, request(protocol=version.subprotocol)) as connection:
        yield connection


async def said(peer: Wire, text: bytes) -> list[Any]:
    """What a text is answered with, and that the socket is as good as before."""
    peer.send(frame(TEXT, text), frame(TEXT, HEARTBEAT))
    heard = []
    while (answer := await peer.json())[1] != "ok":
        heard.append(answer)
    return heard


def of(codes: Codes, version: Version) -> str | None:
    return codes[VERSIONS.index(version)]


async def check(peer: Wire, version: Version, text: bytes, message_id: str, codes: Codes) -> None:
    heard = await said(peer, text)

    code = of(codes, version)
    assert [answer[:3] for answer in heard] == ([[4, message_id, code]] if code else [])
    for answer in heard:
        assert len(answer) == 5
        assert isinstance(answer[3], str)
        assert len(answer[3]) <= 255
        assert answer[4] == {}


FORMATION: Codes = ("FormationViolation", "RpcFrameworkError", "RpcFrameworkError")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"hello", b'[2,"1","Heartbeat",{', b"[2,'1','Heartbeat',{}]", b"\xef\xbb\xbf" + HEARTBEAT, b"[" * 5_000,
        b'[2,"1","Heartbeat",{"a":NaN}]', b'[2,"1","Heartbeat",{"a":-Infinity}]', b'[2,"1","Heartbeat",{"a":1e999}]',
        b'[2,"1","Heartbeat",{}]]', b'[2,"\\ud800","Heartbeat",{}]',
    ],
)  # fmt: skip
async def test_e1_b27_b34_what_is_no_json(peer: Wire, version: Version, text: bytes) -> None:
    await check(peer, version, text, "-1", FORMATION)


@pytest.mark.parametrize(
    "text",
    [
        b"{}", b'"text"', b"null", b"2", b"[]", b'["2","1","Heartbeat",{}]', b'[2.0,"1","Heartbeat",{}]',
        b'[true,"1","Heartbeat",{}]', b"[null]", b'[[2],"1","Heartbeat",{}]', b'[99999999999999999999,"1","A",{}]',
    ],
)  # fmt: skip
async def test_e2_what_is_no_array_that_begins_with_an_integer(peer: Wire, version: Version, text: bytes) -> None:
    await check(peer, version, text, "-1", FORMATION)


@pytest.mark.parametrize("text", [b'[2,"1"]', b'[2,"1","Heartbeat"]', b'[2,"1","Heartbeat",{},{}]'])
async def test_e3_a_call_that_has_not_four_elements(peer: Wire, version: Version, text: bytes) -> None:
    await check(peer, version, text, "1", ("ProtocolError", "RpcFrameworkError", "RpcFrameworkError"))


@pytest.mark.parametrize("message_id", [1, "", None, ["1"], {}, True])
async def test_e4_an_id_that_is_no_string_or_empty(peer: Wire, version: Version, message_id: Any) -> None:
    await check(peer, version, orjson.dumps([2, message_id, "Heartbeat", {}]), "-1", FORMATION)


async def test_e4_a_call_without_an_id(peer: Wire, version: Version) -> None:
    await check(peer, version, b"[2]", "-1", FORMATION)


async def test_e5_an_id_longer_than_36_characters(peer: Wire, version: Version) -> None:
    answered_with = LONG if version is VERSIONS[0] else "-1"

    await check(peer, version, orjson.dumps([2, LONG, "Heartbeat", {}]), answered_with, FORMATION)


@pytest.mark.parametrize("message_id", ["1", "x" * 36, "é" * 36, " ", "a/b#+", '"', "\u202e⚡\x00"])
async def test_b02_an_id_of_1_to_36_characters_of_any_kind(peer: Wire, version: Version, message_id: str) -> None:
    heard = await said(peer, orjson.dumps([2, message_id, "Heartbeat", {}]))

    assert heard == [[3, message_id, {}]]


@pytest.mark.parametrize("action", [1, None, ["Heartbeat"], {}])
async def test_e6_an_action_that_is_no_string(peer: Wire, version: Version, action: Any) -> None:
    await check(peer, version, orjson.dumps([2, "1", action, {}]), "1", FORMATION)


@pytest.mark.parametrize("payload", [[], "text", 1, True])
async def test_e7_a_payload_that_is_no_object(peer: Wire, version: Version, payload: Any) -> None:
    codes = ("FormationViolation", "FormatViolation", "FormatViolation")

    await check(peer, version, orjson.dumps([2, "1", "Heartbeat", payload]), "1", codes)


@pytest.mark.parametrize("kind", [0, 1, 7, -2, 2**40])
async def test_e8_an_unknown_message_type(peer: Wire, version: Version, kind: int) -> None:
    codes = (None, "MessageTypeNotSupported", None)

    await check(peer, version, orjson.dumps([kind, "1", "Heartbeat", {}]), "1", codes)


@pytest.mark.parametrize(
    "text",
    [b'[6,"1","NotifyPeriodicEventStream",{}]', b'[5,"1","InternalError","",{}]'],
    ids=["SEND", "CALLRESULTERROR"],
)
async def test_b32_e8_what_only_2_1_has_is_unknown_before(peer: Wire, version: Version, text: bytes) -> None:
    await check(peer, version, text, "1", (None, "MessageTypeNotSupported", None))


@pytest.mark.parametrize(
    "text",
    [
        b'[3,"zzz",{}]', b'[4,"zzz","GenericError","",{}]', b'[3,"zzz"]', b'[3,"zzz",[]]', b'[4,"zzz"]', b"[3]",
        b'[4,1,"GenericError","",{}]', orjson.dumps([3, LONG, {}]),
    ],
)  # fmt: skip
async def test_b10_an_answer_to_nothing_is_never_answered(peer: Wire, version: Version, text: bytes) -> None:
    assert await said(peer, text) == []


async def test_e18_b04_an_id_that_is_being_processed_is_answered_once(version: Version) -> None:
    async with house() as here, wire(here.gateway.port, request(protocol=version.subprotocol)) as peer:
        peer.send(frame(TEXT, b'[2,"1","Heartbeat",{}]') * 2)
        await until(lambda: here.heard("CP1"))
        here.tell("CP1", [3, "1", {}])
        here.tell("CP1", [3, "1", {}])
        assert await peer.json() == [3, "1", {}]
        here.answer_everything()

        assert await said(peer, b'[2,"1","Heartbeat",{}]') == [[3, "1", {}]]
        assert len(here.heard("CP1")) == 3


async def test_e20_b28_a_call_the_cloud_can_not_be_told_is_an_internal_error(version: Version) -> None:
    async with (
        house(call_timeout_s=0.05) as here,
        wire(here.gateway.port, request(protocol=version.subprotocol)) as peer,
    ):
        peer.send(frame(TEXT, b'[2,"1","Heartbeat",{}]'))

        assert (await peer.json())[:3] == [4, "1", "InternalError"]


async def test_b01_text_outside_ascii_arrives_as_it_was_sent(peer: Wire, version: Version, here: House) -> None:
    text = '[2, "1",\t"DataTransfer", {"vendorId": "Zürich ⚡", "data": "\\u00e9\\n"}]'.encode()

    peer.send(frame(TEXT, text))
    await peer.json()

    assert here.broker.payloads("CP1/in") == [text]


async def test_b27_nesting_as_deep_as_a_message_does_no_harm(peer: Wire, version: Version) -> None:
    for deep in (b"[" * 240 + b"]" * 240, b'{"a":' * 240 + b"1" + b"}" * 240):
        heard = await said(peer, b'[2,"1","DataTransfer",{"data":' + deep + b"}]")
        assert [answer[:2] for answer in heard] == [[3, "1"]]
    for deeper in (
        b"[" * 260 + b"]" * 260,
        b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
        b"[" * 500_000,
        b"[" * 500_000 + b"]" * 500_000,
        b'{"a":' * 200_000,
    ):
        heard = await said(peer, b'[2,"1","DataTransfer",{"data":' + deeper + b"}]")
        assert [answer[:2] for answer in heard] == [[4, "-1"]]


async def test_b31_an_answer_that_is_refused_by_the_cloud_is_told_in_2_1_only(
    peer: Wire, version: Version, here: House
) -> None:
    here.tell("CP1", [2, "m1", "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}])
    assert (await peer.json())[1] == "m1"
    peer.send(frame(TEXT, b'[3,"m1",{"status":"Bogus"}]'))
    await until(lambda: [3, "m1", {"status": "Bogus"}] in here.heard("CP1"))

    here.tell("CP1", [5, "m1", "PropertyConstraintViolation", "/status", {}])
    heard = await said(peer, b'[2,"1","Heartbeat",{}]')

    told = [[5, "m1", "PropertyConstraintViolation", "/status", {}]] if version is VERSIONS[2] else []
    assert heard == [*told, [3, "1", {}]]


async def test_b33_twenty_bad_frames_later_all_is_well_over_the_wire(peer: Wire, version: Version) -> None:
    bad = [b"", b"{}", b"[2]", b'[9,"1"]', b"[" * 30, b'[2,"1","A"]', b'[3,"1"]', b"NaN", b'[2,2,"A",{}]', b"\x00"]

    peer.send(*[frame(TEXT, text) for text in bad * 2])

    assert (await said(peer, HEARTBEAT.replace(b"ok", b"1")))[-1] == [3, "1", {}]
