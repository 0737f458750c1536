"""Closing many sockets: not all in the same second, and none that somebody waits for an answer on."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from math import ceil, inf
from typing import Any, Protocol

from websockets.frames import CloseCode

TICK_S = 0.05
LOOKED_AT = 1_000  # how many busy ones are looked at per tick to find one to close

# Of the time there is to close everything, this part is for closing at an even pace, the rest for busy ones.
_EVEN = 0.8

Start = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Closable(Protocol):
    """Something with an end."""

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited, in either direction."""

    def end(self, code: int, why: str) -> None:
        """End it; ending it twice is ending it once."""


async def close_paced(
    sessions: Sequence[Closable],
    over_s: float,
    code: int,
    why: str,
    *,
    patience_s: float = 0.0,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Close them evenly over this time; busy ones as soon as they are not, and those left `patience_s` after it.

    Stops when `is_over` says that there is no need any more.
    """
    now = asyncio.get_running_loop().time
    waiting, began = deque(sessions), now()
    hurry_at = began + over_s + patience_s
    each_s = over_s / max(1, len(sessions))
    a_tick = TICK_S / each_s if each_s else inf  # how many at a time: what a busy one has missed is not made up for
    while waiting and not is_over():
        closed, is_late = len(sessions) - len(waiting), now() >= hurry_at
        due = ceil((now() - began + TICK_S) / each_s) - closed if each_s else len(waiting)
        most = len(waiting) if is_late else ceil(min(due, a_tick, len(waiting)))
        _close_some(waiting, most, code, why, is_late=is_late)
        if waiting:
            await asyncio.sleep(TICK_S)


def _close_some(waiting: deque[Closable], most: int, code: int, why: str, *, is_late: bool) -> None:
    for _ in range(min(len(waiting), max(most, LOOKED_AT))):
        if most <= 0:
            return
        session = waiting.popleft()
        if session.is_busy and not is_late:
            waiting.append(session)
        else:
            session.end(code, why)
            most -= 1


class Shedding:
    """What a gateway closes of its own will while it runs on; one order at a time, the newest counts."""

    def __init__(self, sessions: Mapping[str, Closable], start: Start) -> None:
        self._sessions = sessions
        self._start = start
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether an order is being carried out."""
        return self._task is not None and not self._task.done()

    def stop(self) -> None:
        """Close nothing any more."""
        if self._task is not None:
            self._task.cancel()

    def all_as_lost(self, over_s: float, is_back: Callable[[], bool]) -> None:
        """Close everything because there is no broker, until it is back."""
        sessions = list(self._sessions.values())
        self._begin(close_paced(sessions, over_s, CloseCode.TRY_AGAIN_LATER, "broker_lost", is_over=is_back))

    def some(self, count: int, rate: float) -> int:
        """Close so many, `rate` a second, none of them busy: they connect again, elsewhere. Returns how many."""
        chosen = random.sample(list(self._sessions.values()), min(count, len(self._sessions)))
        over_s = len(chosen) / rate
        self._begin(close_paced(chosen, over_s, CloseCode.SERVICE_RESTART, "rebalanced", patience_s=inf))
        return len(chosen)

    async def all_for_good(self, over_s: float) -> None:
        """Close everything because the gateway ends, within this time."""
        self.stop()
        even_s = over_s * _EVEN
        await close_paced(
            list(self._sessions.values()), even_s, CloseCode.GOING_AWAY, "drained", patience_s=over_s - even_s
        )

    def _begin(self, closing: Coroutine[Any, Any, None]) -> None:
        self.stop()
        self._task = self._start(closing)
