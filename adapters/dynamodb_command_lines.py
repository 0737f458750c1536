"""What goes with commands, in CommandTable beside them: lines, buckets and claims, each one item.

Their keys have a "#" in them, and they have no chargePointId: the index of a charge point's commands doesn't show them.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, text, time
from domain import buckets
from domain.models import Claim, Command

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_WAITS = "waits#"  # an attribute per command in the line: waits#<command id> = createdAt
_FULL_FOR = timedelta(minutes=2)  # after that a bucket is full, and its item worth nothing


class DynamoCommandLines:
    """The CommandLines port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.commands
        self._kept = tables.kept

    def put(self, line: str, command: Command) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=_key("line", line),
            UpdateExpression="SET #waits = :at, #expiresAt = :expires",
            ExpressionAttributeNames={"#waits": _WAITS + command.command_id, "#expiresAt": "expiresAt"},
            ExpressionAttributeValues={
                ":at": attribute(command.created_at),
                ":expires": attribute(self._kept.commands_until(command.created_at)),
            },
        )

    def waiting(self, line: str) -> Sequence[str]:
        found = self._client.get_item(TableName=self._table, Key=_key("line", line), ConsistentRead=True)
        item: Any = found.get("Item", {})
        its = {name.removeprefix(_WAITS): text(item[name]) for name in item if name.startswith(_WAITS)}
        return sorted(its, key=lambda command_id: its[command_id])

    def take(self, line: str, command_id: str) -> bool:
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key("line", line),
                UpdateExpression="REMOVE #waits",
                ConditionExpression="attribute_exists(#waits)",
                ExpressionAttributeNames={"#waits": _WAITS + command_id},
            )
        except ClientError as error:
            if not dynamodb.refused(error):
                raise
            return False
        return True


class DynamoCommandGuards:
    """The CommandGuards port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.commands

    def claim(self, key: str, claim: Claim, now: datetime, until: datetime) -> Claim:
        # DynamoDB takes its time with what expired: a claim that is over is as good as none.
        item = _key("claim", key) | {
            "claimedBy": attribute(claim.command_id),
            "digest": attribute(claim.digest),
            "expiresAt": _seconds(until),
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(commandId) OR expiresAt <= :now",
                ExpressionAttributeValues={":now": _seconds(now)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            held = dynamodb.item_of(error)
            if not dynamodb.refused(error) or held is None:
                raise
            return Claim(text(held["claimedBy"]), text(held["digest"]))
        return claim

    def spend(self, bucket: str, per_minute: int, now: datetime) -> float:
        key = _key("bucket", bucket)
        for _ in dynamodb.attempts(bucket):
            found: Any = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
            stored = found.get("Item", {}).get("fullAt")
            full_at, wait_s = buckets.spend(time(stored) if stored else None, per_minute, now)
            if wait_s or self._fill(key, stored, full_at):
                return wait_s
        raise AssertionError("attempts() raises before")

    def _fill(self, key: Item, stored: Any, full_at: datetime) -> bool:
        # As nobody else has changed it meanwhile.
        unchanged: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(fullAt)"}
        if stored:
            unchanged = {
                "ConditionExpression": "fullAt = :stored",
                "ExpressionAttributeValues": {":stored": stored},
            }
        item = key | {"fullAt": attribute(full_at), "expiresAt": _seconds(full_at + _FULL_FOR)}
        try:
            self._client.put_item(TableName=self._table, Item=item, **unchanged)
        except ClientError as error:
            if not dynamodb.refused(error):
                raise
            return False
        return True


def _key(kind: str, name: str) -> Item:
    # Callers choose their keys, and may choose them longer than DynamoDB takes.
    short = name if len(name) <= 128 else hashlib.sha256(name.encode()).hexdigest()
    return {"commandId": attribute(f"{kind}#{short}")}


def _seconds(moment: datetime) -> Item:
    return attribute(int(moment.timestamp()))
