"""Closing many sockets without making all charge points come back in the same second."""

import asyncio
from collections.abc import Callable, Sequence
from math import ceil
from typing import Protocol

TICK_S = 0.05


class Closable(Protocol):
    """Something with an end."""

    def end(self, code: int, why: str) -> None:
        """End it; ending it twice is ending it once."""


async def close_paced(
    sessions: Sequence[Closable], over_s: float, code: int, why: str, is_over: Callable[[], bool] = lambda: False
) -> None:
    """Close them evenly over this time; stops when `is_over` says that there is no need any more."""
    ticks = max(1, round(over_s / TICK_S))
    at_once = max(1, ceil(len(sessions) / ticks))
    for first in range(0, len(sessions), at_once):
        if is_over():
            return
        for session in sessions[first : first + at_once]:
            session.end(code, why)
        if first + at_once < len(sessions):
            await asyncio.sleep(TICK_S)
