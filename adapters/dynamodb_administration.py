"""Charge points as administrators change and list them: ChargePointTable and its indexes by partner and kind."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, name_of, text
from adapters.dynamodb_registry import LISTED, row_of
from domain import pages
from domain.administration import CREDENTIALS
from domain.models import ChargePoint
from domain.pages import Ask, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoAdministration:
    """The Administration port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.charge_points

    def change(self, charge_point_id: str, changes: Mapping[str, Any]) -> ChargePoint | None:
        # Rows that older versions wrote are in no list yet: now they are.
        told = LISTED | {name_of(field): attribute(new) for field, new in changes.items() if new not in (None, ())}
        removed = [name_of(field) for field, new in changes.items() if new in (None, ())]
        if "password_hash" in changes:
            removed += ["nextPasswordHash", "awaitsNextPassword"]
        request: dict[str, Any] = dynamodb.update(told, "attribute_exists(#chargePointId)", remove=removed)
        if CREDENTIALS & changes.keys():
            request["UpdateExpression"] += " ADD credentialVersion :one"
            request["ExpressionAttributeValues"][":one"] = attribute(1)
        try:
            key = {"chargePointId": attribute(charge_point_id)}
            now = self._client.update_item(TableName=self._table, Key=key, ReturnValues="ALL_NEW", **request)
        except ClientError as error:
            if dynamodb.refused(error):
                return None
            raise
        return row_of(now["Attributes"])

    def page(self, partner: str | None, ask: Ask) -> Page[ChargePoint]:
        index, name, value = ("byKind", "kind", LISTED["kind"]) if partner is None else (
            "byPartner", "partner", attribute(partner),
        )  # fmt: skip
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": "#partition = :its",
            "ExpressionAttributeNames": {"#partition": name},
            "ExpressionAttributeValues": {":its": value},
            "Limit": ask.limit + 1,
        }
        if ask.cursor:
            (after,) = pages.decode(ask.cursor, 1)
            request["ExclusiveStartKey"] = {name: value, "chargePointId": attribute(after)}
        found = list(self._client.query(**request)["Items"])
        page = pages.cut(found, ask.limit, lambda item: pages.encode(text(item["chargePointId"])))
        return Page(self._read(page.items), page.cursor)

    def everything(self) -> Iterator[ChargePoint]:
        yield from map(row_of, self._scan())

    def unlisted(self) -> Iterator[str]:
        yield from (text(item["chargePointId"]) for item in self._scan() if not LISTED.keys() <= item.keys())

    def _scan(self) -> Iterator[Any]:
        request: dict[str, Any] = {"TableName": self._table, "ConsistentRead": True}
        while True:
            found = self._client.scan(**request)
            # Leases, names and deleted things are in the table too: their keys have a #.
            yield from (item for item in found["Items"] if "#" not in text(item["chargePointId"]))
            if "LastEvaluatedKey" not in found:
                return
            request["ExclusiveStartKey"] = found["LastEvaluatedKey"]

    def _read(self, found: Any) -> list[ChargePoint]:
        # The index follows the table with a delay: what is gone since is left out.
        keys: list[Item] = [{"chargePointId": item["chargePointId"]} for item in found]
        rows = {row.charge_point_id: row for row in map(row_of, dynamodb.get_many(self._client, self._table, keys))}
        return [rows[text(key["chargePointId"])] for key in keys if text(key["chargePointId"]) in rows]
