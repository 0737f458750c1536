"""What a round trip costs, counted in work: a slip is found on any machine, however busy it is."""

import asyncio
import sys
from collections.abc import Callable
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


def round_trip(here: House, number: int) -> None:
    """Hand over what the transport would, and what the link would."""
    call = b'[2,"%d","Heartbeat",{}]' % number
    websocket = here.gateway.sessions["CP1"]._websocket
    websocket.data_received(b"\x81" + bytes([0x80 | len(call)]) + bytes(4) + call)
    properties = here.broker.messages[-1].properties
    here.links[1].deliver(Message("CP1/out", b'[3,"%d",{}]' % number, properties))


def calls_in(action: Callable[[], object]) -> list[str]:
    """The functions of Python an action calls, all the way down, as far as they are counted."""
    called: list[str] = []

    def profile(frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "").partition(".")[0]
        if event == "call" and module in COUNTED:
            called.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(before)
    return called


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
        loop, made = asyncio.get_running_loop(), list[str]()

        def make(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> "asyncio.Task[Any]":
            made.append(work.__qualname__)
            return asyncio.Task(work, loop=loop, **more)

        loop.set_task_factory(make)
        for number in range(TRIPS):
            round_trip(here, number)
        before = len(recorder.writes)
        here.gateway.turn.flush()
        loop.set_task_factory(None)
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
