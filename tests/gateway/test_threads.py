"""Blocking calls in threads: bounded, with an end to the waiting."""

import asyncio
import threading

from gateway.threads import BusyError, Threads

PATIENCE_S = 5


async def test_a_call_that_nobody_waits_for_any_more_is_not_begun() -> None:
    threads, go, begun = Threads(1, 10, 0.05), threading.Event(), list[int]()

    results = await asyncio.gather(
        threads.call(go.wait), *[threads.call(begun.append, number) for number in range(5)], return_exceptions=True
    )
    go.set()
    await threads.call(lambda: None)  # after all that was begun before
    threads.close()

    assert [type(result) for result in results] == [BusyError] * 6
    assert begun == []


async def test_calls_that_were_given_up_before_they_began_make_room_at_once() -> None:
    threads, go = Threads(1, 2, 0.05), threading.Event()

    given_up = await asyncio.gather(*[threads.call(go.wait) for _ in range(3)], return_exceptions=True)
    asyncio.get_running_loop().call_later(0.01, go.set)
    result = await threads.call(lambda: "room")
    threads.close()

    assert [type(each) for each in given_up] == [BusyError] * 3
    assert result == "room"


async def test_a_call_that_ends_late_is_undone() -> None:
    threads, go, undone = Threads(1, 1, 0.05), threading.Event(), asyncio.Queue[bool]()

    late = await asyncio.gather(threads.call_or_undo(go.wait, undone.put_nowait), return_exceptions=True)
    go.set()
    async with asyncio.timeout(PATIENCE_S):
        result = await undone.get()
    threads.close()

    assert isinstance(late[0], BusyError)
    assert result is True
