"""RFC 6455: how a connection ends, and how much it carries (sections 7 and 9 of the Autobahn test suite)."""

import struct

import pytest

from tests.conformance.wire import CLOSE, CONT, PING, TEXT, Wire, call, call_of, fragments, frame, wire
from tests.gateway.house import House

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
