"""Transactions in DynamoDB: TransactionTable.

Under a charge point: the transactions; what was told about each, `<transaction>#event#...` and
`<transaction>#values#...`; `start#<hash>`, which id a 1.6 start was given; and `session#<connector>#...`, the
transactions of a connector in their order. A transaction is read, folded (domain/transactions.py) and written on
condition that nobody else has written it meanwhile.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import count, islice
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from botocore.exceptions import ClientError

from adapters import dynamodb, dynamodb_transaction_lists
from adapters.dynamodb_events import DynamoEvents
from adapters.dynamodb_items import Item, attribute, document, name_of, read, text, whole, write
from adapters.dynamodb_large import LargePayloads
from domain import events, readings, reconciler, transactions
from domain.models import Transaction, TransactionEvent
from domain.transactions import MAX_TRANSACTION_ID, Sheet, Stamp
from ocppj import timestamps

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Folded = TypeVar("Folded", bound=Sheet | None)

_COUNTER = {"chargePointId": {"S": "#counter"}, "transactionId": {"S": "ocpp1.6"}}
_BLOCK = 16  # ids taken from the counter at once: one item takes about 1,000 writes a second
_OURS = frozenset({*(name_of(field.name) for field in fields(Transaction)), *dynamodb_transaction_lists.NAMES})
_IS_NEW = "attribute_not_exists(chargePointId)"
_IS_UNTOUCHED = "revision = :revision"


class IdsUsedUpError(Exception):
    """There is no 1.6 transaction id left."""


class DynamoTransactions:
    """The Transactions and TransactionHistory ports; `on_rule` is told of each rule the reconciler applied, once."""

    def __init__(
        self, client: "DynamoDBClient", tables: dynamodb.Tables, on_rule: Callable[[str], None] = lambda rule: None
    ) -> None:
        self._client = client
        self._table = tables.transactions
        self._kept = tables.kept
        self._on_rule = on_rule
        self._events = DynamoEvents(client, tables)
        self._large = LargePayloads(client, self._table, "chargePointId", "transactionId")
        self._ids: Iterator[int] = iter(())  # taken from the counter, not given out yet
        self._lock = Lock()

    def begin(self, start: Transaction) -> Transaction:
        for number in count(1):
            claim = _key(start.charge_point_id, _claim_of(start, number))
            claimed, begun = self._begin(claim, start, number)
            if transactions.is_another(start, begun):
                continue
            if claimed is not None and "isPlaced" in claimed:
                return begun
            placed = self._put_in_order(begun)
            if claimed is not None:  # whoever began it may have died before it had its place; what came again may again
                self._client.put_item(
                    TableName=self._table, Item=claimed | {"isPlaced": attribute(True)} | self._expires()
                )
            return placed
        raise AssertionError("count() doesn't end")

    def finish(self, stop: Transaction) -> Transaction:
        return self._fold(stop, lambda stored: transactions.finished(stored, stop)).transaction

    def record(self, event: TransactionEvent) -> Transaction:
        self._put_event(event)
        # Also when it was there before: whoever put it may have died before the next line.
        recorded = self._fold(event.facts, lambda stored: transactions.recorded(stored, event)).transaction
        if event.facts.started_at is None and event.facts.connector is None:
            return recorded  # nothing new about its place
        return self._put_in_order(recorded)

    def sample(self, sampled: Transaction, values: Sequence[dict[str, Any]] = ()) -> Transaction | None:
        # By key: a charge point may repeat itself, and thousands of values come with a StopTransaction.
        items = {_place_of(sampled, value): value for value in values}
        keys = {place: _key(sampled.charge_point_id, place) for place in items}
        puts = (keys[place] | {"payload": attribute(value)} for place, value in items.items())
        dynamodb.put_many(self._client, self._table, map(self._kept_item, puts))
        told = self._fold(sampled, lambda stored: transactions.sampled(stored, sampled) if stored else None)
        return told.transaction if told else None

    def find(self, charge_point_id: str, transaction_id: str) -> Transaction | None:
        item = self._get(_key(charge_point_id, _sort_key(transaction_id)))
        return _sheet(item).transaction if item else None

    def told(self, charge_point_id: str, transaction_id: str) -> Sequence[dict[str, Any]]:
        its = f"{_sort_key(transaction_id)}#"
        found = self._query(charge_point_id, "begins_with(transactionId, :its)", its=its)
        return [document(self._large.whole(item)["payload"]) for item in found if "payload" in item]

    def note_token(self, transaction: Transaction) -> None:
        its = f"{transaction.charge_point_id}#{_sort_key(transaction.transaction_id)}"
        of = {"of": attribute(transaction.transaction_id), "at": attribute(transaction.charge_point_id)}
        item = _key(_token(transaction.id_token or ""), its) | of | self._expires()
        self._client.put_item(TableName=self._table, Item=item)

    def with_token(self, id_token: str) -> Sequence[Transaction]:
        found = []
        for item in self._query(_token(id_token), "transactionId > :all", all="!"):
            transaction = self.find(text(item["at"]), text(item["of"]))
            if transaction is not None and transaction.is_open:
                found.append(transaction)
            else:
                key = _key(text(item["chargePointId"]), text(item["transactionId"]))
                self._client.delete_item(TableName=self._table, Key=key)
        return found

    def newest(self, charge_point_id: str, connector: str, by: datetime) -> Transaction | None:
        low = f"session#{connector}#"
        between = "transactionId BETWEEN :low AND :high"
        high = f"{low}{timestamps.write(by)}~"
        found = self._query(charge_point_id, between, forward=False, limit=1, low=low, high=high)
        item = next(found, None)
        return self.find(charge_point_id, text(item["of"])) if item else None

    def price(
        self, charge_point_id: str, transaction_id: str, cost_of: Callable[[Transaction], dict[str, Any] | None]
    ) -> Transaction | None:
        about = f"{charge_point_id}: cost of transaction {transaction_id}"
        key = _key(charge_point_id, _sort_key(transaction_id))
        priced = self._folded(
            key, about, lambda stored: transactions.priced(stored, cost_of(stored.transaction)) if stored else None
        )
        return priced.transaction if priced else None

    def give_up(self, transaction: Transaction, at: datetime) -> Transaction | None:
        given_up = self._fold(transaction, lambda stored: transactions.followed(stored, at) if stored else None)
        return given_up.transaction if given_up else None

    def _begin(self, claim: Item, start: Transaction, number: int) -> tuple[Item | None, Transaction]:
        """The transaction of this start, and its claim, if it was made before."""
        for _ in dynamodb.attempts(f"{start.charge_point_id}: start of a transaction"):
            claimed = self._get(claim)
            if claimed is not None:
                return claimed, self._begun(start, whole(claimed["givenId"]), number)
            sheet = transactions.begun(start, self._next_id(), number)
            if self._claim(claim, sheet):
                return None, sheet.transaction
        raise AssertionError("attempts() ends with an exception")

    def _put_in_order(self, transaction: Transaction) -> Transaction:
        """Tell the transaction before this one, and this one, when the next of their connector began."""
        place = transactions.place(transaction)
        if place is None:
            return transaction
        connector, at = place
        first = f"session#{connector}#"
        own = f"{first}{at}#{_sort_key(transaction.transaction_id)}"
        item = _key(transaction.charge_point_id, own) | {"of": attribute(transaction.transaction_id)}
        self._put_if(TableName=self._table, Item=item | self._expires(), ConditionExpression=_IS_NEW)
        # First put, then look: of two that begin at once at least one sees the other.
        before = self._neighbour(transaction, own, low=first, high=own)
        if before is not None:
            self._follow(before, transaction)
        after = self._neighbour(transaction, own, low=own, high=f"{first}~")
        return self._follow(transaction, after) if after is not None else transaction

    def _neighbour(self, transaction: Transaction, own: str, *, low: str, high: str) -> Transaction | None:
        between = "transactionId BETWEEN :low AND :high"
        found = self._query(transaction.charge_point_id, between, forward=low == own, limit=2, low=low, high=high)
        others = [item for item in islice(found, 2) if text(item["transactionId"]) != own]
        if not others:
            return None
        return self.find(transaction.charge_point_id, text(others[0]["of"]))

    def _follow(self, before: Transaction, after: Transaction) -> Transaction:
        at = reconciler.placed_at(after)
        if at is None or before.transaction_id == after.transaction_id:
            return before
        followed = self._fold(before, lambda stored: transactions.followed(stored, at) if stored else None)
        return followed.transaction if followed else before

    def _query(
        self, charge_point_id: str, condition: str, *, forward: bool = True, limit: int | None = None, **values: str
    ) -> Iterator[Item]:
        return dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression=f"chargePointId = :charge_point AND {condition}",
            ExpressionAttributeValues={
                ":charge_point": attribute(charge_point_id),
                **{f":{name}": attribute(value) for name, value in values.items()},
            },
            ScanIndexForward=forward,
            ConsistentRead=True,
            **({"Limit": limit} if limit else {}),
        )

    def _fold(self, about: Transaction, fold: Callable[[Sheet | None], Folded]) -> Folded:
        key = _key(about.charge_point_id, _sort_key(about.transaction_id))
        return self._folded(key, f"{about.charge_point_id}: transaction {about.transaction_id}", fold)

    def _folded(self, key: Item, subject: str, fold: Callable[[Sheet | None], Folded]) -> Folded:
        for _ in dynamodb.attempts(subject):
            item = self._get(key)
            stored = _sheet(item) if item else None
            folded = fold(stored)
            if folded is None or folded == stored:
                return folded
            if self._put(folded, stored, item):
                for rule in transactions.newly_reconciled(stored, folded):
                    self._on_rule(rule)
                return folded
        raise AssertionError("attempts() ends with an exception")

    def _get(self, key: Item) -> Item | None:
        return self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")

    def _put(self, sheet: Sheet, before: Sheet | None, replaced: Item | None) -> bool:
        revision = whole(replaced["revision"]) if replaced else 0
        # What another version has in its items stays; what is ours may have been taken back.
        others = {name: value for name, value in (replaced or {}).items() if name not in _OURS}
        item = others | _item(sheet, revision + 1) | self._expires()
        condition: dict[str, Any] = {"ConditionExpression": _IS_NEW}
        if replaced:
            values = {":revision": attribute(revision)}
            condition = {"ConditionExpression": _IS_UNTOUCHED, "ExpressionAttributeValues": values}
        return self._tell(before, sheet, {"Put": {"TableName": self._table, "Item": item, **condition}})

    def _tell(self, before: Sheet | None, after: Sheet, *writes: dict[str, Any]) -> bool:
        """Write it together with its events; False if others wrote it meanwhile."""
        told = after.transaction
        news = events.of_transaction(before.transaction if before else None, told, lambda: self._signed(told))
        if not news:
            return self._put_if(**writes[0]["Put"])
        return self._events.write(told.charge_point_id, news, *writes, partner=told.partner)

    def _signed(self, transaction: Transaction) -> list[dict[str, Any]]:
        return readings.signed(self.told(transaction.charge_point_id, transaction.transaction_id))

    def _expires(self) -> Item:
        # By our clock, and moved on with each write: a device's clock would remove what it has just told.
        return {"expiresAt": attribute(self._kept.transactions_until(datetime.now(UTC)))}

    def _kept_item(self, item: Item) -> Item:
        expires_at = self._kept.transactions_until(datetime.now(UTC))
        return self._large.put_aside(item, expires_at) | {"expiresAt": attribute(expires_at)}

    def _put_event(self, event: TransactionEvent) -> None:
        about = event.facts
        # Padded, so that a query returns them in their order.
        number = f"{int(event.seq_no):010d}#{timestamps.write(event.at)}#{event.event_type}"
        item = _key(about.charge_point_id, f"{_sort_key(about.transaction_id)}#event#{number}")
        self._put_if(
            TableName=self._table, Item=self._kept_item(item | write(event, "facts")), ConditionExpression=_IS_NEW
        )

    def _put_if(self, **put: Any) -> bool:
        try:
            self._client.put_item(**put)
        except ClientError as error:
            if dynamodb.refused(error):
                return False
            raise
        return True

    def _claim(self, claim: Item, sheet: Sheet) -> bool:
        given = claim | {"givenId": attribute(int(sheet.transaction.transaction_id))}
        # An orphaned stop may sit on this id: then the next one is tried.
        puts = [
            {"TableName": self._table, "Item": item | self._expires(), "ConditionExpression": _IS_NEW}
            for item in (given, _item(sheet, 1))
        ]
        return self._tell(None, sheet, *({"Put": put} for put in puts))

    def _begun(self, start: Transaction, transaction_id: int, number: int) -> Transaction:
        stored = self.find(start.charge_point_id, str(transaction_id))
        return stored or transactions.begun(start, transaction_id, number).transaction

    def _next_id(self) -> int:
        with self._lock:
            given = next(self._ids, None)
            if given is None:
                last = self._count()
                self._ids = iter(range(last - _BLOCK + 1, last + 1))
                given = next(self._ids)
        if given > MAX_TRANSACTION_ID:
            raise IdsUsedUpError(f"{self._table}: transaction id {given} is no int32")
        return given

    def _count(self) -> int:
        counted = self._client.update_item(
            TableName=self._table,
            Key=_COUNTER,
            UpdateExpression="ADD lastId :block",
            ExpressionAttributeValues={":block": attribute(_BLOCK)},
            ReturnValues="UPDATED_NEW",
        )
        return whole(counted["Attributes"]["lastId"])


def _place_of(about: Transaction, value: dict[str, Any]) -> str:
    digest = hashlib.sha256(orjson.dumps(value)).hexdigest()[:16]
    return f"{_sort_key(about.transaction_id)}#values#{str(value.get('timestamp'))[:64]}#{digest}"


def _key(charge_point_id: str, sort_key: str) -> Item:
    return {"chargePointId": {"S": charge_point_id}, "transactionId": {"S": sort_key}}


def _token(id_token: str) -> str:
    return f"#token#{id_token.lower()}"  # no charge point id has a #


def _claim_of(start: Transaction, number: int) -> str:
    return f"start#{hashlib.sha256(transactions.natural_key(start, number).encode()).hexdigest()}"


def _sort_key(transaction_id: str) -> str:
    # Stations make these up, 2.x may even send an empty one: none may pass for a key of ours.
    return transaction_id.replace("%", "%25").replace("#", "%23") or "%"


def _transaction_id(sort_key: str) -> str:
    return "" if sort_key == "%" else sort_key.replace("%23", "#").replace("%25", "%")


def _item(sheet: Sheet, revision: int) -> Item:
    transaction = sheet.transaction
    stamps = {
        name: {"S": f"{timestamps.write(at)}#{int(seq_no)}#{rank}"} for name, (at, seq_no, rank) in sheet.stamps.items()
    }
    sort_key = _sort_key(transaction.transaction_id)
    its = dynamodb_transaction_lists.listed(transaction, sort_key) | _key(transaction.charge_point_id, sort_key)
    return write(transaction) | its | {"stamps": {"M": stamps}, "revision": attribute(revision)}


def read_transaction(item: Item) -> Transaction:
    """The transaction in an item."""
    return read(Transaction, item, transaction_id=_transaction_id(text(item["transactionId"])))


def _sheet(item: Item) -> Sheet:
    transaction = read_transaction(item)
    return Sheet(transaction, {name: _stamp(text(stored)) for name, stored in item["stamps"]["M"].items()})


def _stamp(stored: str) -> Stamp:
    at, seq_no, *rank = stored.split("#")  # without a rank: written by an earlier version
    return timestamps.parse(at), int(seq_no), int(rank[0]) if rank else 0
