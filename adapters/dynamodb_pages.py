"""Lists in pages from DynamoDB: one Query each (four for what is open, or ended), for transactions a BatchGetItem too.

The indexes of TransactionTable hold keys only: a meter value that changes a transaction then changes no index.
"""

import itertools
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, document, text, time
from adapters.dynamodb_large import LargePayloads
from adapters.dynamodb_transaction_lists import ended_keys, missing, open_keys
from adapters.dynamodb_transactions import read_transaction
from domain import pages
from domain.models import Transaction
from domain.pages import Ask, CursorError, Page, Report
from ocppj import timestamps

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEYS = ("chargePointId", "transactionId")
_PLACE = ("listedAt", *_KEYS)
_ALWAYS, _NEVER = "0", "~"  # before and after every time as text


class DynamoTransactionPages:
    """The TransactionPages port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.transactions

    def of_charge_point(self, charge_point_id: str, ask: Ask) -> Page[Transaction]:
        return self._page("byTime", "chargePointId", [charge_point_id], ask)

    def of_token(self, id_token: str, ask: Ask) -> Page[Transaction]:
        return self._page("byToken", "tokenKey", [id_token.lower()], ask) if id_token else Page(())

    def open(self, ask: Ask, partner: str | None = None) -> Page[Transaction]:
        if partner is not None:
            return self._page("byOpenOfPartner", "openOfPartner", [partner], ask)
        return self._page("byOpen", "openKey", open_keys(), ask)

    def ended(self, day: date, ask: Ask) -> Page[Transaction]:
        return self._page("byEnd", "endedKey", ended_keys(day), ask)

    def list_all(self) -> int:
        """Put into the lists what was written before there were such; reads the whole table. Returns how many."""
        count = 0
        for page in self._client.get_paginator("scan").paginate(
            TableName=self._table, FilterExpression="attribute_exists(revision) AND attribute_not_exists(openKey)"
        ):
            for item in page["Items"]:
                told = missing(read_transaction(item), item)
                if told and self._put_in_lists(item, told):
                    count += 1
        return count

    def _put_in_lists(self, item: Item, told: Item) -> bool:
        untouched = dynamodb.update(told, "#revision = :was", {"was": item["revision"]})
        try:
            self._client.update_item(TableName=self._table, Key={name: item[name] for name in _KEYS}, **untouched)
        except ClientError as error:
            if dynamodb.refused(error):
                return False  # whoever wrote it meanwhile has put it there
            raise
        return True

    def _page(self, index: str, partition: str, values: Sequence[str], ask: Ask) -> Page[Transaction]:
        asked = [self._query(index, partition, value, ask) for value in values]
        found = sorted(itertools.chain.from_iterable(asked), key=_place, reverse=True)
        page = pages.cut(found, ask.limit, lambda item: pages.encode(*_place(item)))
        return Page(self._read(page.items), page.cursor)

    def _query(self, index: str, partition: str, value: str, ask: Ask) -> list[Item]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": f"{partition} = :its AND listedAt BETWEEN :begin AND :end",
            "ExpressionAttributeValues": {":its": attribute(value), **_between(ask)},
            "ScanIndexForward": False,
            "Limit": ask.limit + 1,
        }
        if ask.cursor:
            after = dict(zip(_PLACE, pages.decode(ask.cursor, len(_PLACE)), strict=True))
            request["ExclusiveStartKey"] = _keys({**after, partition: value})
        return _some(self._client, request)

    def _read(self, found: Sequence[Item]) -> list[Transaction]:
        # The index follows the table with a delay: what is gone since is left out.
        keys = [{name: item[name] for name in _KEYS} for item in found]
        items = dynamodb.get_many(self._client, self._table, keys)
        read = {(text(item["chargePointId"]), text(item["transactionId"])): read_transaction(item) for item in items}
        places = [(text(key["chargePointId"]), text(key["transactionId"])) for key in keys]
        return [read[place] for place in places if place in read]


class DynamoReportPages:
    """The ReportPages port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.reports
        self._large = LargePayloads(client, self._table, "chargePointId", "reportKey")

    def page(self, charge_point_id: str, action: str, ask: Ask) -> Page[Report]:
        condition, values = "chargePointId = :its", {":its": attribute(charge_point_id)}
        if action:
            condition += " AND begins_with(reportKey, :action)"
            values[":action"] = attribute(f"{action}#")
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": False,
            "Limit": ask.limit + 1,
        }
        if ask.cursor:
            (key,) = pages.decode(ask.cursor, 1)
            if not key.startswith(f"{action}#" if action else ""):
                raise CursorError("this is the cursor of another list")
            request["ExclusiveStartKey"] = _keys({"chargePointId": charge_point_id, "reportKey": key})
        found = _some(self._client, request)
        page = pages.cut(found, ask.limit, lambda item: pages.encode(text(item["reportKey"])))
        return Page([_report(self._large.whole(item)) for item in page.items], page.cursor)


def _place(item: Item) -> tuple[str, ...]:
    return tuple(text(item[name]) for name in _PLACE)


def _some(client: "DynamoDBClient", request: dict[str, Any]) -> list[Item]:
    """As many items as the request's limit, unless there are fewer: a query ends after 1 MB, too."""
    found: list[Item] = []
    for item in dynamodb.query(client, **request):
        found.append(item)
        if len(found) == request["Limit"]:
            break
    return found


def _between(ask: Ask) -> Item:
    begin = timestamps.write(ask.begin) if ask.begin else _ALWAYS
    # BETWEEN includes its end, and what ends at a millisecond has none after it.
    end = f"{timestamps.write(ask.end)[:-1]}" if ask.end else _NEVER
    return {":begin": attribute(begin), ":end": attribute(end)}


def _keys(values: dict[str, str]) -> Item:
    return {name: attribute(value) for name, value in values.items()}


def _report(item: Item) -> Report:
    action, _, key = text(item["reportKey"]).partition("#")
    return Report(action, key, time(item["at"]), document(item["payload"]))
