"""Id tokens in the tables, wherever they stand: found by reading each table as a whole.

A table is walked twice only in its large payloads (adapters/dynamodb_large.py): an item with another payload names
other parts, and those that nothing names any more are removed at the end.
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, document, text
from adapters.dynamodb_large import LargePayloads
from domain.privacy import Counts, Mine, Payload, Search

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PLAIN = frozenset({"idToken", "stopIdToken", "groupId", "tokenKey"})
_LARGE = "#large#"
_UNKNOWN = "#unknown-tokens#"
_PROGRESS = "#privacy"
_PROGRESS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what the store is called, its name, and its keys."""

    name: str
    table: str
    partition: str
    sort: str | None = None


def stores(client: "DynamoDBClient", tables: dynamodb.Tables) -> list["DynamoPrivacy"]:
    """The tables in which a token may stand; its own entry first, so that it opens nothing any more."""
    return [
        DynamoPrivacy(client, table)
        for table in (
            Table("idTokens", tables.id_tokens, "idToken"),
            Table("transactions", tables.transactions, "chargePointId", "transactionId"),
            Table("commands", tables.commands, "commandId"),
            Table("jobs", tables.jobs, "jobId", "part"),
            Table("reports", tables.reports, "chargePointId", "reportKey"),
            Table("events", tables.events, "chargePointId", "sequence"),
        )
    ]


class DynamoPrivacy:
    """The Store port, of a table."""

    def __init__(self, client: "DynamoDBClient", table: Table) -> None:
        self._client = client
        self._its = table
        self._large = LargePayloads(client, table.table, table.partition, table.sort)

    @property
    def name(self) -> str:
        return self._its.name

    def erase(self, id_token: str, pseudonym: str, mine: Mine, *, is_dry: bool) -> Counts:
        counts, search = Counts(), Search(id_token)
        large: set[str] = set()
        named: set[str] = set()
        for item in self._items():
            if (digest := self._digest_of(item)) is not None:
                large.add(digest)
            elif _is_meant(item, mine):
                item = self._erased(item, search, pseudonym, counts, is_dry=is_dry)
            named |= {text(each["M"]["sha256"]) for each in item.values() if "sha256" in each.get("M", ())}
        if not is_dry:
            for digest in large - named:
                counts.removed += self._remove_large(digest, search)
        counts.signed = search.signed
        return counts

    def export(self, id_token: str, mine: Mine) -> Iterator[Payload]:
        search = Search(id_token)
        for item in self._items():
            if self._digest_of(item) is None and _is_meant(item, mine) and self._is_about(item, search):
                yield search.own(_shown(self._large.whole(item))) | self._told(item)

    def _erased(self, item: Item, search: Search, pseudonym: str, counts: Counts, *, is_dry: bool) -> Item:
        """The item as it is now, after it was changed or removed."""
        if self._is_key(item, search):
            counts.removed += 1
            if not is_dry:
                self._client.delete_item(TableName=self._its.table, Key=self._key(item))
            return {}
        for _ in dynamodb.attempts(f"{self._its.table}: a token"):
            changes = self._changes(item, search, pseudonym)
            if not changes:
                return item
            if is_dry:
                counts.changed += 1
                return item
            changed = self._change(item, changes)
            if changed is not None:
                counts.changed += 1
                counts.removed += self._remove_claims(item)
                return changed
            found = self._client.get_item(TableName=self._its.table, Key=self._key(item), ConsistentRead=True)
            item = found.get("Item", {})
        raise AssertionError("attempts() ends with an exception")

    def _changes(self, item: Item, search: Search, pseudonym: str) -> Item:
        changes: Item = {}
        for name, stored in self._large.whole(item).items():
            if name in (self._its.partition, self._its.sort):
                continue
            if name in _PLAIN and search.is_it(stored.get("S")):
                changes[name] = attribute(pseudonym)
            elif (payload := _payload(stored)) is not None:
                before = search.found
                replaced = search.replaced(payload, pseudonym)
                if search.found > before:
                    changes[name] = attribute(replaced)
        return changes

    def _change(self, item: Item, changes: Item) -> Item | None:
        """The item as it is now; None if others changed it meanwhile."""
        expires = item.get("expiresAt")
        changes = self._large.put_aside(changes, int(expires["N"]) if expires else None)
        told, values = dict(changes), {f"was{number}": item[name] for number, name in enumerate(changes)}
        condition = " AND ".join(f"#{name} = :was{number}" for number, name in enumerate(changes))
        if "revision" in item:  # whoever folds facts into it reads it again
            told["revision"] = attribute(int(item["revision"]["N"]) + 1)
            condition, values = f"{condition} AND #revision = :was", values | {"was": item["revision"]}
        try:
            self._client.update_item(
                TableName=self._its.table, Key=self._key(item), **dynamodb.update(told, condition, values)
            )
        except ClientError as error:
            if dynamodb.refused(error):
                return None
            raise
        return item | changes

    def _remove_claims(self, item: Item) -> int:
        """Remove by which start it began: the hash there is made of the token, and tokens are few."""
        if self._its.name != "transactions" or "idToken" not in item or "revision" not in item:
            return 0
        claims = dynamodb.query(
            self._client,
            TableName=self._its.table,
            KeyConditionExpression="chargePointId = :its AND begins_with(transactionId, :start)",
            FilterExpression="givenId = :given",
            ExpressionAttributeValues={
                ":its": item["chargePointId"],
                ":start": attribute("start#"),
                ":given": {"N": text(item["transactionId"])},
            },
        ) if text(item["transactionId"]).isdecimal() else iter(())  # fmt: skip
        removed = 0
        for claim in claims:
            self._client.delete_item(TableName=self._its.table, Key=self._key(claim))
            removed += 1
        return removed

    def _is_about(self, item: Item, search: Search) -> bool:
        if self._its.name == "transactions" and "revision" not in item:
            return False  # what was told goes with its transaction
        return self._is_key(item, search) or bool(self._changes(item, search, ""))

    def _told(self, item: Item) -> Payload:
        """Of a transaction, what was told about it."""
        if self._its.name != "transactions" or "revision" not in item:
            return {}
        found = dynamodb.query(
            self._client,
            TableName=self._its.table,
            KeyConditionExpression="chargePointId = :its AND begins_with(transactionId, :told)",
            ExpressionAttributeValues={
                ":its": item["chargePointId"],
                ":told": attribute(f"{text(item['transactionId'])}#"),
            },
        )
        return {"told": [document(self._large.whole(each)["payload"]) for each in found if "payload" in each]}

    def _is_key(self, item: Item, search: Search) -> bool:
        """Whether the token is a part of the item's key: then the item is about nothing else."""
        partition = text(item[self._its.partition])
        if self._its.name == "idTokens":
            partner = text(item["partner"]) if "partner" in item else None
            return partition == (f"P:{partner}:" if partner else "") + search.id_token
        if self._its.name == "reports" and partition.startswith(_UNKNOWN):
            return text(item["reportKey"]) == f"UnknownToken#{search.id_token}"
        return partition == f"#token#{search.id_token}"

    def _remove_large(self, digest: str, search: Search) -> int:
        parts = self._parts(digest)
        payload = _payload({"B": b"".join(bytes(item["part"]["B"]) for item in parts)})
        if payload is None or not search.is_in(payload):
            return 0
        for item in parts:
            self._client.delete_item(TableName=self._its.table, Key=self._key(item))
        return 1

    def _parts(self, digest: str) -> list[Any]:
        found: list[Any] = []
        while True:
            key = (
                {self._its.partition: attribute(f"{_LARGE}{digest}#{len(found)}")}
                if self._its.sort is None
                else {self._its.partition: attribute(f"{_LARGE}{digest}"), self._its.sort: attribute(str(len(found)))}
            )
            item = self._client.get_item(TableName=self._its.table, Key=key, ConsistentRead=True).get("Item")
            if item is None:
                return found
            found.append(item)

    def _digest_of(self, item: Item) -> str | None:
        partition = text(item[self._its.partition])
        return partition.removeprefix(_LARGE).partition("#")[0] if partition.startswith(_LARGE) else None

    def _items(self) -> Iterator[Item]:
        for page in self._client.get_paginator("scan").paginate(TableName=self._its.table, ConsistentRead=True):
            yield from page["Items"]

    def _key(self, item: Item) -> Item:
        return {name: item[name] for name in (self._its.partition, self._its.sort) if name is not None}


class DynamoProgress:
    """The Progress port: items of EventTable under `#privacy`, by a slow hash of the token, for 30 days at most."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.events

    def find(self, id_token: str, partner: str | None) -> Payload | None:
        key = _progress_key(id_token, partner)
        found = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        told: Payload | None = document(found["told"]) if found else None
        return told

    def keep(self, id_token: str, partner: str | None, told: Payload) -> None:
        expires = attribute(int((datetime.now(UTC) + _PROGRESS_KEPT).timestamp()))
        item = _progress_key(id_token, partner) | {"told": attribute(told), "expiresAt": expires}
        self._client.put_item(TableName=self._table, Item=item)

    def forget(self, id_token: str, partner: str | None) -> None:
        self._client.delete_item(TableName=self._table, Key=_progress_key(id_token, partner))


def _progress_key(id_token: str, partner: str | None) -> Item:
    words = f"{partner or ''}\n{id_token.lower()}".encode()
    digest = hashlib.scrypt(words, salt=b"ocppgw privacy", n=2**14, r=8, p=1, dklen=16).hex()
    return {"chargePointId": attribute(_PROGRESS), "sequence": attribute(digest)}


def _is_meant(item: Item, mine: Mine) -> bool:
    its = item.get("chargePointId", {}).get("S")
    if its is not None and its.startswith(_UNKNOWN):
        return mine(None, its.removeprefix(_UNKNOWN) or None)
    charge_point_id = None if its is None or its.startswith("#") else its
    return mine(charge_point_id, text(item["partner"]) if "partner" in item else None)


def _payload(stored: Any) -> Any:
    """The JSON document in an attribute; None if there is none."""
    if "B" not in stored and not str(stored.get("S", "")).startswith("{"):
        return None
    try:
        return document(stored)
    except (orjson.JSONDecodeError, zlib.error):
        return None


def _shown(item: Item) -> Payload:
    """An item as JSON."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(stored: Any) -> Any:
    if (payload := _payload(stored)) is not None:
        return payload
    if "L" in stored:
        return [_plain(each) for each in stored["L"]]
    if "M" in stored:
        return {name: _plain(each) for name, each in stored["M"].items()}
    if "N" in stored:
        return orjson.loads(stored["N"])
    return stored.get("S", stored.get("BOOL"))
