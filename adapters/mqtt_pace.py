"""How fast something may go: token buckets for publishes and subscriptions. No loop; the clock comes in."""

import time
from collections.abc import Callable

# AWS IoT Core takes 100 publishes (in and out together) and 512 KiB a second of one connection, and 500 subscriptions a
# second of an account. The burst comes on top of the rate, and must fit too.
AWS_PUBLISH_RATE = 80.0
AWS_BYTE_RATE = 409_600.0
AWS_SUBSCRIBE_RATE = 400.0

_BURST_S = 0.25  # of the rate; so a second never sees more than 1.25 times the rate
_ONE = 1.0 - 1e-6  # floating point would have us wait for the last bit
_LATE_S = 0.001  # who asks again must not be too early: he would be told to queue once more


class Bucket:
    """Lets `rate` a second go on average. What must go anyway may be taken too, and is paid back by waiting."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._most = max(1.0, rate * _BURST_S)
        self._level = self._most
        self._filled_at: float | None = None

    def wait_s(self) -> float:
        """How long until the next one may go; 0 if it may now."""
        now = self._clock()
        if self._filled_at is not None:
            self._level = min(self._most, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return 0.0 if self._level >= _ONE else (1.0 - self._level) / self._rate

    def take(self, amount: float) -> None:
        """Say that so much goes."""
        self._level -= amount


class PublishPace:
    """What one connection may publish: messages and bytes a second, 0 = any number; both directions together."""

    def __init__(self, messages: float, octets: float, clock: Callable[[], float]) -> None:
        self._messages = Bucket(messages, clock) if messages else None
        self._octets = Bucket(octets, clock) if octets else None

    def wait_s(self) -> float:
        """How long until the next message may go; 0 if it may now."""
        return max(bucket.wait_s() for bucket in (self._messages, self._octets) if bucket is not None)

    def take(self, octets: int) -> None:
        """Say that a message goes, or has come."""
        if self._messages is not None:
            self._messages.take(1)
        if self._octets is not None:
            self._octets.take(octets)


class Pace:
    """A `MqttSettings.pace` for all links of an account together: so many filters a second.

    Who must wait is told a time of his own, behind all who wait already: a thousand links that subscribe again after
    an outage ask a thousand times, not a thousand times for each packet.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._bucket = Bucket(rate, clock)
        self._queue_ends_at = 0.0

    def __call__(self, filters: int) -> float:
        """0 if a SUBSCRIBE of so many filters may go now, else when to ask again (s)."""
        wait_s = self._bucket.wait_s()
        if wait_s == 0.0:
            self._bucket.take(filters)
            return 0.0
        now = self._clock()
        self._queue_ends_at = max(now + wait_s + _LATE_S, self._queue_ends_at + filters / self._rate)
        return self._queue_ends_at - now
