"""What is counted while a fleet runs: second by second, mergeable over processes."""

import math
from collections import Counter
from dataclasses import dataclass, field

_LEAST_S = 1e-5
_STEP = math.log(1.1)  # a bucket is a tenth wider than the one before: no percentile is off by more


class Histogram:
    """How often which latency was seen."""

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts = Counter(counts or {})

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[max(0, math.ceil(math.log(max(seconds, _LEAST_S) / _LEAST_S) / _STEP))] += 1

    def merge(self, counts: dict[int, int]) -> None:
        """Count what somebody else counted."""
        self.counts.update(counts)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def percentile_s(self, part: float) -> float | None:
        """The latency that so many of all (0 to 1) don't exceed; nothing if nothing was counted."""
        wanted = part * self.total
        for bucket in sorted(self.counts):
            wanted -= self.counts[bucket]
            if wanted <= 1e-9:
                return _LEAST_S * math.exp(bucket * _STEP)
        return None


@dataclass(slots=True)
class Tick:
    """One second of a fleet, or of the part of it in one process: `connected` and the like are as they are at its end.

    `latency` are the buckets of a `Histogram`; `errors` are counted by kind.
    """

    second: int
    connected: int = 0
    sessions: int = 0
    connects: int = 0
    frames_out: int = 0
    frames_in: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    latency: dict[int, int] = field(default_factory=dict)
    rss_bytes: int = 0
    cpu_s: float = 0.0


def next_second(told: int, elapsed_s: float) -> int:
    """Which second is to be told next, and when: timers ring a little early at times, and a second is told once."""
    return max(told, math.floor(elapsed_s)) + 1


def merge(second: int, ticks: list[Tick]) -> Tick:
    """The same second of several processes as one."""
    errors: Counter[str] = Counter()
    latency: Counter[int] = Counter()
    for tick in ticks:
        errors.update(tick.errors)
        latency.update(tick.latency)
    return Tick(
        second,
        connected=sum(tick.connected for tick in ticks),
        sessions=sum(tick.sessions for tick in ticks),
        connects=sum(tick.connects for tick in ticks),
        frames_out=sum(tick.frames_out for tick in ticks),
        frames_in=sum(tick.frames_in for tick in ticks),
        errors=dict(errors),
        latency=dict(latency),
        rss_bytes=sum(tick.rss_bytes for tick in ticks),
        cpu_s=sum(tick.cpu_s for tick in ticks),
    )


class Tally:
    """Counts in one process, and hands out what came in since it was last asked."""

    def __init__(self) -> None:
        self.connected = 0
        self.connects = 0
        self.frames_out = 0
        self.frames_in = 0
        self.errors: Counter[str] = Counter()
        self.latency = Histogram()

    def take(self, second: int, sessions: int, rss_bytes: int, cpu_s: float) -> Tick:
        """The tick of this second; counting begins again at 0."""
        tick = Tick(
            second,
            self.connected,
            sessions,
            self.connects,
            self.frames_out,
            self.frames_in,
            dict(self.errors),
            dict(self.latency.counts),
            rss_bytes,
            cpu_s,
        )
        self.connects = self.frames_out = self.frames_in = 0
        self.errors.clear()
        self.latency = Histogram()
        return tick
