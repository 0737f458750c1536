"""Events in DynamoDB: EventTable, and the way into it, which is the transaction that writes the fact.

Under a charge point its events by their numbers. The index `byTime` has the keys of all events of a day, in shards.
"""

import heapq
import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, document, text, time
from adapters.dynamodb_large import LargePayloads
from domain import events
from domain.events import Event, EventType, News
from ocppj import timestamps

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INDEX = "byTime"
_SHARDS = 4  # each takes about 1,000 events a second
_DIGITS = 15
_ONE_BY_ONE = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
_BATCH = 100


def _now() -> datetime:
    return datetime.now(UTC)


class DynamoEvents:
    """The Events port, and `write` for the stores of the facts."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables, clock: Callable[[], datetime] = _now) -> None:
        self._client = client
        self._tables = tables
        self._table = tables.events
        self._clock = clock
        self._large = LargePayloads(client, self._table, "chargePointId", "sequence")

    def write(self, charge_point_id: str, news: Sequence[News], *facts: dict[str, Any], partner: str | None) -> bool:
        """Write these facts (of TransactWriteItems) and what they tell, or nothing if a condition of theirs is false.

        Raises:
            RowChangedError: others kept writing events of this charge point.
        """
        for _ in dynamodb.attempts(f"{charge_point_id}: events"):
            told = events.numbered(news, charge_point_id, partner, self._last(charge_point_id), self._clock())
            try:
                self._client.transact_write_items(TransactItems=[*facts, *map(self._put, told)])  # type: ignore[list-item]
            except self._client.exceptions.TransactionCanceledException as error:
                codes = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())]
                if "ConditionalCheckFailed" in codes[: len(facts)]:
                    return False
                if not any(code in ("ConditionalCheckFailed", *_ONE_BY_ONE) for code in codes):
                    raise  # no other writer is the reason: trying again won't help
                continue
            return True
        raise AssertionError("attempts() ends with an exception")

    def partner_of(self, charge_point_id: str) -> str | None:
        """Whose a charge point is, for stores that don't know."""
        found = self._client.get_item(
            TableName=self._tables.charge_points,
            Key={"chargePointId": attribute(charge_point_id)},
            ProjectionExpression="partner",
        )
        item = found.get("Item", {})
        return text(item["partner"]) if "partner" in item else None

    def find(self, charge_point_id: str, sequence: int) -> Event | None:
        key = _key(charge_point_id, sequence)
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return self._read(item) if item else None

    def of_charge_point(self, charge_point_id: str, begin: datetime | None = None) -> Iterator[Event]:
        found = self._query(charge_point_id, ScanIndexForward=True)
        yield from (event for event in map(self._read, found) if begin is None or event.at >= begin)

    def since(self, begin: datetime, end: datetime, after: str = "") -> Iterator[Event]:
        positions = self.positions(begin, end, after)
        while batch := list(itertools.islice(positions, _BATCH)):
            yield from self.at(batch)

    def positions(self, begin: datetime, end: datetime, after: str = "") -> Iterator[str]:
        day = begin.astimezone(UTC).date()
        while day <= end.astimezone(UTC).date():
            yield from heapq.merge(*(self._of_day(f"{day}#{shard}", begin, end, after) for shard in range(_SHARDS)))
            day += timedelta(days=1)

    def at(self, positions: Sequence[str]) -> Iterator[Event]:
        keys = [_key(*events.place(each)) for each in positions]
        yield from sorted(map(self._read, dynamodb.get_many(self._client, self._table, keys)), key=events.position)

    def _of_day(self, shard: str, begin: datetime, end: datetime, after: str) -> Iterator[str]:
        between = {
            # What comes after a position is what is longer than it, or greater.
            ":low": attribute(max(timestamps.write(begin), f"{after}!" if after else "")),
            ":high": attribute(timestamps.write(end)),
        }
        if between[":low"]["S"] > between[":high"]["S"]:
            return iter(())  # DynamoDB refuses such a range
        found = dynamodb.query(
            self._client,
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression="#shard = :shard AND #position BETWEEN :low AND :high",
            ExpressionAttributeNames={"#shard": "shard", "#position": "position"},
            ExpressionAttributeValues={":shard": attribute(shard), **between},
        )
        return (text(item["position"]) for item in found)

    def _last(self, charge_point_id: str) -> tuple[int, datetime] | None:
        newest = next(self._query(charge_point_id, ScanIndexForward=False, Limit=1), None)
        return (int(text(newest["sequence"])), time(newest["at"])) if newest else None

    def _query(self, charge_point_id: str, **how: Any) -> Iterator[Item]:
        return dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="chargePointId = :its",
            ExpressionAttributeValues={":its": attribute(charge_point_id)},
            ConsistentRead=True,
            **how,
        )

    def _put(self, event: Event) -> dict[str, Any]:
        expires_at = self._tables.kept.events_until(event.at)
        item = _key(event.charge_point_id, event.sequence) | {
            "eventId": attribute(event.id),
            "type": attribute(str(event.type)),
            "at": attribute(event.at),
            "data": attribute(event.data),
            "shard": attribute(f"{event.at.astimezone(UTC).date()}#{_shard_of(event.charge_point_id)}"),
            "position": attribute(events.position(event)),
            "expiresAt": attribute(expires_at),
        }
        if event.partner is not None:
            item["partner"] = attribute(event.partner)
        item = self._large.put_aside(item, expires_at)
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(chargePointId)",
            }
        }

    def _read(self, item: Item) -> Event:
        return read_event(self._large.whole(item))


def read_event(item: Item) -> Event:
    """The event in an item."""
    return Event(
        id=text(item["eventId"]),
        type=EventType(text(item["type"])),
        charge_point_id=text(item["chargePointId"]),
        sequence=int(text(item["sequence"])),
        at=time(item["at"]),
        partner=text(item["partner"]) if "partner" in item else None,
        data=document(item["data"]),
    )


def _key(charge_point_id: str, sequence: int) -> Item:
    return {"chargePointId": attribute(charge_point_id), "sequence": attribute(f"{sequence:0{_DIGITS}}")}


def _shard_of(charge_point_id: str) -> int:
    return zlib.crc32(charge_point_id.encode()) % _SHARDS
