"""Webhooks in DynamoDB: items of EventTable under `#webhooks`, with their secrets."""

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, read, text, write
from domain.webhooks import Webhook

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PARTITION = attribute("#webhooks")  # no charge point id has a #


class DynamoWebhooks:
    """The Webhooks port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.events

    def add(self, webhook: Webhook) -> None:
        self._client.put_item(TableName=self._table, Item=write(webhook) | _key(webhook.webhook_id))

    def find(self, webhook_id: str) -> Webhook | None:
        key = _key(webhook_id)
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return _read(item) if item else None

    def all(self) -> list[Webhook]:
        found = dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="chargePointId = :its",
            ExpressionAttributeValues={":its": _PARTITION},
            ConsistentRead=True,
        )
        return [_read(item) for item in found]

    def remove(self, webhook_id: str) -> bool:
        gone = self._client.delete_item(TableName=self._table, Key=_key(webhook_id), ReturnValues="ALL_OLD")
        return "Attributes" in gone

    def mark(self, webhook_id: str, failing_since: datetime | None, disabled_at: datetime | None = None) -> None:
        marks = {"failingSince": failing_since, "disabledAt": disabled_at}
        told = {name: attribute(at) for name, at in marks.items() if at is not None}
        removed = [name for name, at in marks.items() if at is None]
        told["webhookId"] = attribute(webhook_id)  # there is always one to set
        changed = dynamodb.update(told, "attribute_exists(#webhookId)", remove=removed)
        try:
            self._client.update_item(TableName=self._table, Key=_key(webhook_id), **changed)
        except ClientError as error:
            if not dynamodb.refused(error):
                raise


def _key(webhook_id: str) -> Item:
    return {"chargePointId": _PARTITION, "sequence": attribute(webhook_id)}


def _read(item: Item) -> Webhook:
    return read(Webhook, item, webhook_id=text(item["sequence"]))
