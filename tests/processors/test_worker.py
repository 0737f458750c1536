"""The worker on queues in memory."""

import threading
from collections.abc import Sequence

import orjson

from adapters.memory import MemoryDeadLetters
from adapters.sqs import QueueMessage
from ocppj.frames import Call
from ocppj.versions import V16
from processors import inbox, worker
from processors.worker import Message
from tests.processors.house import House, Unreachable, UnreachableError, of_frame

CP = "CP-001"


class MemoryQueue:
    """A queue that gives what is not deleted again, and says when it has nothing left."""

    name = inbox.INCOMING

    def __init__(self, *bodies: str, failures: int = 0) -> None:
        self.messages = [QueueMessage(body, str(number)) for number, body in enumerate(bodies)]
        self.asked = 0
        self.failures = failures
        self.is_drained = threading.Event()

    def receive(self, wait_s: int) -> Sequence[QueueMessage]:
        self.asked += 1
        if self.asked <= self.failures:
            raise UnreachableError
        if not self.messages:
            self.is_drained.set()
        return self.messages[:10]

    def delete(self, messages: Sequence[Message]) -> None:
        self.messages = [message for message in self.messages if message not in messages]


def frame(house: House, call: Call) -> str:
    return orjson.dumps(of_frame(CP, call, house.now)).decode()


def test_what_is_done_is_deleted_and_what_failed_stays() -> None:
    house = House()
    house.register(CP, V16)
    queue = MemoryQueue(
        frame(house, Call("m-1", "Heartbeat")), "{", frame(house, Call("m-2", "DataTransfer", {"vendorId": "v"}))
    )

    done = worker.feed(queue, queue.messages, house.ports(reports=Unreachable()))

    assert [message.receipt for message in done] == ["0"]


def test_it_polls_until_it_is_told_to_stop() -> None:
    house = House()
    house.register(CP, V16)
    queue, stop = MemoryQueue(*(frame(house, Call(f"m-{n}", "Heartbeat")) for n in range(25))), threading.Event()
    running = threading.Thread(target=worker.run, args=([queue], house.ports(), stop))

    running.start()
    was_drained = queue.is_drained.wait(10)
    stop.set()
    running.join(10)

    assert was_drained
    assert not running.is_alive()
    assert len(house.outbound.published) == 25


def test_a_queue_that_cannot_be_read_is_tried_again() -> None:
    house = House()
    house.register(CP, V16)
    queue, stop = MemoryQueue(frame(house, Call("m-1", "Heartbeat")), failures=2), threading.Event()
    running = threading.Thread(target=worker.run, args=([queue], house.ports(), stop), kwargs={"retry_s": 0})

    running.start()
    was_drained = queue.is_drained.wait(10)
    stop.set()
    running.join(10)

    assert was_drained
    assert len(house.outbound.published) == 1


def test_what_failed_its_last_attempt_is_a_dead_letter_and_done_with() -> None:
    house, letters = House(), MemoryDeadLetters()
    queue = MemoryQueue()
    poison = [QueueMessage("{", "1", attempt=4), QueueMessage("[]", "2", attempt=5)]

    done = worker.feed(queue, poison, house.ports(dead_letters=letters))

    assert done == poison[1:]
    assert letters.buried == [(inbox.INCOMING, "[]", "RecordError: a record that is no JSON object")]
