"""What `bench.events` is made of: steps that can be the last of a process, queues as AWS has them, both ends.

A `Driver` is a charge point, a `Receiver` somebody's server; `StreamedEvents` and `FifoLanes` stand for the stream of
EventTable and the FIFO queues of webhooks.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from adapters.memory_events import MemoryEvents
from domain.events import Event
from domain.webhooks import Webhook
from events.delivery import Delivery
from ocppj import timestamps
from ocppj.versions import V16, Version

BEGAN = datetime(2026, 11, 21, 6, tzinfo=UTC)
LANE_BATCH = 3  # as infra/events.py has it


class KilledError(BaseException):
    """The process is gone; nothing in it may hold this up."""


@dataclass
class Steps:
    """Counts the steps of all parts; one of them, or some at random, are the last of their process."""

    killed_at: int | None = None
    share: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311  no secret
    count: int = 0
    kills: int = 0

    def take(self) -> None:
        """Take one.

        Raises:
            KilledError: it was the last.
        """
        self.count += 1
        if self.count == self.killed_at or (self.share and self.chance.random() < self.share):
            self.kills += 1
            raise KilledError


class Watched:
    """Anything whose calls are steps. To be killed before one is to be killed after the one before it."""

    def __init__(self, its: Any, steps: Steps) -> None:
        self._its = its
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._its, name)
        if not callable(found):
            return found

        def stepped(*arguments: Any, **named: Any) -> Any:
            answer = found(*arguments, **named)
            self._steps.take()
            return answer

        return stepped


class StreamedEvents(MemoryEvents):
    """Events in memory, and the stream of them: each once, in the order of its charge point."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.stream: deque[Event] = deque()

    def write(self, charge_point_id: str, news: Any, partner: str | None) -> None:
        before = len(list(self.of_charge_point(charge_point_id)))
        super().write(charge_point_id, news, partner)
        self.stream += list(self.of_charge_point(charge_point_id))[before:]


class FifoLanes:
    """Lanes as SQS FIFO queues are: deduplicated, one message of a group at a time until it is gone, hidden a while."""

    def __init__(self) -> None:
        self.lanes: dict[int, dict[str, deque[Delivery]]] = {}
        self.hidden: dict[str, int] = {}
        self.round = 0
        self._known: set[tuple[str, str, str]] = set()
        self._number = 0

    def count(self) -> int:
        return 4

    def send(self, webhook: Webhook, events: list[Event], again: str = "") -> None:
        for event in events:
            if (webhook.webhook_id, event.id, again) in self._known:
                continue
            self._known.add((webhook.webhook_id, event.id, again))
            self._number += 1
            message = Delivery(str(self._number), webhook.webhook_id, event.charge_point_id, event.sequence)
            self.lanes.setdefault(webhook.lane, {}).setdefault(event.charge_point_id, deque()).append(message)

    def receive(self, lane: int) -> list[Delivery]:
        """A batch: the first of groups that are not hidden, each followed by what follows it."""
        found: list[Delivery] = []
        for waiting in list(self.lanes.get(lane, {}).values()):
            if waiting and self.hidden.get(waiting[0].message_id, 0) <= self.round:
                found += list(waiting)[: LANE_BATCH - len(found)]
            if len(found) == LANE_BATCH:
                break
        return found

    def settle(self, lane: int, batch: list[Delivery], again: dict[str, int]) -> None:
        """Remove what was delivered; the rest is hidden for so many rounds."""
        for message in batch:
            if message.message_id in again:
                self.hidden[message.message_id] = self.round + again[message.message_id]
            else:
                waiting = self.lanes[lane][message.charge_point_id]
                waiting.remove(message)
                if not waiting:  # the next of a charge point that was never held up goes behind the others
                    del self.lanes[lane][message.charge_point_id]

    def waiting(self, lane: int) -> int:
        """How many are in a lane."""
        return sum(map(len, self.lanes.get(lane, {}).values()))


@dataclass
class Receiver:
    """Somebody's server: keeps what it gets, each id once, and fails as it is told; killed, it may have kept it."""

    steps: Steps
    fails: float = 0.1
    is_down: bool = False
    posts: int = 0
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)

    def post(self, body: bytes) -> int:
        """The status, 0 for no answer."""
        self.posts += 1
        if self.is_down:
            return 0
        try:
            self.steps.take()
            if self.steps.chance.random() < self.fails:
                return 500
            said = orjson.loads(body)
            self.taken.setdefault(said["id"], said)
            self.steps.take()
        except KilledError:
            return 0
        return 204


@dataclass
class Driver:
    """A charge point: sessions one after the other, each frame once the one before was answered."""

    name: str
    version: Version
    sessions: int
    sent: int = 0
    transaction_id: Any = None

    def next(self) -> list[Any] | None:
        """Its next CALL; None when all sessions are through."""
        session, step = divmod(self.sent, 3)
        if session >= self.sessions:
            return None
        at = timestamps.write(BEGAN + timedelta(minutes=10 * session + 4 * step))
        action, payload = (self._v16 if self.version is V16 else self._v201)(session, step, at)
        return [2, f"{session}-{step}", action, payload]

    def hear(self, answer: list[Any]) -> None:
        """What answers the last CALL; anything else is late."""
        session, step = divmod(self.sent, 3)
        if answer[0] == 3 and answer[1] == f"{session}-{step}":
            self.transaction_id = answer[2].get("transactionId", self.transaction_id)
            self.sent += 1

    def _v16(self, session: int, step: int, at: str) -> tuple[str, dict[str, Any]]:
        meter = {"connectorId": 1, "transactionId": self.transaction_id}
        value = {"timestamp": at, "sampledValue": [{"value": str(session * 100 + 50)}]}
        start = {"connectorId": 1, "idTag": "ABC", "meterStart": session * 100, "timestamp": at}
        stop = {"transactionId": self.transaction_id, "meterStop": session * 100 + 90, "timestamp": at}
        return (
            ("StartTransaction", start), ("MeterValues", meter | {"meterValue": [value]}), ("StopTransaction", stop),
        )[step]  # fmt: skip

    def _v201(self, session: int, step: int, at: str) -> tuple[str, dict[str, Any]]:
        said: dict[str, Any] = {
            "eventType": ("Started", "Updated", "Ended")[step],
            "timestamp": at,
            "triggerReason": "MeterValuePeriodic",
            "seqNo": step,
            "transactionInfo": {"transactionId": f"{self.name}-{session}", "chargingState": "Charging"},
            "meterValue": [{"timestamp": at, "sampledValue": [{"value": 100.0 * session + 40 * step}]}],
        }
        if step == 0:
            said |= {"evse": {"id": 1, "connectorId": 1}, "idToken": {"idToken": "ABC", "type": "ISO14443"}}
        return "TransactionEvent", said
