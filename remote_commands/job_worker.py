"""The long-running way to do jobs: take messages from the queue until told to stop."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

WAIT_S = 5  # a stop waits this long at most, for a queue that is empty


class Message(Protocol):
    """A message in our hands."""

    @property
    def body(self) -> str: ...

    @property
    def receipt(self) -> str: ...


class Queue(Protocol):
    """A queue: what is received and not deleted comes again."""

    def receive(self, wait_s: int) -> Sequence[Message]:
        """Some messages, or none after this many seconds."""

    def delete(self, messages: Sequence[Message]) -> None:
        """These are done with."""


def run(queue: Queue, step: Callable[[str], None], stop: threading.Event, retry_s: float = 5) -> None:
    """Make the steps that come, until `stop`."""
    while not stop.is_set():
        try:
            for message in queue.receive(WAIT_S):
                step(message.body)
                queue.delete([message])
        except Exception:
            # The outermost loop: what went wrong is logged, and comes again.
            log.exception("step of a job not made, it comes again", retry_s=retry_s)
            stop.wait(retry_s)
