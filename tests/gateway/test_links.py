"""Which link carries a charge point that comes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest_asyncio

from adapters.memory_link import MemoryBroker, MemoryLink
from gateway.links import WEIGHED_S, LinkPool
from tests.gateway.house import until


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[LinkPool]:
    """Three links for ten charge points each, and three charge points on each of them."""
    broker = MemoryBroker()

    def make(_: int, will: tuple[str, bytes] | None, on_state: Callable[[bool], None]) -> MemoryLink:
        return MemoryLink(broker, will=will, on_state=on_state)

    running = LinkPool("g1", make, 10)
    task = asyncio.create_task(running.run(lambda *_: None))
    await until(lambda: running.is_connected)
    places = [running.take(f"CP{number}") for number in range(30)]
    for place in places:
        if int(place.charge_point_id[2:]) % 10 > 2:
            running.give_back(place)
    yield running
    await running.close(0)
    await task


def publish(pool: LinkPool, link: int, frames: int, now: float) -> None:
    pool.links[link].published += frames
    pool.weigh(now)


async def test_a_newcomer_gets_the_link_with_the_lowest_rate(pool: LinkPool) -> None:
    pool.weigh(100.0)
    pool.links[1].published += 700
    pool.links[2].published += 10
    publish(pool, 3, 300, 100.0 + WEIGHED_S)

    assert pool.take("new").number == 2


async def test_those_who_come_together_are_spread_though_no_frame_was_counted_yet(pool: LinkPool) -> None:
    pool.weigh(100.0)
    for link in (1, 2, 3):
        pool.links[link].published += 300
    publish(pool, 2, 1, 100.0 + WEIGHED_S)

    numbers = [pool.take(f"new{number}").number for number in range(12)]

    assert sorted(numbers) == [1] * 4 + [2] * 4 + [3] * 4


async def test_without_any_traffic_the_link_with_the_fewest_is_taken(pool: LinkPool) -> None:
    numbers = [pool.take(f"new{number}").number for number in range(9)]

    assert sorted(numbers) == [1, 1, 1, 2, 2, 2, 3, 3, 3]


async def test_a_rate_is_that_of_the_last_seconds_not_of_all_time(pool: LinkPool) -> None:
    pool.weigh(100.0)
    publish(pool, 1, 9_000, 100.0 + WEIGHED_S)
    pool.links[2].published += 50
    pool.links[3].published += 50
    pool.weigh(100.0 + 1.5 * WEIGHED_S)  # too early
    pool.weigh(100.0 + 2 * WEIGHED_S)

    assert pool.links[1].rate == 0
    assert pool.take("new").number == 1
