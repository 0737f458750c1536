"""The long-running way to feed the inbox: threads that poll the queues until told to stop."""

import threading
from collections.abc import Iterable, Sequence
from typing import Protocol

import structlog

from processors import backlog, inbox, poison
from processors.ports import Ports

log = structlog.get_logger(__name__)

WAIT_S = 5  # a stop waits this long at most, for a queue that is empty


class Message(Protocol):
    """A record in our hands; `receipt` is what deletes it, `attempt` counts from 1."""

    @property
    def body(self) -> str: ...

    @property
    def receipt(self) -> str: ...

    @property
    def attempt(self) -> int: ...


class Queue(Protocol):
    """A queue: what is received and not deleted comes again, and ends as a dead letter."""

    @property
    def name(self) -> str: ...

    def receive(self, wait_s: int) -> Sequence[Message]:
        """Some messages, or none after this many seconds."""

    def delete(self, messages: Sequence[Message]) -> None:
        """These are done with."""


def run(queues: Iterable[Queue], ports: Ports, stop: threading.Event, retry_s: float = 5) -> None:
    """Poll every queue in a thread of its own until `stop`, then finish what was received.

    A queue may be given more than once: it then has that many threads. One that can't be read is tried again
    after `retry_s`.
    """
    threads = [
        threading.Thread(target=_poll, args=(queue, ports, stop, retry_s), name=f"{queue.name}-{number}")
        for number, queue in enumerate(queues)
    ]
    for thread in threads:
        thread.start()
    log.info("polling", threads=len(threads))
    for thread in threads:
        thread.join()
    log.info("stopped")


def feed(queue: Queue, messages: Sequence[Message], ports: Ports) -> list[Message]:
    """Process a batch; returns the messages that are done with. What went wrong is logged and comes again."""
    late = [message for message in messages if backlog.may_wait(message.body, message.attempt, ports)]
    backlog.put_off([message.body for message in late], ports)
    now = [message for message in messages if message not in late]
    rows = inbox.rows_of((message.body for message in now), ports)
    return [*late, *(message for message in now if _is_processed(queue, message, rows, ports))]


def _poll(queue: Queue, ports: Ports, stop: threading.Event, retry_s: float) -> None:
    while not stop.is_set():
        try:
            messages = queue.receive(WAIT_S)
            done = feed(queue, messages, ports) if messages else []
            if done:
                queue.delete(done)
        except Exception:
            # The outermost loop: a queue or registry that can't be reached now may be there again soon.
            log.exception("queue not served, trying again", queue=queue.name, retry_s=retry_s)
            stop.wait(retry_s)


def _is_processed(queue: Queue, message: Message, rows: inbox.Rows | None, ports: Ports) -> bool:
    try:
        inbox.process(inbox.read(message.body), ports, queue=queue.name, rows=rows)
    except Exception as error:
        # The outermost loop: one bad record must not keep the others of its batch from being done.
        log.exception("record not processed", queue=queue.name)
        return poison.bury(queue.name, message.body, message.attempt, error, ports)
    return True
