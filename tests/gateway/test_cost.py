"""What a round trip costs, counted in work: a slip is found on any machine, however busy it is."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from domain.ports import Message
from tests.gateway.house import House, hear, house
from tests.transports import Recorder

TRIPS = 50

COUNTED = {"gateway", "ocppj", "websockets"}  # whose functions
# Functions called for a CALL on its way in and its answer on its way out: 22 when this was written, 57 with every
# frame through the library and `decode`.
MOST_CALLS = 24
# Blocks of memory that stay: what the broker in memory remembers of both messages.
MOST_BLOCKS = 16


# Functions called from the request to the 101: 127 when this was written, 241 with the request read and answered by
# the library.
MOST_HANDSHAKE_CALLS = 130
REQUEST = (
    b"GET %b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


def round_trip(here: House, number: int) -> None:
    """Hand over what the transport would, and what the link would."""
    call = b'[2,"%d","Heartbeat",{}]' % number
    websocket = here.gateway.sessions["CP1"]._websocket
    websocket.data_received(b"\x81" + bytes([0x80 | len(call)]) + bytes(4) + call)
    properties = here.broker.messages[-1].properties
    here.links[1].deliver(Message("CP1/out", b'[3,"%d",{}]' % number, properties))


@contextmanager
def counted() -> Iterator[list[str]]:
    """The functions of Python called meanwhile, as far as they are counted."""
    called: list[str] = []

    def profile(frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "").partition(".")[0]
        if event == "call" and module in COUNTED:
            called.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield called
    finally:
        sys.setprofile(before)


def calls_in(action: Callable[[], object]) -> list[str]:
    """The functions of Python an action calls, all the way down, as far as they are counted."""
    with counted() as called:
        action()
    return called


@contextmanager
def tasks_made() -> Iterator[list[str]]:
    """What tasks are made of meanwhile."""
    made: list[str] = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> "asyncio.Task[Any]":
        made.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **more)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(make)
    try:
        yield made
    finally:
        loop.set_task_factory(None)


async def test_a_round_trip_calls_few_functions() -> None:
    async with house() as here:
        socket = await here.connect()
        round_trip(here, 0)

        called = calls_in(lambda: round_trip(here, 1))

        assert [await hear(socket), await hear(socket)] == [[3, "0", {}], [3, "1", {}]]
        assert len(called) <= MOST_CALLS, called


async def test_a_round_trip_leaves_little_behind() -> None:
    async with house(flush_s=0.1) as here:
        await here.connect()
        round_trip(here, 0)
        before = sys.getallocatedblocks()

        for number in range(1, TRIPS + 1):
            round_trip(here, number)

        assert (sys.getallocatedblocks() - before) / TRIPS <= MOST_BLOCKS


async def test_a_plain_frame_never_gets_to_the_library() -> None:
    async with house() as here:
        await here.connect()

        called = calls_in(lambda: round_trip(here, 1))

        assert not [name for name in called if "receive_data" in name or "send_text" in name or "decode" in name]


async def test_answers_of_one_turn_are_one_write_each_and_no_task() -> None:
    async with house() as here:
        await here.connect()
        websocket, recorder = here.gateway.sessions["CP1"]._websocket, Recorder()
        transport, websocket._transport = websocket._transport, recorder
        with tasks_made() as made:
            for number in range(TRIPS):
                round_trip(here, number)
            before = len(recorder.writes)
            here.gateway.turn.flush()
        websocket._transport = transport

        assert made == []
        assert before == 0
        assert len(recorder.writes) == TRIPS


async def test_who_waits_for_nothing_is_never_looked_at_and_who_talks_only_once_in_a_while() -> None:
    async with house(sweep_s=3_600.0, flush_s=0.1) as here:
        await here.connect()
        before = len(here.gateway._wheel)
        for number in range(TRIPS):
            round_trip(here, number)

        assert before == 0
        assert len(here.gateway._wheel) == 1


async def test_a_handshake_calls_few_functions_and_makes_one_task() -> None:
    async with house(sweep_s=3_600.0) as here:
        for path in (b"/CP2", b"/CP1"):
            reader, writer = await asyncio.open_connection("127.0.0.1", here.gateway.port)
            with tasks_made() as made, counted() as called:
                writer.write(REQUEST % path)
                answer = await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()

        assert b" 101 " in answer
        assert made == ["Reception.receive"]
        assert len(called) <= MOST_HANDSHAKE_CALLS, called
