"""Transactions in DynamoDB: TransactionTable.

Under a charge point: the transactions, `<transaction>#event#<seqNo>` for every 2.x event, and `start#<hash>` that
says which id a 1.6 start was given. A transaction is read, folded (domain/transactions.py) and written on condition
that nobody else has written it meanwhile.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, read, text, whole, write
from domain import transactions
from domain.models import Transaction, TransactionEvent
from domain.transactions import MAX_TRANSACTION_ID, Sheet, Stamp
from ocppj import timestamps

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Folded = TypeVar("Folded", bound=Sheet | None)

_COUNTER = {"chargePointId": {"S": "#counter"}, "transactionId": {"S": "ocpp1.6"}}
_IS_NEW = "attribute_not_exists(chargePointId)"
_IS_UNTOUCHED = "revision = :revision"


class IdsUsedUpError(Exception):
    """There is no 1.6 transaction id left."""


class DynamoTransactions:
    """The Transactions port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.transactions

    def begin(self, start: Transaction) -> Transaction:
        claim = _key(start.charge_point_id, _claim_of(start))
        for _ in dynamodb.attempts(f"{start.charge_point_id}: start of a transaction"):
            claimed = self._get(claim)
            if claimed is not None:
                return self._begun(start, whole(claimed["givenId"]))
            sheet = transactions.begun(start, self._next_id())
            if self._claim(claim, sheet):
                return sheet.transaction
        raise AssertionError("attempts() ends with an exception")

    def finish(self, stop: Transaction) -> Transaction:
        return self._fold(stop, lambda stored: transactions.finished(stored, stop)).transaction

    def record(self, event: TransactionEvent) -> Transaction:
        self._put_event(event)
        # Also when it was there before: whoever put it may have died before the next line.
        return self._fold(event.facts, lambda stored: transactions.recorded(stored, event)).transaction

    def sample(self, sampled: Transaction) -> None:
        self._fold(sampled, lambda stored: transactions.sampled(stored, sampled) if stored else None)

    def find(self, charge_point_id: str, transaction_id: str) -> Transaction | None:
        item = self._get(_key(charge_point_id, _sort_key(transaction_id)))
        return _sheet(item).transaction if item else None

    def _fold(self, about: Transaction, fold: Callable[[Sheet | None], Folded]) -> Folded:
        key = _key(about.charge_point_id, _sort_key(about.transaction_id))
        for _ in dynamodb.attempts(f"{about.charge_point_id}: transaction {about.transaction_id}"):
            item = self._get(key)
            stored = _sheet(item) if item else None
            folded = fold(stored)
            if folded is None or folded == stored or self._put(folded, item):
                return folded
        raise AssertionError("attempts() ends with an exception")

    def _get(self, key: Item) -> Item | None:
        return self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")

    def _put(self, sheet: Sheet, replaced: Item | None) -> bool:
        revision = whole(replaced["revision"]) if replaced else 0
        item = (replaced or {}) | _item(sheet, revision + 1)
        condition: dict[str, Any] = {"ConditionExpression": _IS_NEW}
        if replaced:
            values = {":revision": attribute(revision)}
            condition = {"ConditionExpression": _IS_UNTOUCHED, "ExpressionAttributeValues": values}
        return self._put_if(item, condition)

    def _put_event(self, event: TransactionEvent) -> None:
        about = event.facts
        # Padded, so that a query returns them in their order.
        place = f"{_sort_key(about.transaction_id)}#event#{int(event.seq_no):010d}"
        item = _key(about.charge_point_id, place) | write(event, "facts")
        self._put_if(item, {"ConditionExpression": _IS_NEW})

    def _put_if(self, item: Item, condition: dict[str, Any]) -> bool:
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if dynamodb.refused(error):
                return False
            raise
        return True

    def _claim(self, claim: Item, sheet: Sheet) -> bool:
        given = claim | {"givenId": attribute(int(sheet.transaction.transaction_id))}
        try:
            self._client.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": self._table, "Item": given, "ConditionExpression": _IS_NEW}},
                    # An orphaned stop may sit on this id: then the next one is tried.
                    {"Put": {"TableName": self._table, "Item": _item(sheet, 1), "ConditionExpression": _IS_NEW}},
                ]
            )
        except self._client.exceptions.TransactionCanceledException:
            return False
        return True

    def _begun(self, start: Transaction, transaction_id: int) -> Transaction:
        stored = self.find(start.charge_point_id, str(transaction_id))
        return stored or transactions.begun(start, transaction_id).transaction

    def _next_id(self) -> int:
        counted = self._client.update_item(
            TableName=self._table,
            Key=_COUNTER,
            UpdateExpression="ADD lastId :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        last = whole(counted["Attributes"]["lastId"])
        if last > MAX_TRANSACTION_ID:
            raise IdsUsedUpError(f"{self._table}: transaction id {last} is no int32")
        return last


def _key(charge_point_id: str, sort_key: str) -> Item:
    return {"chargePointId": {"S": charge_point_id}, "transactionId": {"S": sort_key}}


def _claim_of(start: Transaction) -> str:
    return f"start#{hashlib.sha256(transactions.natural_key(start).encode()).hexdigest()}"


def _sort_key(transaction_id: str) -> str:
    # Stations make these up, 2.x may even send an empty one: none may pass for a key of ours.
    return transaction_id.replace("%", "%25").replace("#", "%23") or "%"


def _transaction_id(sort_key: str) -> str:
    return "" if sort_key == "%" else sort_key.replace("%23", "#").replace("%25", "%")


def _item(sheet: Sheet, revision: int) -> Item:
    transaction = sheet.transaction
    stamps = {name: {"S": f"{timestamps.write(at)}#{int(seq_no)}"} for name, (at, seq_no) in sheet.stamps.items()}
    key = _key(transaction.charge_point_id, _sort_key(transaction.transaction_id))
    return write(transaction) | key | {"stamps": {"M": stamps}, "revision": attribute(revision)}


def _sheet(item: Item) -> Sheet:
    transaction = read(Transaction, item, transaction_id=_transaction_id(text(item["transactionId"])))
    return Sheet(transaction, {name: _stamp(text(stored)) for name, stored in item["stamps"]["M"].items()})


def _stamp(stored: str) -> Stamp:
    at, _, seq_no = stored.partition("#")
    return timestamps.parse(at), int(seq_no)
