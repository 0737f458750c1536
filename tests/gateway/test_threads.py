"""Blocking calls in threads: bounded, with an end to the waiting."""

import asyncio
import threading

from adapters.memory import MemoryRegistry
from domain.models import ChargePoint
from gateway.threads import BusyError, Threads
from tests.gateway.house import get, house, until

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


class HeldRegistry(MemoryRegistry):
    """Reads a row only when it is let go."""

    def __init__(self, *charge_point_ids: str) -> None:
        super().__init__(map(ChargePoint, charge_point_ids))
        self.asked: list[str] = []
        self.let_go = {charge_point_id: threading.Event() for charge_point_id in charge_point_ids}

    def find(self, charge_point_id: str) -> ChargePoint | None:
        """The row, as late as it may be."""
        self.asked.append(charge_point_id)
        self.let_go[charge_point_id].wait(PATIENCE_S)
        return super().find(charge_point_id)


async def test_who_was_found_does_not_wait_for_others_to_be_found() -> None:
    registry = HeldRegistry("CP1", "CP2")
    async with house(admissions=registry, registry_workers=1) as here:
        first = asyncio.create_task(here.connect("/CP1"))
        await until(lambda: registry.asked == ["CP1"])
        second = asyncio.create_task(here.connect("/CP2"))
        await get(here.gateway.port, "/")  # so the second has been looked at, too
        registry.let_go["CP1"].set()
        await until(lambda: registry.asked == ["CP1", "CP2"])

        async with asyncio.timeout(PATIENCE_S / 2):
            socket = await first

        registry.let_go["CP2"].set()
        for each in (socket, await second):
            await each.close()
