"""Dead letters in SQS: records that could not be processed, each in the queue `<queue>DeadLetters`, with the reason."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_SUFFIX = "DeadLetters"
_LONGEST_REASON = 1024
_LOOK_S = 60  # nobody else sees them while we look
_BATCH = 10
_MANY = 10_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be processed; one that SQS itself put aside has no reason."""

    id: str
    queue: str
    body: str
    sent_at: datetime
    reason: str
    receipt: str


class SqsDeadLetters:
    """The DeadLetters port, and what an operator does with them; fleet's Letters, too."""

    def __init__(self, client: "SQSClient") -> None:
        self._client = client
        self._urls: dict[str, str] = {}

    def bury(self, queue: str, body: str, reason: str) -> None:
        self._client.send_message(
            QueueUrl=self._url(f"{queue}{_SUFFIX}"),
            MessageBody=body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:_LONGEST_REASON] or "unknown"}},
        )

    def letters(self, queue: str) -> list[DeadLetter]:
        """What lies there; it stays there."""
        found = {letter.id: letter for letter in self._received(queue)}
        self._release(queue, found.values())
        return sorted(found.values(), key=lambda letter: letter.sent_at)

    def redrive(self, queue: str, ids: Iterable[str] | None = None) -> int:
        """Put these, or all, back into their queue; returns how many went."""
        wanted = None if ids is None else set(ids)
        letters = list(self._received(queue))
        chosen = [letter for letter in letters if wanted is None or letter.id in wanted]
        for letter in chosen:
            # Sent first: a record may come twice, but never not at all.
            self._client.send_message(QueueUrl=self._url(queue), MessageBody=letter.body)
            self._client.delete_message(QueueUrl=self._url(f"{queue}{_SUFFIX}"), ReceiptHandle=letter.receipt)
        self._release(queue, [letter for letter in letters if letter not in chosen])
        return len(chosen)

    def bodies(self) -> Iterator[str]:
        """All bodies, of all queues; they stay where they are."""
        for queue in self._queues():
            yield from (letter.body for letter in self.letters(queue))

    def rewrite(self, change: Callable[[str], str | None]) -> int:
        """Replace the bodies that `change` has another for; returns how many."""
        count = 0
        for queue in self._queues():
            letters = {letter.id: letter for letter in self._received(queue)}
            changed = {its: body for its, letter in letters.items() if (body := change(letter.body)) is not None}
            for its, body in changed.items():
                # Buried first: a record may lie there twice, but never not at all.
                self.bury(queue, body, letters[its].reason)
                receipt = letters[its].receipt
                self._client.delete_message(QueueUrl=self._url(f"{queue}{_SUFFIX}"), ReceiptHandle=receipt)
            count += len(changed)
            self._release(queue, [letter for its, letter in letters.items() if its not in changed])
        return count

    def _queues(self) -> list[str]:
        pages = self._client.get_paginator("list_queues").paginate()
        names = (url.rpartition("/")[2] for page in pages for url in page.get("QueueUrls", ()))
        # Those of webhooks hold no more than the numbers of events.
        return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX) and "Webhooks" not in name)

    def _received(self, queue: str) -> Iterator[DeadLetter]:
        for _ in range(_MANY):
            messages = self._client.receive_message(
                QueueUrl=self._url(f"{queue}{_SUFFIX}"),
                MaxNumberOfMessages=_BATCH,
                VisibilityTimeout=_LOOK_S,
                MessageAttributeNames=["reason"],
                MessageSystemAttributeNames=["SentTimestamp"],
            ).get("Messages")
            if not messages:
                return
            yield from (_letter(queue, message) for message in messages)

    def _release(self, queue: str, letters: Iterable[DeadLetter]) -> None:
        for letter in letters:
            self._client.change_message_visibility(
                QueueUrl=self._url(f"{queue}{_SUFFIX}"), ReceiptHandle=letter.receipt, VisibilityTimeout=0
            )

    def _url(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        return self._urls[name]


def _letter(queue: str, message: "MessageTypeDef") -> DeadLetter:
    sent_ms = int(message["Attributes"]["SentTimestamp"])
    said = message.get("MessageAttributes", {})
    reason = said["reason"].get("StringValue", "") if "reason" in said else ""
    sent_at = datetime.fromtimestamp(sent_ms / 1000, UTC)
    return DeadLetter(message["MessageId"], queue, message["Body"], sent_at, reason, message["ReceiptHandle"])
