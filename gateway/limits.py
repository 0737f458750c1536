"""Limits that keep one noisy charge point, or one noisy address, from costing the others. Pure: `now` comes in."""

from collections import OrderedDict
from dataclasses import dataclass

BURST_S = 5.0


@dataclass(slots=True)
class Throttle:
    """A token bucket: fills with `rate` tokens a second up to `burst`."""

    rate: float
    burst: float
    _tokens: float | None = None
    _at: float = 0.0

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take tokens, on credit where there are none; returns the seconds until the debt is paid."""
        before = self.burst if self._tokens is None else self._tokens + (now - self._at) * self.rate
        self._tokens = min(self.burst, before) - amount
        self._at = now
        return max(0.0, -self._tokens / self.rate)


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
    """What one charge point has sent; bursts of `BURST_S` seconds' worth pass.

    Two token buckets in one object, for every connection has one and every read asks it. Who sends one frame at a time
    is slowed down to the rate and never given up on, however much it has to catch up with.
    """

    __slots__ = ("_at", "_frames", "_in_debt_since", "_limits", "_octets")

    def __init__(self, limits: TrafficLimits) -> None:
        self._limits = limits
        self._frames, self._octets = limits.frames_per_s * BURST_S, limits.bytes_per_s * BURST_S
        self._at = 0.0
        self._in_debt_since: float | None = None

    def take(self, now: float, frames: int, octets: int) -> float:
        """Count what came; returns the seconds to stop reading for."""
        limits, since_s = self._limits, now - self._at
        self._at = now
        rate = limits.frames_per_s
        left = self._frames + since_s * rate
        most = rate * BURST_S
        self._frames = left = (left if left < most else most) - frames
        wait_s = -left / rate if left < 0 < rate else 0.0
        is_in_debt = left < -1.0 and rate > 0
        rate = limits.bytes_per_s
        left = self._octets + since_s * rate
        most = rate * BURST_S
        self._octets = left = (left if left < most else most) - octets
        if left < 0 < rate:
            wait_s, is_in_debt = max(wait_s, -left / rate), True
        if not is_in_debt:
            self._in_debt_since = None
        elif self._in_debt_since is None:
            self._in_debt_since = now
        return wait_s

    def is_hopeless(self, now: float) -> bool:
        """Whether it has been above its limits for too long."""
        return self._in_debt_since is not None and now - self._in_debt_since > self._limits.patience_s


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
        throttle = self._sources.pop(source, None) or Throttle(self._rate, self._burst)
        self._sources[source] = throttle
        while len(self._sources) > self._remembered:
            self._sources.popitem(last=False)
        wait = throttle.take(now)
        if wait:
            throttle.take(now, -1.0)
        return wait
