"""When to ping a broker, and when to give it up. No clock: `tick` is called every `tick_s`."""

from dataclasses import dataclass

_TICKS_PER_KEEPALIVE = 3  # with a tick between two pings at most, two thirds of what the broker allows


@dataclass(slots=True)
class Keepalive:
    """The state of one connection: quiet or not, pinged or not, and what waits for an answer."""

    keepalive_s: int
    _ticks: int = 0
    _is_pinged: bool = False
    _oldest: tuple[object, ...] = ()

    @property
    def tick_s(self) -> float:
        """The time between two ticks."""
        return self.keepalive_s / _TICKS_PER_KEEPALIVE

    def is_ping_due(self, has_sent: bool, has_received: bool) -> bool:
        """Whether to ping, given what happened since the last tick; call it once per tick, after `verdict`."""
        self._is_pinged = not (has_sent and has_received)
        return self._is_pinged

    def verdict(self, has_received: bool, oldest: tuple[object, ...]) -> str | None:
        """Why the broker must be dead, if it must; `oldest` is what has waited longest for an answer, by kind.

        A broker that answers pings but not a publish or subscribe for a whole keepalive has lost it, and only a new
        session gets it going again: MQTT 5 forbids to resend within one (§4.4).
        """
        if self._is_pinged and not has_received:
            return "the broker does not answer"
        self._ticks += 1
        if self._ticks % _TICKS_PER_KEEPALIVE:
            return None
        stuck = [a for a, b in zip(self._oldest, oldest, strict=False) if a is not None and a is b]
        self._oldest = oldest
        return "the broker does not acknowledge" if stuck else None
