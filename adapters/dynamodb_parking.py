"""Refused and parked events in DynamoDB: items of EventTable under `#refused#<webhook>` and `#parked#<webhook>`."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, read, time, whole, write
from domain.events import Event
from domain.parking import Parked

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoParking:
    """The Parking port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.events
        self._kept = tables.kept

    def refused_since(self, webhook_id: str, event: Event, now: datetime) -> datetime:
        key = _key(f"#refused#{webhook_id}", event.charge_point_id)
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if item is not None and whole(item["number"]) == event.sequence:
            return time(item["since"])
        told = {
            "number": attribute(event.sequence),
            "since": attribute(now),
            "expiresAt": attribute(self._kept.events_until(now)),
        }
        self._client.put_item(TableName=self._table, Item=key | told)
        return now

    def park(self, parked: Parked) -> None:
        key = _parked_key(parked.webhook_id, parked.charge_point_id, parked.sequence)
        told = write(parked, "webhook_id", "charge_point_id", "sequence")
        its = {"whose": attribute(parked.charge_point_id), "number": attribute(parked.sequence)}
        self._client.put_item(
            TableName=self._table,
            Item=key | told | its | {"expiresAt": attribute(self._kept.events_until(parked.parked_at))},
        )

    def parked(self, webhook_id: str) -> Sequence[Parked]:
        found = dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="chargePointId = :its",
            ExpressionAttributeValues={":its": attribute(f"#parked#{webhook_id}")},
            ConsistentRead=True,
        )
        return [_parked(webhook_id, item) for item in found]

    def take(self, webhook_id: str, event: Event) -> None:
        its = event.charge_point_id
        for key in (_parked_key(webhook_id, its, event.sequence), _key(f"#refused#{webhook_id}", its)):
            self._client.delete_item(TableName=self._table, Key=key)


def _parked(webhook_id: str, item: Item) -> Parked:
    return read(Parked, item, webhook_id=webhook_id, charge_point_id=item["whose"]["S"], sequence=whole(item["number"]))


def _parked_key(webhook_id: str, charge_point_id: str, sequence: int) -> Item:
    return _key(f"#parked#{webhook_id}", f"{charge_point_id}#{sequence:015}")


def _key(partition: str, sort: str) -> Item:
    return {"chargePointId": attribute(partition), "sequence": attribute(sort)}
