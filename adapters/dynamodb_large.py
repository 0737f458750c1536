"""Payloads that don't fit their item of DynamoDB: kept beside it, in parts, under a key that is their hash.

In the item stands {"sha256", "parts", "size"} instead. The parts are put first: an item never names what isn't there.
"""

import hashlib
from typing import TYPE_CHECKING, Any

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, is_large, text, whole

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PART = 350 * 1024  # an item holds 400 KB


class LargePayloads:
    """The large payloads of one table, whose key is `partition` and, if it has one, `sort`."""

    def __init__(self, client: "DynamoDBClient", table: str, partition: str, sort: str | None = None) -> None:
        self._client = client
        self._table = table
        self._partition = partition
        self._sort = sort

    def put_aside(self, item: Item, expires_at: int | None = None) -> Item:
        """The item, without what is too large for it; what is put aside expires then (s since 1970), if at all."""
        return {name: self._aside(value, expires_at) if is_large(value) else value for name, value in item.items()}

    def whole(self, item: Any) -> Item:
        """The item with what was put aside."""
        return {name: self._joined(value) if "sha256" in value.get("M", ()) else value for name, value in item.items()}

    def _aside(self, value: dict[str, Any], expires_at: int | None) -> dict[str, Any]:
        content, digest = value["B"], hashlib.sha256(value["B"]).hexdigest()
        parts = [content[start : start + _PART] for start in range(0, len(content), _PART)]
        for number, part in enumerate(parts):  # one by one: together they may be more than a batch takes
            kept = {"part": {"B": part}} | ({"expiresAt": attribute(expires_at)} if expires_at else {})
            self._client.put_item(TableName=self._table, Item=self._key(digest, number) | kept)
        return {"M": {"sha256": attribute(digest), "parts": attribute(len(parts)), "size": attribute(len(content))}}

    def _joined(self, value: dict[str, Any]) -> dict[str, Any]:
        named = value["M"]
        keys = [self._key(text(named["sha256"]), number) for number in range(whole(named["parts"]))]
        # A batch hands them out in any order.
        found = {
            self._name(item): bytes(item["part"]["B"]) for item in dynamodb.get_many(self._client, self._table, keys)
        }
        if len(found) < len(keys):
            return value  # expired, or taken away by hand: what is left says how large it was
        return {"B": b"".join(found[self._name(key)] for key in keys)}

    def _key(self, digest: str, number: int) -> Item:
        # No charge point and no command has a # in its id.
        if self._sort is None:
            return {self._partition: attribute(f"#large#{digest}#{number}")}
        return {self._partition: attribute(f"#large#{digest}"), self._sort: attribute(str(number))}

    def _name(self, item: Item) -> str:
        return text(item[self._sort or self._partition])
