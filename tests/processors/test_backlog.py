"""What comes too late for an answer: what may wait waits, and is stored in the end."""

from typing import Any

import orjson
import pytest

from adapters.memory import MemoryDeferrals
from adapters.sqs import QueueMessage
from ocppj.frames import Call
from ocppj.versions import V16
from processors import backlog, inbox, lambda_handler, worker
from processors.ports import Ports
from tests.processors.house import House, of_frame
from tests.processors.test_worker import MemoryQueue

CP = "CP-001"
TIMEOUT_S = 30
START = Call("s", "StartTransaction", {
    "connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-11-21T12:00:00Z",
})  # fmt: skip
STATUS = Call("n", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
BEAT = Call("h", "Heartbeat")


class Late:
    """A charge point that was heard, and processors that were not there then."""

    def __init__(self, late_s: float = TIMEOUT_S) -> None:
        self.deferrals = MemoryDeferrals()
        self.house = House()
        self.house.register(CP, V16)
        self.bodies = [body(self.house, call) for call in (START, STATUS, BEAT)]
        self.house.tick(late_s)

    @property
    def ports(self) -> Ports:
        return self.house.ports(deferrals=self.deferrals)

    @property
    def transactions(self) -> int:
        return len(self.house.transactions.of(CP))


def body(house: House, call: Call, **more: Any) -> str:
    return orjson.dumps(of_frame(CP, call, house.now) | more).decode()


def by_lambda(ports: Ports, *bodies: str, attempt: int = 1) -> dict[str, Any]:
    arn, attributes = f"arn:aws:sqs:eu-west-1:1:{inbox.INCOMING}", {"ApproximateReceiveCount": str(attempt)}
    records = [
        {"messageId": str(number), "body": text, "eventSourceARN": arn, "attributes": attributes}
        for number, text in enumerate(bodies)
    ]
    return lambda_handler.handle({"Records": records}, ports)


def by_worker(ports: Ports, *bodies: str, attempt: int = 1) -> list[worker.Message]:
    messages = [QueueMessage(text, str(number), attempt) for number, text in enumerate(bodies)]
    return worker.feed(MemoryQueue(), messages, ports)


def test_what_is_repeated_is_put_off_and_what_is_told_once_is_stored_at_once() -> None:
    late = Late()

    failed = by_lambda(late.ports, *late.bodies)

    ((put_off, delay_s),) = late.deferrals.records
    assert failed == {"batchItemFailures": []}
    assert orjson.loads(put_off) == orjson.loads(late.bodies[0]) | {"putOff": True}
    assert backlog.SOONEST_S <= delay_s <= backlog.LATEST_S
    assert late.transactions == 0
    assert late.house.row(CP).connectors["1"].status == "Charging"


def test_what_was_put_off_is_stored_when_it_comes_again() -> None:
    late = Late()
    by_lambda(late.ports, *late.bodies)
    late.house.tick(backlog.LATEST_S)

    by_lambda(late.ports, late.deferrals.records[0][0])

    assert len(late.deferrals.records) == 1
    assert late.transactions == 1


def test_a_worker_puts_off_the_same_and_is_done_with_it() -> None:
    late = Late()

    done = by_worker(late.ports, *late.bodies)

    assert sorted(message.receipt for message in done) == ["0", "1", "2"]
    assert len(late.deferrals.records) == 1


@pytest.mark.parametrize(("late_s", "attempt"), [(TIMEOUT_S - 1, 1), (TIMEOUT_S, 2)])
def test_who_may_still_be_answered_is_and_what_failed_before_has_waited_enough(late_s: float, attempt: int) -> None:
    late = Late(late_s)

    by_lambda(late.ports, late.bodies[0], attempt=attempt)

    assert late.deferrals.records == []
    assert late.transactions == 1


def test_what_is_put_off_comes_back_evenly_spread() -> None:
    house, deferrals = House(), MemoryDeferrals()
    bodies = [body(house, Call(str(number), "StartTransaction", START.payload)) for number in range(1_000)]

    backlog.put_off(bodies, house.ports(deferrals=deferrals))

    minutes = [delay_s // 60 for _, delay_s in deferrals.records]
    assert all(70 < minutes.count(minute) < 150 for minute in range(1, 10))


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"message": 5, "receivedAt": 0}', '{"message": [2, "1"], "receivedAt": 0}']
)
def test_what_is_no_frame_does_not_wait(text: str) -> None:
    assert not backlog.may_wait(text, 1, Late().ports)


class Full:
    """A queue that takes nothing."""

    def put_off(self, records: object) -> None:
        raise ConnectionError("IncomingMessagesQueue took 0 of 1 messages")


def test_what_could_not_be_put_off_is_not_done_with() -> None:
    late = Late()

    with pytest.raises(ConnectionError):
        by_lambda(late.house.ports(deferrals=Full()), *late.bodies)
