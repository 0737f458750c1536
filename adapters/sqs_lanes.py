"""The lanes of webhooks: FIFO queues of SQS, in which each charge point is a group. And EventBridge."""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from adapters import aws
from adapters.sqs import BATCH
from domain.events import Event
from domain.webhooks import LaneError, Webhook

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BUS = "ocppgw.events"

_PREFIX = "Webhooks"
_SOURCE = "ocppgw"
_LARGEST = 200_000  # bytes; an entry, and all of a request, may have 256 KB


class SqsLanes:
    """The Lanes port."""

    def __init__(self, client: "SQSClient") -> None:
        self._client = client
        self._urls: dict[int, str] = {}

    def send(self, webhook: Webhook, events: list[Event], again: str = "") -> None:
        url = self.url(webhook.lane)
        for start in range(0, len(events), BATCH):
            entries = [
                _message(str(number), webhook, event, again)
                for number, event in enumerate(events[start : start + BATCH])
            ]
            sent = self._client.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
            if sent.get("Failed"):
                raise LaneError(f"lane {webhook.lane} did not take {len(sent['Failed'])} events")

    def count(self) -> int:
        pages = self._client.get_paginator("list_queues").paginate(QueueNamePrefix=_PREFIX)
        names = (url.rpartition("/")[2] for page in pages for url in page.get("QueueUrls", ()))
        return sum(1 for name in names if name.removeprefix(_PREFIX).removesuffix(".fifo").isdigit())

    def url(self, lane: int) -> str:
        """The URL of its queue."""
        if lane not in self._urls:
            self._urls[lane] = self._client.get_queue_url(QueueName=f"{_PREFIX}{lane}.fifo")["QueueUrl"]
        return self._urls[lane]

    def release(self, lane: int, receipt: str, in_s: int) -> None:
        """Have a message come again in so many seconds."""
        self._client.change_message_visibility(QueueUrl=self.url(lane), ReceiptHandle=receipt, VisibilityTimeout=in_s)


class EventBridge:
    """The Bus port. Of an event that is too large for it, the data is only its size."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def put(self, events: list[Event]) -> None:
        for entries in _in_batches([_entry(event) for event in events]):
            put = self._client.put_events(Entries=entries)
            if put["FailedEntryCount"]:
                raise LaneError(f"{BUS} did not take {put['FailedEntryCount']} events")


def connect() -> EventBridge:
    """EventBridge of this account and region."""
    return EventBridge(aws.session().client("events", config=aws.config()))


def _message(number: str, webhook: Webhook, event: Event, again: str) -> dict[str, str]:
    body = {"webhookId": webhook.webhook_id, "chargePointId": event.charge_point_id, "sequence": event.sequence}
    return {
        "Id": number,
        "MessageBody": orjson.dumps(body).decode(),
        "MessageGroupId": _digest(webhook.webhook_id, event.charge_point_id),
        "MessageDeduplicationId": _digest(webhook.webhook_id, event.id, again),
    }


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _entry(event: Event) -> dict[str, Any]:
    said = event.as_json()
    detail = orjson.dumps(said)
    if len(detail) > _LARGEST:
        detail = orjson.dumps(said | {"data": {"tooLarge": len(detail)}})
    return {
        "EventBusName": BUS,
        "Source": _SOURCE,
        "DetailType": str(event.type),
        "Time": event.at,
        "Resources": [event.charge_point_id],
        "Detail": detail.decode(),
    }


def _in_batches(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        its = len(entry["Detail"].encode())
        if batch and (len(batch) == BATCH or size + its > _LARGEST):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += its
    if batch:
        yield batch
