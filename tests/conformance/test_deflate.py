"""RFC 7692, permessage-deflate: what is negotiated, what is understood, and what a bomb costs (A-50)."""

import re
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from gateway.options import WebSocketOptions
from tests.conformance.wire import (
    CONT,
    PING,
    PONG,
    TEXT,
    Received,
    Wire,
    answer,
    call,
    deflated,
    frame,
    request,
    wire,
)
from tests.gateway.house import House, house

OFFER = "permessage-deflate; client_max_window_bits"
MEBIBYTE = 1_048_576


@pytest_asyncio.fixture
async def peer(here: House) -> AsyncIterator[Wire]:
    """A connection that may compress."""
    async with wire(here.gateway.port, request(Sec_WebSocket_Extensions=OFFER)) as connection:
        yield connection


def extension(head: str) -> str | None:
    line = re.search(r"Sec-WebSocket-Extensions: (.*)\r\n", head)
    return line[1] if line else None


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        OFFER,
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12",
        "permessage-deflate; server_max_window_bits=9",
        "permessage-deflate; client_max_window_bits=8",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-deflate; unknown=1, permessage-deflate",
    ],
)
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_a50_every_usual_offer_is_accepted_and_spoken(here: House, offer: str, version: str) -> None:
    asked = request(protocol=version, Sec_WebSocket_Extensions=offer)
    async with wire(here.gateway.port, shake=False) as peer:
        head = await peer.shake(asked)
        peer.send(frame(TEXT, deflated(call(text="squeeze " * 50), 9), rsv=4))

        assert (extension(head) or "").startswith("permessage-deflate")
        assert await peer.json() == answer(text="squeeze " * 50)


@pytest.mark.parametrize(
    "offer",
    [
        None,
        "x-webkit-deflate-frame",
        "permessage-deflate; unknown=1",
        "permessage-deflate; server_max_window_bits=8",  # zlib can't
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_no_context_takeover=1",
    ],
)
async def test_a50_without_an_offer_we_can_take_it_goes_without(here: House, offer: str | None) -> None:
    async with wire(here.gateway.port, shake=False) as peer:
        head = await peer.shake(request(Sec_WebSocket_Extensions=offer))
        peer.send(frame(TEXT, call()))

        assert extension(head) is None
        assert await peer.json() == answer()


async def test_a50_the_switch_turns_it_off() -> None:
    async with house(websocket=WebSocketOptions(deflate=False)) as here, wire(here.gateway.port, shake=False) as peer:
        assert extension(await peer.shake(request(Sec_WebSocket_Extensions=OFFER))) is None


async def test_a50_compressed_and_plain_messages_take_turns(peer: Wire) -> None:
    peer.send(frame(TEXT, call("1")), frame(TEXT, deflated(call("2"), 9), rsv=4), frame(TEXT, call("3")))

    assert [await peer.json() for _ in range(3)] == [answer("1"), answer("2"), answer("3")]


async def test_a50_the_context_is_taken_over(peer: Wire) -> None:
    compressor = zlib.compressobj(wbits=-9)

    for number in ("1", "2"):
        raw = compressor.compress(call(number, text="the same again")) + compressor.flush(zlib.Z_SYNC_FLUSH)
        peer.send(frame(TEXT, raw[:-4], rsv=4))

    assert [await peer.json() for _ in range(2)] == [answer(number, "the same again") for number in ("1", "2")]


async def test_a50_a_compressed_message_may_come_in_fragments(peer: Wire) -> None:
    raw = deflated(call(text="fragments " * 20), 9)

    peer.send(
        frame(TEXT, raw[:7], rsv=4, fin=False), frame(PING, b"meanwhile"), frame(CONT, raw[7:8], fin=False),
        frame(CONT, raw[8:]),
    )  # fmt: skip

    assert await peer.frame() == Received(PONG, b"meanwhile")
    assert await peer.json() == answer(text="fragments " * 20)


async def test_a50_an_answer_that_is_compressed_inflates(peer: Wire) -> None:
    peer.send(frame(TEXT, call(text="long enough to be worth it " * 20)))

    received = await peer.frame()

    assert received.rsv == 4
    assert len(received.payload) < len(peer.inflated(received.payload))


@pytest.mark.parametrize(
    "wrong",
    [
        frame(PING, b"", rsv=4),
        frame(TEXT, b"x", fin=False) + frame(CONT, b"x", rsv=4),
        frame(TEXT, b"x", rsv=2),
        frame(TEXT, b"x", rsv=1),
        frame(TEXT, b"\xff\xff\xff\xff", rsv=4),
    ],
    ids=["ping", "continuation", "rsv2", "rsv3", "no deflate"],
)
async def test_a50_a_wrong_use_of_compression_closes(peer: Wire, wrong: bytes) -> None:
    peer.send(wrong)

    assert await peer.closed() in (1002, 1007)


async def test_a50_compressed_text_that_is_no_utf8_is_1007(peer: Wire) -> None:
    peer.send(frame(TEXT, deflated(b'"\xff"', 9), rsv=4))

    assert await peer.closed() == 1007


def bomb(size: int = 100 * MEBIBYTE) -> bytes:
    compressor = zlib.compressobj(9, wbits=-15)
    chunk = bytes(MEBIBYTE)
    return b"".join(compressor.compress(chunk) for _ in range(size // MEBIBYTE)) + compressor.flush(zlib.Z_SYNC_FLUSH)


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """The most memory Python had at once since the test began, in bytes."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.fixture(scope="module")
def charge() -> bytes:
    return bomb()


@pytest.mark.parametrize("count", [1, 4])
async def test_a50_e21_a_bomb_of_100_mib_is_1009_without_the_memory(
    here: House, charge: bytes, peak: Callable[[], int], count: int
) -> None:
    step = len(charge) // count + 1
    parts = [charge[at : at + step] for at in range(0, len(charge), step)]
    async with wire(here.gateway.port, request(Sec_WebSocket_Extensions="permessage-deflate")) as peer:
        for number, part in enumerate(parts):
            first, is_last = number == 0, number == count - 1
            peer.send(frame(TEXT if first else CONT, part, rsv=4 if first else 0, fin=is_last))
        code = await peer.closed()

    assert len(charge) < 110_000
    assert code == 1009
    assert peak() < 8 * MEBIBYTE
