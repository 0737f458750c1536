"""The timers of a whole fleet: who wants to be woken when. One heap, no clock of its own."""

from collections.abc import Iterator
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Protocol


class Sleeper(Protocol):
    """Who is woken; `wakes_at` is the wheel's to write."""

    wakes_at: datetime | None


class Wheel:
    """Keeps the earliest wish of everybody.

    A wish that is no longer true is not taken back: the sleeper wakes up for nothing, now and then, which costs
    less than tidying up after each answer that came in time.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Sleeper]] = []
        self._order = count()

    def wish(self, sleeper: Sleeper, at: datetime | None) -> None:
        """Wake it at that time, unless it is woken earlier anyway."""
        if at is not None and (sleeper.wakes_at is None or at < sleeper.wakes_at):
            sleeper.wakes_at = at
            heappush(self._heap, (at, next(self._order), sleeper))

    def due(self, now: datetime) -> Iterator[Sleeper]:
        """Everybody whose time has come; each has to wish again."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, sleeper = heappop(heap)
            if sleeper.wakes_at == at:
                sleeper.wakes_at = None
                yield sleeper
