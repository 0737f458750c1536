"""Tariffs in DynamoDB: TariffTable, by tariff and the beginning of each version.

`domain.tariffs` is imported when the first is read: it would slow every cold start.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import attribute, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from domain.tariffs import Tariff


class DynamoTariffs:
    """The Tariffs port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.tariffs

    def versions(self, tariff_id: str) -> "Sequence[Tariff]":
        from domain.tariffs import Tariff

        found = dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="tariffId = :its",
            ExpressionAttributeValues={":its": attribute(tariff_id)},
            ConsistentRead=True,
        )
        return [Tariff.model_validate_json(text(item["terms"])) for item in found]

    def put(self, tariff: "Tariff") -> bool:
        from domain import tariffs

        kept = self.versions(tariff.tariff_id)
        if tariff in kept:
            return True
        if not tariffs.may_follow(tariff, kept[-1] if kept else None):
            return False
        item = {
            "tariffId": attribute(tariff.tariff_id),
            "validFrom": attribute(tariff.valid_from),
            "terms": attribute(tariff.model_dump_json(by_alias=True, exclude_defaults=True)),
        }
        try:
            self._client.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(tariffId)"
            )
        except ClientError as error:
            if not dynamodb.refused(error):
                raise
            return tariff in self.versions(tariff.tariff_id)
        return True
