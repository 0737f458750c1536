"""Events in memory: for tests."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from threading import Lock

from domain import events
from domain.events import Event, News


class MemoryEvents:
    """The Events port, and `write` for the stores of the facts; `all` is for tests to look at."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._lock = Lock()

    def write(self, charge_point_id: str, news: Sequence[News], partner: str | None) -> None:
        """Write what a fact tells."""
        with self._lock:
            its = self._events[charge_point_id]
            last = its[-1].sequence if its else None
            its += events.numbered(news, charge_point_id, partner, last, self._clock())

    def find(self, charge_point_id: str, sequence: int) -> Event | None:
        return next((event for event in self._events[charge_point_id] if event.sequence == sequence), None)

    def of_charge_point(self, charge_point_id: str, begin: datetime | None = None) -> Iterator[Event]:
        yield from (event for event in list(self._events[charge_point_id]) if begin is None or event.at >= begin)

    def since(self, begin: datetime, end: datetime, after: str = "") -> Iterator[Event]:
        found = sorted(self.all(), key=events.position)
        yield from (event for event in found if begin <= event.at < end and events.position(event) > after)

    def all(self) -> list[Event]:
        """All events, charge point by charge point."""
        return [event for its in list(self._events.values()) for event in its]
