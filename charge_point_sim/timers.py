"""Named timers of one charge point: a table of what is due when. No clock of its own."""

from collections.abc import Callable
from datetime import datetime


class Timers:
    """At most one timer per name; setting it again replaces it."""

    def __init__(self) -> None:
        self._timers: dict[str, tuple[datetime, Callable[[], None]]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._timers

    def set(self, name: str, at: datetime, act: Callable[[], None]) -> None:
        """Call `act` once at that time."""
        self._timers[name] = (at, act)

    def cancel(self, name: str) -> None:
        """Forget a timer, if it is set."""
        self._timers.pop(name, None)

    def next_due(self) -> datetime | None:
        """When `pop_due` will have something to do."""
        return min((at for at, _ in self._timers.values()), default=None)

    def pop_due(self, now: datetime) -> Callable[[], None] | None:
        """Take the earliest timer that is due, or nothing."""
        if not self._timers:
            return None
        name = min(self._timers, key=lambda name: self._timers[name][0])
        if self._timers[name][0] > now:
            return None
        return self._timers.pop(name)[1]
