"""Sessions told through the whole chain while its parts are killed: `python -m bench.events --sessions 10000`.

Processors, the stream's handler, the lanes' handler and the receivers are the real ones, over stores, queues and a
stream in memory that behave as AWS's do: what was not done comes again, and sometimes what was done comes again, too.
Each call of a port is a step; a part is killed before one or after one, at random, and begun anew. Two partners have a
receiver each, a third gets everything, a fourth is down. At the end each must have had each event of its own in its
order, and nothing else; the one that is down has cost the others nothing. Exit code 1 if not.
"""

import argparse
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog

from adapters.memory import (
    MemoryCommands,
    MemoryIdTokens,
    MemoryOutbound,
    MemoryRegistry,
    MemoryReports,
    MemoryShadowRepairs,
    MemoryShadows,
    MemoryTariffs,
    MemoryTransactions,
)  # fmt: skip
from adapters.memory_commands import MemoryCommandLines
from adapters.memory_events import MemoryBus, MemoryEvents, MemoryParking, MemoryWebhooks
from adapters.memory_pages import MemoryTransactionPages
from domain.events import Event, EventType
from domain.models import Boot, ChargePoint, Connection, IdToken
from domain.webhooks import Webhook
from events import delivery
from events import ports as of_events
from events.delivery import Delivery
from ocppj import timestamps
from ocppj.versions import V16, V201, Version
from processors import inbox
from processors.ports import Ports
from processors.settings import Settings

BEGAN = datetime(2026, 11, 21, 6, tzinfo=UTC)
PARTNERS = ("acme", "zeta")
EVERYBODY, DOWN = "everybody", "down"
BATCH = 10
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
    """Anything whose calls are steps: one before each, and one after it."""

    def __init__(self, its: Any, steps: Steps) -> None:
        self._its = its
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._its, name)
        if not callable(found):
            return found

        def stepped(*arguments: Any, **named: Any) -> Any:
            self._steps.take()
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


class Chain:
    """All of it; `run` goes on until nothing is left to do."""

    def __init__(self, sessions: int, steps: Steps, charge_points: int = 100, repeats: float = 0.05) -> None:
        self.steps, self.repeats = steps, repeats
        self.now = BEGAN + timedelta(days=1)
        count = max(2, min(charge_points, sessions))
        self.drivers = [
            Driver(f"CP-{n:03}", (V16, V201)[n // 2 % 2], sessions // count + (n < sessions % count))
            for n in range(count)
        ]
        self.events = StreamedEvents(lambda: self.now)
        self.outbound = MemoryOutbound()
        self.queue: deque[bytes] = deque()
        self.lanes = FifoLanes()
        self.receivers = {name: Receiver(steps) for name in (*PARTNERS, EVERYBODY)}
        self.receivers[DOWN] = Receiver(steps, is_down=True)
        self.webhooks = MemoryWebhooks(
            *(
                Webhook(name, f"https://{name}.example", "secret", lane, BEGAN, name if name in PARTNERS else None)
                for lane, name in enumerate(self.receivers, 1)
            )
        )
        self.bus = MemoryBus()
        self._processing = self._watched(self._processors())
        self._delivering = self._watched(self._delivery())

    def run(self) -> None:
        """Have every charge point charge, and everything told."""
        for driver in self.drivers:
            self._send(driver)
        while self._goes_on():
            self.lanes.round += 1
            self.now += timedelta(seconds=1)
            for part in (self._process, self._relay, *(lambda lane=lane: self._deliver(lane) for lane in (1, 2, 3, 4))):
                for _ in range(BATCH):
                    try:
                        part()
                    except KilledError:
                        continue  # begun anew, with what it was at

    def wrongs(self) -> Iterator[str]:
        """What is not as it should be."""
        stored = self.events.all()
        begun = sum(event.type is EventType.TRANSACTION_STARTED for event in stored)
        ended = sum(event.type is EventType.TRANSACTION_ENDED for event in stored)
        sessions = sum(driver.sessions for driver in self.drivers)
        if (begun, ended) != (sessions, sessions):
            yield f"{begun} starts and {ended} ends of {sessions} sessions are told"
        for name, receiver in self.receivers.items():
            its = [event for event in stored if name == EVERYBODY or event.partner == name]
            yield from _differences(name, its, receiver) if name != DOWN else ()
        if {event.id for event in self.bus.put_events} != {event.id for event in stored}:
            yield "the bus has not what is stored"

    def _goes_on(self) -> bool:
        return bool(
            self.queue
            or self.events.stream
            or any(self.lanes.waiting(lane) for lane in (1, 2, 3))
            or any(driver.next() is not None for driver in self.drivers)
        )

    def _send(self, driver: Driver) -> None:
        if (message := driver.next()) is not None:
            received = int(self.now.timestamp() * 1000)
            told = {"chargePointId": driver.name, "message": message, "receivedAt": received, "epoch": 1}
            self.queue.append(orjson.dumps(told | {"ocpp": driver.version.subprotocol}))

    def _process(self) -> None:
        """A batch of the incoming queue; who is killed leaves it there, and sometimes it comes again anyway."""
        batch = [self.queue[n] for n in range(min(BATCH, len(self.queue)))]
        if not batch:
            return
        heard = len(self.outbound.published)
        try:
            rows = inbox.rows_of(map(bytes.decode, batch), self._processing)
            for body in batch:
                inbox.process(inbox.read(body.decode()), self._processing, queue=inbox.INCOMING, rows=rows)
            self.steps.take()  # between the work and its being taken from the queue
            for _ in batch:
                self.queue.popleft()
            if self.steps.chance.random() < self.repeats:
                self.queue += batch
        finally:
            for charge_point_id, frame in self._answers(heard):
                driver = self._named(charge_point_id)
                before = driver.sent
                driver.hear(frame)
                if driver.sent > before:
                    self._send(driver)

    def _named(self, name: str) -> Driver:
        return self.drivers[int(name.rpartition("-")[2])]

    def _answers(self, since: int) -> Iterator[tuple[str, list[Any]]]:
        for published in self.outbound.published[since:]:
            yield published.charge_point_id, orjson.loads(published.frame)

    def _relay(self) -> None:
        stream = self.events.stream
        batch = [stream[n] for n in range(min(BATCH, len(stream)))]
        found = (self._delivering.events.find(each.charge_point_id, each.sequence) for each in batch)
        stored = [event for event in found if event is not None]
        if stored:
            delivery.relay(stored, self._delivering)
            self.steps.take()
        for _ in batch:
            stream.popleft()

    def _deliver(self, lane: int) -> None:
        batch = self.lanes.receive(lane)
        if batch:
            again = delivery.deliver(batch, self._delivering)
            self.steps.take()
            self.lanes.settle(lane, batch, again)

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        return self.receivers[url.removeprefix("https://").removesuffix(".example")].post(body)

    def _watched(self, ports: Any) -> Any:
        stepped = {
            each.name: Watched(getattr(ports, each.name), self.steps)
            for each in fields(ports)
            if each.name not in ("clock", "settings", "post") and getattr(ports, each.name) is not None
        }
        return replace(ports, **stepped)

    def _processors(self) -> Ports:
        registry = MemoryRegistry(self._rows(), told=self.events)
        transactions = MemoryTransactions(told=self.events)
        return Ports(
            registry=registry,
            observations=registry,
            passwords=registry,
            id_tokens=MemoryIdTokens([IdToken("abc")]),
            tariffs=MemoryTariffs(),
            transactions=transactions,
            history=transactions,
            open_transactions=MemoryTransactionPages(transactions),
            commands=MemoryCommands(self.events),
            command_lines=MemoryCommandLines(),
            reports=MemoryReports(self.events),
            outbound=self.outbound,
            shadows=MemoryShadows(),
            shadow_repairs=MemoryShadowRepairs(),
            clock=lambda: self.now,
            settings=Settings(),
        )

    def _rows(self) -> list[ChargePoint]:
        boot = Boot("V", "M", BEGAN)
        return [
            ChargePoint(
                driver.name, boot=boot, connection=Connection(driver.version, "g", 0, 1, BEGAN), partner=PARTNERS[n % 2]
            )
            for n, driver in enumerate(self.drivers)
        ]

    def _delivery(self) -> of_events.Ports:
        return of_events.Ports(
            self.events, self.webhooks, MemoryParking(), self.lanes, self.bus, self._post, lambda: self.now
        )


def _differences(name: str, stored: list[Event], receiver: Receiver) -> Iterator[str]:
    got = list(receiver.taken.values())
    if strangers := {body["id"] for body in got} - {event.id for event in stored}:
        yield f"{name} got {len(strangers)} events that are not its own"
    for charge_point_id in {event.charge_point_id for event in stored}:
        wanted = [event.as_json() for event in stored if event.charge_point_id == charge_point_id]
        if [body for body in got if body["chargePointId"] == charge_point_id] != wanted:
            yield f"{name} did not get the events of {charge_point_id} in their order"


def main() -> None:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--charge-points", type=int, default=500)
    parser.add_argument("--kills", type=float, default=0.01, help="the share of steps that are the last of a process")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    structlog.configure(processors=[_drop])
    steps = Steps(share=chosen.kills, chance=random.Random(chosen.seed))  # noqa: S311  no secret
    chain = Chain(chosen.sessions, steps, chosen.charge_points)
    began = time.monotonic()
    chain.run()
    wrongs = list(chain.wrongs())
    posts = sum(receiver.posts for name, receiver in chain.receivers.items() if name != DOWN)
    sys.stdout.write(
        f"{chosen.sessions:,} sessions at {len(chain.drivers)} charge points, {len(chain.events.all()):,} events, "
        f"{posts:,} posts, {steps.kills:,} kills in {steps.count:,} steps, {time.monotonic() - began:.0f} s: "
        f"{'; '.join(wrongs) or 'each received, once by its id and in its order'}\n"
    )
    sys.exit(bool(wrongs))


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent


if __name__ == "__main__":
    main()
