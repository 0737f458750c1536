"""Many rows of ChargePointTable at once, as an import writes them: fifty to a transaction.

A transaction is written as a whole or not at all: where one row of it is not as expected, all go singly.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from adapters import dynamodb
from adapters.dynamodb_items import attribute
from adapters.dynamodb_observations import key_of
from adapters.dynamodb_registry import (
    IS_FREE,
    IS_NEW,
    LACKS_THING,
    DynamoRegistry,
    folded,
    gone,
    item_of_row,
)
from domain.models import ChargePoint

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Part = TypeVar("Part")

_TOGETHER = 50  # a transaction takes 100 items, and each row here two


class DynamoRegistrations:
    """The Registrations port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.charge_points
        self._registry = DynamoRegistry(client, tables)

    def add(self, rows: Sequence[ChargePoint]) -> set[str]:
        added: set[str] = set()
        for part in _parts(rows):
            if self._write([write for row in part for write in self._new(row)]):
                added |= {row.charge_point_id for row in part}
            else:
                added |= {row.charge_point_id for row in part if self._registry.add(row)}
        return added

    def fill_in(self, thing_ids: Mapping[str, str]) -> None:
        for part in _parts(list(thing_ids.items())):
            if not self._write([write for its in part for write in self._filled_in(*its)]):
                for charge_point_id, thing_id in part:
                    self._registry.add(ChargePoint(charge_point_id, thing_id=thing_id))

    def _new(self, row: ChargePoint) -> Iterator[dict[str, Any]]:
        told = {"name": attribute(row.charge_point_id)}
        name = dynamodb.update(told, IS_FREE)
        yield {"Update": {"TableName": self._table, "Key": key_of(folded(row.charge_point_id)), **name}}
        yield {"Put": {"TableName": self._table, "Item": item_of_row(row), "ConditionExpression": IS_NEW}}

    def _filled_in(self, charge_point_id: str, thing_id: str) -> Iterator[dict[str, Any]]:
        told = dynamodb.update({"thingId": attribute(thing_id)}, LACKS_THING, {"none": attribute("")})
        yield {"Update": {"TableName": self._table, "Key": key_of(charge_point_id), **told}}
        # It may have been deleted meanwhile, and that been heard of.
        yield {
            "ConditionCheck": {"TableName": self._table, "Key": key_of(gone(thing_id)), "ConditionExpression": IS_NEW}
        }

    def _write(self, writes: list[Any]) -> bool:
        """Write all; False if a condition did not hold, or others wrote one of them at the same time."""
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException:
            return False
        return True


def _parts(all_of_them: Sequence[Part]) -> Iterator[Sequence[Part]]:
    for start in range(0, len(all_of_them), _TOGETHER):
        yield all_of_them[start : start + _TOGETHER]
