"""RFC 6455 as seen from a client that writes every byte itself: framing, control frames, fragments, UTF-8, closing.

The sections are those of the Autobahn test suite, which needs Python 2: 1 framing, 2 pings, 3 reserved bits,
4 opcodes, 5 fragmentation, 6 UTF-8, 7 closing, 9 limits. Its echo is a cloud that answers with the payload.
"""

import struct
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.conformance.wire import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Received,
    Wire,
    answer,
    call,
    fragments,
    frame,
    request,
    wire,
)
from tests.gateway.house import House, house

LENGTHS = [45, 125, 126, 127, 128, 65_535, 65_536, 300_000, 1_048_576]


@pytest_asyncio.fixture
async def here() -> AsyncIterator[House]:
    async with house() as running:
        running.answer_everything()
        yield running


@pytest_asyncio.fixture
async def peer(here: House) -> AsyncIterator[Wire]:
    """A connection without extensions."""
    async with wire(here.gateway.port) as connection:
        yield connection


def call_of(size: int) -> bytes:
    return call(text="x" * (size - len(call())))


# 1. Framing


@pytest.mark.parametrize("size", LENGTHS)
async def test_a55_a_text_of_any_length_is_answered(peer: Wire, size: int) -> None:
    peer.send(frame(TEXT, call_of(size)))

    assert len(orjson.dumps((await peer.json())[2]["text"])) == size - len(call()) + 2


@pytest.mark.parametrize("width", [2, 8])
async def test_a55_a_length_in_16_or_64_bits_is_read(peer: Wire, width: int) -> None:
    peer.send(frame(TEXT, call(), width=width))

    assert await peer.json() == answer()


async def test_a55_a_frame_that_comes_byte_by_byte_is_answered(peer: Wire) -> None:
    await peer.trickle(frame(TEXT, call(text="x" * 200)))

    assert await peer.json() == answer(text="x" * 200)


async def test_a55_an_empty_text_is_no_ocpp_and_no_reason_to_close(peer: Wire) -> None:
    peer.send(frame(TEXT), frame(TEXT, call()))

    assert (await peer.json())[:3] == [4, "-1", "FormationViolation"]
    assert await peer.json() == answer()


@pytest.mark.parametrize("payload", [b"", b"\x00\xff", call()])
async def test_a55_binary_is_1003_whatever_is_in_it(peer: Wire, payload: bytes) -> None:
    peer.send(frame(BINARY, payload))

    assert await peer.closed() == 1003


@pytest.mark.parametrize("opcode", [TEXT, PING, PONG, CLOSE])
async def test_a55_a_frame_that_is_not_masked_is_1002(peer: Wire, opcode: int) -> None:
    peer.send(frame(opcode, b"\x03\xe8", mask=None))

    assert await peer.closed() == 1002


async def test_a55_a_mask_of_zeros_is_a_mask(peer: Wire) -> None:
    peer.send(frame(TEXT, call(), mask=bytes(4)))

    assert await peer.json() == answer()


# 2. Pings


@pytest.mark.parametrize("payload", [b"", b"hello", b"\x00\xff\xfe", bytes(125)])
async def test_a51_a_ping_comes_back_as_a_pong_with_its_payload(peer: Wire, payload: bytes) -> None:
    peer.send(frame(PING, payload))

    assert await peer.frame() == Received(PONG, payload)


async def test_a51_a_ping_in_pieces_is_a_ping(peer: Wire) -> None:
    await peer.trickle(frame(PING, b"p" * 125))

    assert await peer.frame() == Received(PONG, b"p" * 125)


async def test_a51_ten_pings_are_ten_pongs_in_order(peer: Wire) -> None:
    peer.send(*[frame(PING, bytes([number])) for number in range(10)])

    assert [(await peer.frame()).payload for _ in range(10)] == [bytes([number]) for number in range(10)]


async def test_a51_a_pong_nobody_asked_for_is_ignored(peer: Wire) -> None:
    peer.send(frame(PONG), frame(PONG, b"payload"), frame(PING, b"after"))

    assert await peer.frame() == Received(PONG, b"after")


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a55_a_control_frame_of_126_bytes_is_1002(peer: Wire, opcode: int) -> None:
    peer.send(frame(opcode, b"\x03\xe8" + b"x" * 124))

    assert await peer.closed() == 1002


# 3. Reserved bits, 4. opcodes


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, PING])
async def test_a55_reserved_bits_are_1002(peer: Wire, rsv: int, opcode: int) -> None:
    peer.send(frame(TEXT, call()), frame(opcode, b"x", rsv=rsv))

    first = await peer.frame()
    if first.opcode == CLOSE:  # it may fail before the answer is back from the cloud
        assert first.close_code == 1002
    else:
        assert await peer.closed() == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"x"])
async def test_a55_reserved_opcodes_are_1002(peer: Wire, opcode: int, payload: bytes) -> None:
    peer.send(frame(opcode, payload))

    assert await peer.closed() == 1002


# 5. Fragmentation


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a55_a_fragmented_control_frame_is_1002(peer: Wire, opcode: int) -> None:
    peer.send(frame(opcode, b"\x03\xe8", fin=False))

    assert await peer.closed() == 1002


@pytest.mark.parametrize("size", [1, 3, 20])
async def test_a55_a_text_in_fragments_of_any_size_is_put_together(peer: Wire, size: int) -> None:
    text = call(text="Zürich ⚡")

    peer.send(fragments(text[at : at + size] for at in range(0, len(text), size)))

    assert await peer.json() == answer(text="Zürich ⚡")


async def test_a55_empty_fragments_are_fragments(peer: Wire) -> None:
    peer.send(fragments([b"", b"", call(), b""]))

    assert await peer.json() == answer()


async def test_a55_control_frames_between_fragments_are_served_at_once(peer: Wire) -> None:
    text = call()

    peer.send(fragments([text[:5], text[5:9], text[9:]], between=frame(PING, b"now") + frame(PONG, b"what")))

    assert [await peer.frame(), await peer.frame()] == [Received(PONG, b"now")] * 2
    assert await peer.json() == answer()


@pytest.mark.parametrize("fin", [True, False])
async def test_a55_a_continuation_of_nothing_is_1002(peer: Wire, fin: bool) -> None:
    peer.send(frame(CONT, b"x", fin=fin))

    assert await peer.closed() == 1002


async def test_a55_a_continuation_after_the_end_is_1002(peer: Wire) -> None:
    text = call()

    peer.send(fragments([text[:5], text[5:]]))
    assert await peer.json() == answer()
    peer.send(frame(CONT, b"x"))

    assert await peer.closed() == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a55_a_message_inside_another_is_1002(peer: Wire, opcode: int) -> None:
    peer.send(frame(TEXT, b"[2,", fin=False), frame(opcode, b"x"))

    assert await peer.closed() == 1002


# 6. UTF-8

VALID = ["κόσμε", "\x7f\u0080\u07ff\u0800", "\ud7ff\ue000\ufffd\ufffe\uffff", "\U00010000\U0010ffff", "\ufdd0"]
INVALID = [
    b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x80\xaf",
    b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xce", b"\xe2\x82",
    b"\xf0\x9f\x92",
]  # fmt: skip


@pytest.mark.parametrize("text", VALID)
async def test_a55_every_code_point_passes(peer: Wire, text: str) -> None:
    peer.send(frame(TEXT, call(text=text)))

    assert await peer.json() == answer(text=text)


@pytest.mark.parametrize("text", VALID)
async def test_a55_a_code_point_may_be_cut_by_fragments(peer: Wire, text: str) -> None:
    raw = call(text=text)

    peer.send(fragments(raw[at : at + 1] for at in range(len(raw))))

    assert await peer.json() == answer(text=text)


@pytest.mark.parametrize("wrong", INVALID)
@pytest.mark.parametrize("cut", [0, 1])
async def test_a55_what_is_no_utf8_is_1007(peer: Wire, wrong: bytes, cut: int) -> None:
    before, after = b'[2,"1","Heartbeat",{"text":"', b'"}]'

    peer.send(fragments([before + wrong[:cut], wrong[cut:] + after] if cut else [before + wrong + after]))

    assert await peer.closed() == 1007


async def test_a55_a_text_that_ends_inside_a_code_point_is_1007(peer: Wire) -> None:
    peer.send(frame(TEXT, b'"\xe2\x82'))

    assert await peer.closed() == 1007


# 7. Closing


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
)
async def test_a55_a_close_is_answered_with_its_code(peer: Wire, code: int) -> None:
    peer.send(frame(CLOSE, struct.pack("!H", code) + b"bye"))

    assert (await peer.frame()).close_code == code
    assert await peer.rest() == b""


async def test_a55_a_close_without_a_code_is_answered(peer: Wire) -> None:
    peer.send(frame(CLOSE))

    assert (await peer.frame()).opcode == CLOSE
    assert await peer.rest() == b""


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
async def test_a55_a_close_with_a_code_that_is_none_is_1002(peer: Wire, code: int) -> None:
    peer.send(frame(CLOSE, struct.pack("!H", code)))

    assert await peer.closed() == 1002


async def test_a55_a_close_of_one_byte_is_1002(peer: Wire) -> None:
    peer.send(frame(CLOSE, b"\x03"))

    assert await peer.closed() == 1002


async def test_a55_a_close_with_a_reason_that_is_no_utf8_is_1007(peer: Wire) -> None:
    peer.send(frame(CLOSE, b"\x03\xe8\xce\xba\xff"))

    assert await peer.closed() == 1007


async def test_a55_a_close_with_the_longest_reason_is_answered(peer: Wire) -> None:
    peer.send(frame(CLOSE, b"\x03\xe8" + b"r" * 123))

    assert await peer.closed() == 1000


async def test_a55_what_comes_after_a_close_is_not_looked_at(peer: Wire, here: House) -> None:
    peer.send(frame(CLOSE, b"\x03\xe8"), frame(TEXT, call()), frame(PING), frame(CLOSE))

    assert (await peer.frame()).close_code == 1000
    assert await peer.rest() == b""
    assert here.heard("CP1") == []


async def test_a55_what_came_before_a_wrong_frame_counts(peer: Wire, here: House) -> None:
    peer.send(frame(TEXT, call("1")), frame(CONT, b"x"))

    assert await peer.closed() == 1002
    assert here.heard("CP1")[0][:2] == [2, "1"]


async def test_a55_an_end_of_the_connection_without_a_close_is_an_end(peer: Wire, here: House) -> None:
    peer.send(frame(TEXT, b"[2,", fin=False))
    peer.half_close()

    assert await peer.rest() in (b"", frame(CLOSE, b"\x03\xee", mask=None))
    assert here.gateway.sessions == {}


# 9. Limits


async def test_b26_e21_a_frame_too_large_is_1009_before_it_has_come(peer: Wire) -> None:
    whole = frame(TEXT, b"x" * 1_048_577)

    peer.send(whole[:14])

    assert await peer.closed() == 1009


@pytest.mark.parametrize("size", [2**32, 2**63 - 1, 2**63, 2**64 - 1])
async def test_b26_e21_a_length_no_memory_has_is_refused(peer: Wire, size: int) -> None:
    peer.send(b"\x81\xff" + size.to_bytes(8, "big") + b"mask")

    assert await peer.closed() in (1002, 1009)


async def test_b26_e21_fragments_that_grow_too_large_are_1009(peer: Wire) -> None:
    peer.send(frame(TEXT, b"[" * 1_000_000, fin=False), frame(CONT, b"[" * 48_577, fin=False))

    assert await peer.closed() == 1009


async def test_b26_a_message_of_a_thousand_fragments_is_a_message(peer: Wire) -> None:
    raw = call_of(100_000)

    peer.send(fragments(raw[at : at + 100] for at in range(0, len(raw), 100)))

    assert (await peer.json())[0] == 3


async def test_b07_a_thousand_frames_in_one_segment_are_a_thousand_answers(here: House) -> None:
    async with wire(here.gateway.port) as peer:
        for start in range(0, 1_000, 250):
            peer.send(*[frame(TEXT, call(str(number))) for number in range(start, start + 250)])
            answers = [await peer.json() for _ in range(250)]

            assert [frame[1] for frame in answers] == [str(number) for number in range(start, start + 250)]


# The handshake


async def test_a55_the_101_accepts_the_key(here: House) -> None:
    async with wire(here.gateway.port, shake=False) as peer:
        head = await peer.shake()

        assert head.startswith("HTTP/1.1 101 ")
        assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
        assert "Sec-WebSocket-Protocol: ocpp1.6\r\n" in head
        assert "Sec-WebSocket-Extensions" not in head


async def test_a55_a_handshake_that_comes_byte_by_byte_is_answered(here: House) -> None:
    async with wire(here.gateway.port, shake=False) as peer:
        await peer.trickle(request())

        assert (await peer.head()).startswith("HTTP/1.1 101 ")


@pytest.mark.parametrize("early", [frame(TEXT, call()), frame(TEXT, call()) + frame(TEXT, call("2"))])
async def test_a55_frames_right_behind_the_request_are_answered(here: House, early: bytes) -> None:
    async with wire(here.gateway.port, request() + early) as peer:
        assert await peer.json() == answer()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Version": None}, 400),
        ({"Sec_WebSocket_Version": "8"}, 400),
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": "close"}, 426),
    ],
)
async def test_a55_a_request_that_is_no_websocket_of_ours_is_told_so(
    here: House, headers: dict[str, Any], status: int
) -> None:
    async with wire(here.gateway.port, shake=False) as peer:
        head = await peer.shake(request(**headers))

        assert int(head.split(" ")[1]) == status
        assert "Sec-WebSocket-Version: 13\r\n" in head
        assert (await peer.rest()).strip()
