"""RFC 6455 as seen from a client that writes every byte itself: framing, control frames, fragments, UTF-8.

The sections are those of the Autobahn test suite, which needs Python 2: 1 framing, 2 pings, 3 reserved bits,
4 opcodes, 5 fragmentation, 6 UTF-8 here, 7 closing and 9 limits in `test_websocket_ends`, 12 and 13 compression in
`test_deflate`. Its echo is a cloud that answers with the payload.
"""

from typing import Any

import orjson
import pytest

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
    call_of,
    fragments,
    frame,
    request,
    wire,
)
from tests.gateway.house import House

LENGTHS = [45, 125, 126, 127, 128, 65_535, 65_536, 300_000, 1_048_576]


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
        ({"Sec_WebSocket_Version": "8"}, 426),
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
