"""The short way of a plain upgrade request, against the library's."""

import asyncio
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.protocol import State

from gateway import plain_request, upgrade
from gateway.options import WebSocketOptions
from gateway.plain_request import Asked
from tests.gateway.house import PATIENCE_S, hear, house, until
from tests.gateway.test_cost import calls_in

NAMES = [
    "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
    "Authorization", "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding", "Origin", "X-Any", "no name",
    "",
]  # fmt: skip
VALUES = [
    "websocket", "WebSocket", "upgrade", "Upgrade", "keep-alive, Upgrade", "close", "13", "8",
    "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", "ocpp1.6", "ocpp2.1,  ocpp1.6", "soap, ocpp2.0.1", "ocpp1.6,",
    "a b", "permessage-deflate", "0", "chunked", "Basic Q1AxOng=", " \t padded \t", "caf\xe9", "bell\x07", "",
]  # fmt: skip
PLAIN = [
    ("Host", "localhost"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
]  # fmt: skip
PROTOCOL = ("Sec-WebSocket-Protocol", "ocpp2.0.1, ocpp1.6")

headers = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=3)
targets = st.sampled_from(["GET /ocpp/CP1 HTTP/1.1", "GET /CP%201?a HTTP/1.1", "GET / HTTP/1.0", "PUT / HTTP/1.1"])
left_out = st.sets(st.integers(0, len(PLAIN) - 1), max_size=1)


def written(lines: list[tuple[str, str]], target: str = "GET /ocpp/CP1 HTTP/1.1", space: str = " ") -> bytes:
    """A request with these headers."""
    return "\r\n".join([target, *(f"{name}:{space}{value}" for name, value in lines), "", ""]).encode("latin-1")


def by_the_library(data: bytes) -> tuple[Asked, int, bytes] | None:
    """What the library reads, and what it answers; None if that was no request."""
    protocol = upgrade.protocol(WebSocketOptions())
    protocol.receive_data(data)
    events = protocol.events_received()
    if not events or protocol.state is not State.CONNECTING or protocol.eof_sent:
        return None
    (request,) = events
    assert isinstance(request, Request)
    response = upgrade.answer(protocol, request)
    return upgrade.asked(request), response.status_code, response.serialize()


def undated(answer: bytes) -> bytes:
    return re.sub(rb"Date: [^\r]+", b"Date:", answer)


@given(headers, left_out, targets)
@example([PROTOCOL, ("Authorization", "Basic Q1AxOng=")], set(), "GET /ocpp/CP1 HTTP/1.1")
@example([PROTOCOL, PROTOCOL], set(), "GET /ocpp/CP1 HTTP/1.1")
@example([("Sec-WebSocket-Extensions", "permessage-deflate")], set(), "GET /ocpp/CP1 HTTP/1.1")
def test_what_is_read_the_short_way_is_what_the_library_reads_and_answers(
    more: list[tuple[str, str]], less: set[int], target: str
) -> None:
    data = written([line for place, line in enumerate(PLAIN) if place not in less] + more, target)

    short = plain_request.read(data)

    if short is not None:
        library = by_the_library(data)
        assert library is not None
        assert (short[0], 101, undated(short[1])) == (library[0], library[1], undated(library[2]))


def test_what_charge_points_send_is_plain() -> None:
    password = ("Authorization", "Basic Q1AxOng=")
    keeping = [(name, "keep-alive, Upgrade" if name == "Connection" else value) for name, value in PLAIN]

    assert plain_request.read(written([*PLAIN, PROTOCOL]))
    assert plain_request.read(written([*PLAIN, PROTOCOL, password, ("User-Agent", "EVSE/1.0 (any; thing)")], space=""))
    assert plain_request.read(written([*keeping, PROTOCOL], "GET /ocpp/CP%20001?token=1 HTTP/1.1"))


def test_what_needs_care_is_left_to_the_library() -> None:
    request = written([*PLAIN, PROTOCOL])
    extension, body = ("Sec-WebSocket-Extensions", "permessage-deflate"), ("Content-Length", "5")

    assert plain_request.read(request[:-1]) is None
    assert plain_request.read(request + b"\x81") is None
    assert plain_request.read(request.replace(b"\r\n", b"\n")) is None
    for lines in ([*PLAIN, extension], [*PLAIN, body], [*PLAIN, PLAIN[0]], [*PLAIN, ("X", "a" * 4_096)], PLAIN[1:4]):
        assert plain_request.read(written(lines)) is None


async def test_a_plain_request_never_gets_to_the_library_while_all_is_plain() -> None:
    async with house() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        writer.write(written([*PLAIN, PROTOCOL]))
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.readuntil(b"\r\n\r\n")

        library = here.gateway.sessions["CP1"]._websocket._library
        writer.close()

    assert b" 101 " in answer
    assert library is None


async def test_a_plain_request_that_is_refused_hears_the_reason_and_is_closed() -> None:
    async with house() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        writer.write(written([*PLAIN, PROTOCOL], "GET /ocpp/STRANGER HTTP/1.1"))
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b'No charge point "STRANGER" is registered here.' in answer


async def test_frames_after_a_plain_request_are_the_librarys_where_they_are_not_plain() -> None:
    async with house() as here:
        here.answer_everything()
        socket = await here.connect()
        before = here.gateway.sessions["CP1"]._websocket._library

        pong = await socket.ping()
        async with asyncio.timeout(PATIENCE_S):
            await pong
        await socket.send(['[2,"1","Heart', 'beat",{}]'])
        answer: list[Any] = await hear(socket)
        await socket.close(1000, "enough")

    assert before is None
    assert answer == [3, "1", {}]
    assert socket.close_code == 1000
    assert [event["reason"] for event in here.events("disconnected")] == ["closed"]


async def test_our_pings_and_their_answers_never_get_to_the_library() -> None:
    async with house(ping_interval_s=0.02) as here:
        await here.connect()
        websocket = here.gateway.sessions["CP1"]._websocket
        began = websocket.heard_at

        await until(lambda: websocket.heard_at > began + 0.1)  # by its pongs alone, it says nothing

        assert websocket._library is None
        assert "CP1" in here.gateway.sessions


def test_reading_a_plain_request_takes_few_calls() -> None:
    data = written([*PLAIN, PROTOCOL])
    plain_request.read(data)

    called = calls_in(lambda: plain_request.read(data))

    assert len(called) <= 15, called
