"""Sessions told through the whole chain while its parts are killed: `python -m bench.events --sessions 10000`.

Processors, the stream's handler, the lanes' handler and the receivers are the real ones, over stores, queues and a
stream in memory that behave as AWS's do: what was not done comes again, and sometimes what was done comes again, too.
Each call of a port is a step; a part is killed after one, at random, and begun anew. Two partners have a
receiver each, a third gets everything, a fourth is down. At the end each must have had each event of its own in its
order, and nothing else; the one that is down has cost the others nothing. Exit code 1 if not.
"""

import argparse
import random
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
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
from adapters.memory_events import MemoryBus, MemoryParking, MemoryWebhooks
from adapters.memory_pages import MemoryTransactionPages
from bench.killing import BEGAN, Driver, FifoLanes, KilledError, Receiver, Steps, StreamedEvents, Watched
from domain.events import Event, EventType
from domain.models import Boot, ChargePoint, Connection, IdToken
from domain.webhooks import Webhook
from events import delivery
from events import ports as of_events
from ocppj.versions import V16, V201
from processors import inbox
from processors.ports import Ports
from processors.settings import Settings

PARTNERS = ("acme", "zeta")
EVERYBODY, DOWN = "everybody", "down"
BATCH = 10


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
                        if not part():
                            break
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

    def _process(self) -> bool:
        """A batch of the incoming queue; who is killed leaves it there, and sometimes it comes again anyway."""
        batch = [self.queue[n] for n in range(min(BATCH, len(self.queue)))]
        if not batch:
            return False
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
        return True

    def _named(self, name: str) -> Driver:
        return self.drivers[int(name.rpartition("-")[2])]

    def _answers(self, since: int) -> Iterator[tuple[str, list[Any]]]:
        for published in self.outbound.published[since:]:
            yield published.charge_point_id, orjson.loads(published.frame)

    def _relay(self) -> bool:
        stream = self.events.stream
        batch = [stream[n] for n in range(min(BATCH, len(stream)))]
        found = (self._delivering.events.find(each.charge_point_id, each.sequence) for each in batch)
        stored = [event for event in found if event is not None]
        if stored:
            delivery.relay(stored, self._delivering)
            self.steps.take()
        for _ in batch:
            stream.popleft()
        return bool(batch)

    def _deliver(self, lane: int) -> bool:
        batch = self.lanes.receive(lane)
        if batch:
            again = delivery.deliver(batch, self._delivering)
            self.steps.take()
            self.lanes.settle(lane, batch, again)
        return bool(batch)

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
