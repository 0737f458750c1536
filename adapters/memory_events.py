"""Events, webhooks, lanes and the bus in memory: for tests."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from domain import events
from domain.events import Event, News
from domain.parking import Parked
from domain.webhooks import Webhook


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
            last = (its[-1].sequence, its[-1].at) if its else None
            its += events.numbered(news, charge_point_id, partner, last, self._clock())

    def find(self, charge_point_id: str, sequence: int) -> Event | None:
        return next((event for event in self._events[charge_point_id] if event.sequence == sequence), None)

    def of_charge_point(self, charge_point_id: str, begin: datetime | None = None) -> Iterator[Event]:
        yield from (event for event in list(self._events[charge_point_id]) if begin is None or event.at >= begin)

    def since(self, begin: datetime, end: datetime, after: str = "") -> Iterator[Event]:
        found = sorted(self.all(), key=events.position)
        yield from (event for event in found if begin <= event.at < end and events.position(event) > after)

    def positions(self, begin: datetime, end: datetime, after: str = "") -> Iterator[str]:
        return map(events.position, self.since(begin, end, after))

    def at(self, positions: Sequence[str]) -> Iterator[Event]:
        found = (self.find(*events.place(each)) for each in positions)
        yield from (event for event in found if event is not None)

    def all(self) -> list[Event]:
        """All events, charge point by charge point."""
        return [event for its in list(self._events.values()) for event in its]


class MemoryWebhooks:
    """Webhooks in a dict."""

    def __init__(self, *webhooks: Webhook) -> None:
        self._webhooks = {webhook.webhook_id: webhook for webhook in webhooks}

    def add(self, webhook: Webhook) -> None:
        self._webhooks[webhook.webhook_id] = webhook

    def find(self, webhook_id: str) -> Webhook | None:
        return self._webhooks.get(webhook_id)

    def all(self) -> list[Webhook]:
        return [self._webhooks[webhook_id] for webhook_id in sorted(self._webhooks)]

    def remove(self, webhook_id: str) -> bool:
        return self._webhooks.pop(webhook_id, None) is not None

    def mark(self, webhook_id: str, failing_since: datetime | None, disabled_at: datetime | None = None) -> None:
        webhook = self._webhooks.get(webhook_id)
        if webhook is not None:
            self.add(replace(webhook, failing_since=failing_since, disabled_at=disabled_at))


class MemoryParking:
    """Refused and parked events in dicts."""

    def __init__(self) -> None:
        self._refused: dict[tuple[str, str], tuple[int, datetime]] = {}
        self._parked: dict[tuple[str, str, int], Parked] = {}

    def refused_since(self, webhook_id: str, event: Event, now: datetime) -> datetime:
        number, since = self._refused.get((webhook_id, event.charge_point_id), (None, now))
        if number != event.sequence:
            self._refused[webhook_id, event.charge_point_id] = event.sequence, now
            return now
        return since

    def park(self, parked: Parked) -> None:
        self._parked[parked.webhook_id, parked.charge_point_id, parked.sequence] = parked

    def parked(self, webhook_id: str) -> Sequence[Parked]:
        return [self._parked[key] for key in sorted(self._parked) if key[0] == webhook_id]

    def take(self, webhook_id: str, event: Event) -> None:
        self._parked.pop((webhook_id, event.charge_point_id, event.sequence), None)
        self._refused.pop((webhook_id, event.charge_point_id), None)


class MemoryLanes:
    """Lanes that remember what was `sent`: (webhook id, event)."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Event]] = []

    def count(self) -> int:
        return 4

    def send(self, webhook: Webhook, events: list[Event], again: str = "") -> None:
        self.sent += [(webhook.webhook_id, event) for event in events]


class MemoryBus:
    """A bus that remembers: `put_events`."""

    def __init__(self) -> None:
        self.put_events: list[Event] = []

    def put(self, events: list[Event]) -> None:
        self.put_events += events
