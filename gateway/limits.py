"""Limits that keep one noisy charge point, or one noisy address, from costing the others. Pure: `now` comes in."""

from collections import OrderedDict
from dataclasses import dataclass

BURST_S = 5.0


@dataclass(slots=True)
class Throttle:
    """A token bucket that first slows its charge point down and then gives up on it.

    It fills with `rate` tokens a second up to `burst`; a rate of 0 limits nothing. Who stays in debt for more than
    `patience_s` without a break is to be closed (1008).
    """

    rate: float
    burst: float
    patience_s: float
    _tokens: float | None = None
    _at: float = 0.0
    _in_debt_since: float | None = None

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take tokens, on credit where there are none; returns the seconds to stop reading for."""
        if not self.rate:
            return 0.0
        before = self.burst if self._tokens is None else self._tokens + (now - self._at) * self.rate
        self._tokens = min(self.burst, before) - amount
        self._at = now
        if self._tokens >= 0:
            self._in_debt_since = None
            return 0.0
        if self._in_debt_since is None:
            self._in_debt_since = now
        return -self._tokens / self.rate

    def is_hopeless(self, now: float) -> bool:
        """Whether the patience with this one is over."""
        return self._in_debt_since is not None and now - self._in_debt_since > self.patience_s


@dataclass(frozen=True, slots=True)
class TrafficLimits:
    """What one charge point may send, 0 = any amount; `patience_s` is how long it may stay above that."""

    frames_per_s: float = 0.0
    bytes_per_s: float = 0.0
    patience_s: float = 30.0

    def traffic(self) -> "Traffic | None":
        """The count of one charge point, if anything is to be counted."""
        return Traffic(self) if self.frames_per_s or self.bytes_per_s else None


class Traffic:
    """What one charge point has sent; bursts of `BURST_S` seconds' worth pass."""

    __slots__ = ("_frames", "_octets")

    def __init__(self, limits: TrafficLimits) -> None:
        self._frames, self._octets = (
            Throttle(rate, rate * BURST_S, limits.patience_s) for rate in (limits.frames_per_s, limits.bytes_per_s)
        )

    def take(self, now: float, frames: int, octets: int) -> float:
        """Count what came; returns the seconds to stop reading for."""
        return max(self._frames.take(now, frames), self._octets.take(now, octets))

    def is_hopeless(self, now: float) -> bool:
        """Whether it has been above its limits for too long."""
        return self._frames.is_hopeless(now) or self._octets.is_hopeless(now)


class Turns:
    """One after the other, `rate` a second; nobody waits longer than `max_wait_s`. A rate of 0 limits nothing."""

    def __init__(self, rate: float, max_wait_s: float) -> None:
        self._rate = rate
        self._max_wait_s = max_wait_s
        self._free_at = 0.0

    def take(self, now: float) -> float | None:
        """The seconds until it is this one's turn, or None if the line is too long already."""
        if not self._rate:
            return 0.0
        wait_s = max(0.0, self._free_at - now)
        if wait_s > self._max_wait_s:
            return None
        self._free_at = max(now, self._free_at) + 1 / self._rate
        return wait_s


class SourceLimit:
    """Handshakes a second per source address; remembers the `remembered` addresses seen last."""

    def __init__(self, rate: float, burst: float, remembered: int = 10_000) -> None:
        self._rate = rate
        self._burst = burst
        self._remembered = remembered
        self._sources: OrderedDict[str, Throttle] = OrderedDict()

    def wait(self, source: str, now: float) -> float:
        """0 if this address may shake hands now, else the seconds it should wait; a refused try costs nothing."""
        if not self._rate:
            return 0.0
        throttle = self._sources.pop(source, None) or Throttle(self._rate, self._burst, patience_s=0.0)
        self._sources[source] = throttle
        while len(self._sources) > self._remembered:
            self._sources.popitem(last=False)
        wait = throttle.take(now)
        if wait:
            throttle.take(now, -1.0)
        return wait
