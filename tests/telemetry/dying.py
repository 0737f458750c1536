"""A process that takes a batch of the queue given, once, and dies where it is told: `before`, `after` or `never`.

python -m tests.telemetry.dying QUEUE KIND MOMENT. Everything is real, but that its archive kills it.
"""

import os
import signal
import sys
from dataclasses import replace

from adapters import sqs
from adapters.sqs import SqsQueue
from domain.archive import Archive
from telemetry import lambda_handler
from telemetry.inbox import Inbox


class Deadly:
    """An archive; whoever writes to it is killed before or after that."""

    def __init__(self, archive: Archive, moment: str) -> None:
        self._archive = archive
        self._moment = moment

    def put(self, key: str, body: bytes) -> None:
        if self._moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        self._archive.put(key, body)
        if self._moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Take a batch as the emulator hands it to the function, and delete what was done."""
    name, kind, moment = sys.argv[1:]
    ports = lambda_handler.on_aws()
    inbox = Inbox(replace(ports, archive=Deadly(ports.archive, moment)))  # type: ignore[arg-type]
    queue = SqsQueue(sqs.connect(), name)
    received = queue.receive(5)
    records = [
        {"messageId": str(number), "body": each.body, "eventSourceARN": f"arn:aws:sqs:us-east-1:0:{kind}"}
        for number, each in enumerate(received)
    ]
    failed = lambda_handler.handle({"Records": records}, inbox)["batchItemFailures"]
    assert not failed, failed
    queue.delete(received)


if __name__ == "__main__":
    main()
