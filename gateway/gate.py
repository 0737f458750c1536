"""When handshakes must wait or come back later: storms, noisy addresses, a full gateway, a slow backend. Pure."""

import random
from dataclasses import dataclass
from math import ceil

from gateway.admission import unavailable
from gateway.limits import SourceLimit, Turns
from gateway.refusals import Refusal

RETRY_AFTER_S = (5, 15)  # spread, so that who was refused together does not come back together
_SOURCE_BURST_S = 5.0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many may come, 0 = any number.

    `subscribe_rate` is how many a second are let in (each is a SUBSCRIBE at the broker); who would have to wait for
    longer than `max_wait_s` comes back later. While the p90 from CALL to answer is above `slow_answer_s` nobody is
    let in: who is in already has to be answered first.
    """

    handshakes_per_source_s: float = 0.0
    max_connections: int = 0
    subscribe_rate: float = 0.0
    max_wait_s: float = 5.0
    slow_answer_s: float = 5.0


class Pulse:
    """Whether the backend keeps up, by the answers of the last `_WINDOW_S` to twice that."""

    _WINDOW_S = 10.0
    _ENOUGH = 20  # fewer answers say nothing

    def __init__(self, slow_s: float) -> None:
        self._slow_s = slow_s
        self._total = self._slow = 0
        self._before = (0, 0)
        self._since = 0.0

    def observe(self, took_s: float) -> None:
        """A CALL was answered, or given up, after this long."""
        self._total += 1
        self._slow += took_s > self._slow_s

    def is_slow(self, now: float) -> bool:
        """Whether more than one answer in ten took longer; to be asked every few seconds."""
        age_s = now - self._since
        if age_s >= self._WINDOW_S:
            self._before = (self._total, self._slow) if age_s < 2 * self._WINDOW_S else (0, 0)
            self._total = self._slow = 0
            self._since = now
        total, slow = self._total + self._before[0], self._slow + self._before[1]
        return self._slow_s > 0 and total >= self._ENOUGH and slow * 10 > total


class Gate:
    """Asked twice in a handshake: before anything is looked up, and before a place on a link is taken."""

    def __init__(self, arrivals: Arrivals, pulse: Pulse) -> None:
        self._arrivals = arrivals
        self._pulse = pulse
        rate = arrivals.handshakes_per_source_s
        self._sources = SourceLimit(rate, max(1.0, rate * _SOURCE_BURST_S))
        self._turns = Turns(arrivals.subscribe_rate, arrivals.max_wait_s)

    def refusal(self, source: str, connections: int, now: float) -> Refusal | None:
        """Why somebody from this address can't be looked at now, while there are so many others."""
        wait_s = self._sources.wait(source, now)
        if wait_s:
            retry_s = str(ceil(wait_s))
            text = f"Too many connection attempts from {source}. Try again in {retry_s} s."
            return Refusal(429, "too_many_handshakes", text, (("Retry-After", retry_s),))
        most = self._arrivals.max_connections
        if most and connections >= most:
            return not_now("full", f"This gateway has its {most} connections already.")
        if self._pulse.is_slow(now):
            return not_now("backend_slow", "The charge points that are connected are answered too slowly.")
        return None

    def turn(self, now: float) -> float | Refusal:
        """The seconds to wait before it may go on, or why not."""
        wait_s = self._turns.take(now)
        return not_now("storm", "Too many charge points connect at once.") if wait_s is None else wait_s


def not_now(reason: str, text: str) -> Refusal:
    """Come back later, not all at once."""
    return unavailable(reason, text, random.randint(*RETRY_AFTER_S))  # noqa: S311 - spreads, keeps no secret
