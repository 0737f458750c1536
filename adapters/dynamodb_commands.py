"""Commands in DynamoDB: CommandTable. They expire by themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_events import DynamoEvents
from adapters.dynamodb_items import Item, attribute, name_of, read, write
from adapters.dynamodb_large import LargePayloads
from domain import events
from domain.models import Command, CommandState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INDEX = "byChargePoint"


class DynamoCommands:
    """The Commands port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.commands
        self._kept = tables.kept
        self._events = DynamoEvents(client, tables)
        self._large = LargePayloads(client, self._table, "commandId")

    def add(self, command: Command) -> None:
        expires_at = self._kept.commands_until(command.created_at)
        item = self._large.put_aside(write(command), expires_at) | {"expiresAt": attribute(expires_at)}
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
        return self._command(found.get("Item"))

    def move(self, command_id: str, state: CommandState, **answer: Any) -> Command | None:
        told = self._told(answer)
        not_final = {state.value: attribute(state) for state in CommandState if not state.is_final}
        condition = f"#state IN ({', '.join(f':{name}' for name in not_final)})"
        expressions = dynamodb.update(told | {"state": attribute(state)}, condition, not_final)
        return (
            self._finish(command_id, expressions, state, answer)
            if state.is_final
            else self._update(command_id, expressions)
        )

    def note(self, command_id: str, **facts: Any) -> None:
        self._update(command_id, dynamodb.update(self._told(facts), "attribute_exists(#createdAt)"))

    def of_charge_point(
        self, charge_point_id: str, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[Command]:
        start: Any = {}
        if after is not None:
            moment, command_id = after
            its = {"chargePointId": attribute(charge_point_id), "createdAt": attribute(moment)}
            start["ExclusiveStartKey"] = _key(command_id) | its
        newest = dynamodb.query(
            self._client,
            TableName=self._table,
            IndexName=_INDEX,
            KeyConditionExpression="chargePointId = :its",
            ExpressionAttributeValues={":its": attribute(charge_point_id)},
            ScanIndexForward=False,
            Limit=limit,
            **start,
        )
        return [read(Command, self._large.whole(item)) for item in islice(newest, limit)]

    def _finish(
        self, command_id: str, expressions: dict[str, Any], state: CommandState, answer: Mapping[str, Any]
    ) -> Command | None:
        """Make it final, and tell of it; what was final before stays."""
        command = self.find(command_id)
        if command is None or command.state.is_final:
            return command
        news = events.of_command(replace(command, state=state, **answer))
        update = {"Update": {"TableName": self._table, "Key": _key(command_id), **expressions}}
        whose = command.charge_point_id
        self._events.write(whose, [news] if news else [], update, partner=self._events.partner_of(whose))
        return self.find(command_id)

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
            return self._command(dynamodb.item_of(error))
        return read(Command, self._large.whole(updated["Attributes"]))

    def _told(self, facts: Mapping[str, Any]) -> Item:
        told = {name_of(name): attribute(value) for name, value in facts.items() if value is not None}
        return self._large.put_aside(told, self._kept.commands_until(datetime.now(UTC)))

    def _command(self, item: Item | None) -> Command | None:
        # The table holds lines, buckets and claims too; their keys have a "#", which a charge point may well send.
        return read(Command, self._large.whole(item)) if item and "createdAt" in item else None


def _key(command_id: str) -> Item:
    return {"commandId": attribute(command_id)}
