"""SQS: the queues the long-running worker polls, and the one where shadows wait to be written again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import orjson
import structlog

from adapters import aws

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        BatchResultErrorEntryTypeDef,
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

log = structlog.get_logger(__name__)

BATCH = 10  # what SQS hands out and takes at once
LONGEST_WAIT_S = 20
_SMALL = 20_000  # bytes: ten of these go in one request

T = TypeVar("T")


class HasReceipt(Protocol):
    """A message in our hands."""

    @property
    def receipt(self) -> str: ...


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message in our hands until its visibility time-out; `attempt` counts from 1."""

    body: str
    receipt: str
    attempt: int = 1


class SqsQueue:
    """One queue. What is received and not deleted comes again, and ends as a dead letter."""

    def __init__(self, client: "SQSClient", name: str) -> None:
        self._client = client
        self._url = client.get_queue_url(QueueName=name)["QueueUrl"]
        self.name = name

    def receive(self, wait_s: int) -> Sequence[QueueMessage]:
        """Up to ten messages, or none after this many seconds (20 at most)."""
        received = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=min(wait_s, LONGEST_WAIT_S),
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [
            QueueMessage(each["Body"], each["ReceiptHandle"], int(each["Attributes"]["ApproximateReceiveCount"]))
            for each in received.get("Messages", ())
        ]

    def delete(self, messages: Sequence[HasReceipt]) -> None:
        """These are done with. What SQS then doesn't delete comes again, which everybody must bear anyway."""
        for batch in _batches(messages):
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": each.receipt} for number, each in enumerate(batch)
            ]
            done = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            self._warn("message not deleted, it comes again", done.get("Failed", ()))

    def release(self, messages: Sequence[HasReceipt], in_s: int) -> None:
        """Have these come again in so many seconds instead of at the end of their visibility time-out."""
        for batch in _batches(messages):
            entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": each.receipt, "VisibilityTimeout": in_s}
                for number, each in enumerate(batch)
            ]
            done = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            self._warn("message not released, it comes again later", done.get("Failed", ()))

    def _warn(self, event: str, failed: "Sequence[BatchResultErrorEntryTypeDef]") -> None:
        for each in failed:
            log.warning(event, queue=self.name, reason=each.get("Message") or each["Code"])


class SqsShadowRepairs:
    """The ShadowRepairs port."""

    def __init__(self, client: "SQSClient", name: str) -> None:
        self._queue = _Sender(client, name)

    def ask(self, charge_point_id: str) -> None:
        self._queue.send(orjson.dumps({"event": "shadow", "chargePointId": charge_point_id}).decode())

    def ask_link(self, gateway: str, link: int) -> None:
        self._queue.send(orjson.dumps({"event": "down", "gateway": gateway, "link": link}).decode())


class SqsDeferrals:
    """The Deferrals port."""

    def __init__(self, client: "SQSClient", name: str) -> None:
        self._queue = _Sender(client, name)

    def put_off(self, records: Sequence[tuple[str, int]]) -> None:
        small = [record for record in records if len(record[0]) < _SMALL]
        for batch in _batches(small):
            self._queue.send_batch(batch)
        for body, delay_s in records:
            if len(body) >= _SMALL:
                self._queue.send(body, delay_s)


class SqsLargeFrames:
    """The LargeFrames port; a message of SQS holds 1 MiB. The first queue has to take a record, `others` should."""

    def __init__(self, client: "SQSClient", name: str, *others: str) -> None:
        self._queue = _Sender(client, name)
        self._others = {other: _Sender(client, other) for other in others}

    def send(self, record: str) -> None:
        self._queue.send(record)
        for name, queue in self._others.items():
            try:
                queue.send(record)
            except aws.FAILURES as error:
                # It is on its way to be answered: sent again, it would be processed twice.
                log.warning("large frame missing in a queue", queue=name, reason=str(error))


class SqsJobQueue:
    """The JobQueue port."""

    def __init__(self, client: "SQSClient", name: str) -> None:
        self._queue = _Sender(client, name)

    def send(self, job_id: str, step: int, delay_s: int) -> None:
        self._queue.send(orjson.dumps({"jobId": job_id, "step": step}).decode(), delay_s)


class _Sender:
    """Sends to a queue, which is looked up when the first message needs it."""

    def __init__(self, client: "SQSClient", name: str) -> None:
        self._client = client
        self._name = name
        self._url: str | None = None

    def send(self, body: str, delay_s: int = 0) -> None:
        self._url = self._url or self._client.get_queue_url(QueueName=self._name)["QueueUrl"]
        self._client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay_s)

    def send_batch(self, records: Sequence[tuple[str, int]]) -> None:
        """Up to ten bodies, each with its delay.

        Raises:
            ConnectionError: SQS did not take all of them.
        """
        self._url = self._url or self._client.get_queue_url(QueueName=self._name)["QueueUrl"]
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": body, "DelaySeconds": delay_s}
            for number, (body, delay_s) in enumerate(records)
        ]
        failed = self._client.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed")
        if failed:
            raise ConnectionError(f"{self._name} took {len(entries) - len(failed)} of {len(entries)} messages")


def connect() -> "SQSClient":
    """A client; threads may share it."""
    return aws.session().client("sqs", config=aws.config(read_timeout_s=LONGEST_WAIT_S + 10))


def _batches(messages: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(messages), BATCH):
        yield messages[start : start + BATCH]
