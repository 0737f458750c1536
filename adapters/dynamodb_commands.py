"""Commands in DynamoDB: CommandTable. They expire by themselves after 90 days."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, name_of, read, write
from domain.models import Command, CommandState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(days=90)

_INDEX = "byChargePoint"


class DynamoCommands:
    """The Commands port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.commands

    def add(self, command: Command) -> None:
        item = write(command) | {"expiresAt": attribute(int((command.created_at + KEPT).timestamp()))}
        try:
            self._client.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(commandId)"
            )
        except ClientError as error:
            # The same command once more: botocore repeats what it got no reply to.
            if not dynamodb.refused(error):
                raise

    def find(self, command_id: str) -> Command | None:
        found = self._client.get_item(TableName=self._table, Key=_key(command_id), ConsistentRead=True)
        return _command(found.get("Item"))

    def move(self, command_id: str, state: CommandState, **answer: Any) -> Command | None:
        told = {name_of(name): attribute(value) for name, value in answer.items() if value is not None}
        not_final = {state.value: attribute(state) for state in CommandState if not state.is_final}
        condition = f"#state IN ({', '.join(f':{name}' for name in not_final)})"
        return self._update(command_id, dynamodb.update(told | {"state": attribute(state)}, condition, not_final))

    def note(self, command_id: str, **facts: Any) -> None:
        told = {name_of(name): attribute(value) for name, value in facts.items()}
        self._update(command_id, dynamodb.update(told, "attribute_exists(#createdAt)"))

    def of_charge_point(self, charge_point_id: str, limit: int, before: datetime | None = None) -> Sequence[Command]:
        condition, values = "chargePointId = :its", {":its": attribute(charge_point_id)}
        if before is not None:
            condition, values = f"{condition} AND createdAt < :before", {**values, ":before": attribute(before)}
        newest = dynamodb.query(
            self._client,
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=limit,
        )
        return [read(Command, item) for item in islice(newest, limit)]

    def _update(self, command_id: str, expressions: dict[str, Any]) -> Command | None:
        try:
            updated = self._client.update_item(
                TableName=self._table,
                Key=_key(command_id),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **expressions,
            )
        except ClientError as error:
            if not dynamodb.refused(error):
                raise
            return _command(dynamodb.item_of(error))
        return read(Command, updated["Attributes"])


def _command(item: Item | None) -> Command | None:
    # The table holds lines, buckets and claims too; their keys have a "#", which a charge point may well send as an id.
    return read(Command, item) if item and "createdAt" in item else None


def _key(command_id: str) -> Item:
    return {"commandId": attribute(command_id)}
