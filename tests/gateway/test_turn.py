"""What is written in one turn of the loop."""

import asyncio

from gateway.turn import Turn
from tests.transports import Recorder


async def test_what_is_written_in_one_turn_leaves_at_its_end_in_order() -> None:
    turn, one, other = Turn(asyncio.get_running_loop()), Recorder(), Recorder()

    turn.write(one, b"a")
    turn.write(other, b"b")
    turn.write(one, b"c")
    before = [*one.writes, *other.writes]
    await asyncio.sleep(0)

    assert before == []
    assert (one.writes, other.writes) == ([b"a", b"c"], [b"b"])


async def test_who_left_meanwhile_costs_the_others_nothing() -> None:
    turn, gone, there = Turn(asyncio.get_running_loop()), Recorder(), Recorder()

    turn.write(gone, b"a")
    turn.write(there, b"b")
    gone.abort()
    await asyncio.sleep(0)

    assert (gone.writes, there.writes) == ([], [b"b"])


async def test_what_was_flushed_is_not_written_again() -> None:
    turn, transport = Turn(asyncio.get_running_loop()), Recorder()

    turn.write(transport, b"a")
    turn.flush()
    turn.write(transport, b"b")
    await asyncio.sleep(0)

    assert transport.writes == [b"a", b"b"]
