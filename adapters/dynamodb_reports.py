"""What charge points report, in DynamoDB: ReportTable. It expires by itself."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters import dynamodb
from adapters.dynamodb_events import DynamoEvents
from adapters.dynamodb_items import attribute, document
from adapters.dynamodb_large import LargePayloads
from domain import events

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LONGEST_KEY = 1024  # bytes, DynamoDB's limit for a sort key


class DynamoReports:
    """The Reports port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.reports
        self._kept = tables.kept
        self._events = DynamoEvents(client, tables)
        self._large = LargePayloads(client, self._table, "chargePointId", "reportKey")

    def keep(self, charge_point_id: str, action: str, key: str, payload: dict[str, Any], at: datetime) -> None:
        expires_at = self._kept.reports_until(at)
        item = {
            "chargePointId": attribute(charge_point_id),
            "reportKey": attribute(_fitting(f"{action}#{key}")),
            "payload": attribute(payload),
            "at": attribute(at),
            "expiresAt": attribute(expires_at),
        }
        put: Any = {"TableName": self._table, "Item": self._large.put_aside(item, expires_at)}
        news = events.of_report(action, key, payload)
        if news is not None:
            partner = self._events.partner_of(charge_point_id)
            is_new = {"ConditionExpression": "attribute_not_exists(chargePointId)"}
            if self._events.write(charge_point_id, [news], {"Put": put | is_new}, partner=partner):
                return
        self._client.put_item(**put)

    def of_charge_point(self, charge_point_id: str, action: str, prefix: str = "") -> Sequence[dict[str, Any]]:
        found = dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="chargePointId = :its AND begins_with(reportKey, :action)",
            ExpressionAttributeValues={
                ":its": attribute(charge_point_id),
                ":action": attribute(_beginning(f"{action}#{prefix}")),
            },
            ConsistentRead=True,
        )
        return [document(self._large.whole(item)["payload"]) for item in found]


def _beginning(key: str) -> str:
    # Of a key that was cut short only the first part is left to look for.
    return key if len(key.encode()) <= _LONGEST_KEY else f"{key[:200]}#"


def _fitting(key: str) -> str:
    # Keys carry what the device says of itself: that may be long, but must stay distinct.
    if len(key.encode()) <= _LONGEST_KEY:
        return key
    return f"{key[:200]}#{hashlib.sha256(key.encode()).hexdigest()}"
