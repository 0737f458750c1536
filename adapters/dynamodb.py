"""DynamoDB: the client, the tables, and what every store on it needs (docs/data-model.md says what is in them).

The stores are in adapters/dynamodb_*.py. Every write is conditional or idempotent: any number of Lambdas may run.
"""

import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from adapters import aws
from adapters.dynamodb_items import Item
from domain import retention
from domain.ports import RowChangedError
from domain.retention import Retention

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ATTEMPTS = 8
_BACKOFF_S, _MAX_BACKOFF_S = 0.02, 0.2  # doubled each time and jittered: a second for all attempts at most
_BATCH = 100  # what BatchGetItem takes
_WRITE_BATCH = 25  # what BatchWriteItem takes
_NAME = re.compile(r"#(\w+)")


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the tables, and how long what is in them is kept."""

    charge_points: str = "ChargePointTable"
    transactions: str = "TransactionTable"
    commands: str = "CommandTable"
    id_tokens: str = "IdTokenTable"
    reports: str = "ReportTable"
    tariffs: str = "TariffTable"
    latest_samples: str = "LatestSampleTable"
    stations: str = "StationTable"
    jobs: str = "JobTable"
    events: str = "EventTable"
    kept: Retention = field(default_factory=Retention)


class TableThrottledError(Exception):
    """DynamoDB keeps handing back a part of a request unprocessed."""


def connect() -> "DynamoDBClient":
    """A client; threads may share it."""
    return aws.session().client("dynamodb", config=aws.config())


def tables(environment: Mapping[str, str]) -> Tables:
    """The tables this environment names: OCPPGW_CHARGE_POINT_TABLE and so on, or else the template's names.

    Raises:
        RetentionError: a number of days is none.
    """
    named = {
        "charge_points": environment.get("OCPPGW_CHARGE_POINT_TABLE"),
        "transactions": environment.get("OCPPGW_TRANSACTION_TABLE"),
        "commands": environment.get("OCPPGW_COMMAND_TABLE"),
        "id_tokens": environment.get("OCPPGW_ID_TOKEN_TABLE"),
        "reports": environment.get("OCPPGW_REPORT_TABLE"),
        "tariffs": environment.get("OCPPGW_TARIFF_TABLE"),
        "latest_samples": environment.get("OCPPGW_LATEST_SAMPLE_TABLE"),
        "stations": environment.get("OCPPGW_STATION_TABLE"),
        "jobs": environment.get("OCPPGW_JOB_TABLE"),
        "events": environment.get("OCPPGW_EVENT_TABLE"),
    }
    return Tables(**{table: name for table, name in named.items() if name}, kept=retention.of(environment))


def refused(error: ClientError) -> bool:
    """Whether it says that the condition of a write did not hold."""
    return error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException"


def item_of(error: ClientError) -> Item | None:
    """The item that the condition of a write did not hold for, if the write asked for it and there is one."""
    response: Mapping[str, Any] = error.response
    return response.get("Item") or None


def attempts(subject: str) -> Iterator[int]:
    """Count attempts, with a jittered pause between them.

    Raises:
        RowChangedError: there were as many as make sense; the queue will bring it again.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
        yield attempt
    raise RowChangedError(f"{subject}: others kept changing it")


def pause(attempt: int) -> None:
    """Wait before another attempt."""
    time.sleep(random.uniform(0, min(_BACKOFF_S * 2**attempt, _MAX_BACKOFF_S)))  # noqa: S311  no secret


def get_many(client: "DynamoDBClient", table: str, keys: Iterable[Item]) -> Iterator[Item]:
    """The items of these keys, which must differ, read consistently.

    Raises:
        TableThrottledError: some were not handed out.
    """
    wanted = list(keys)
    for start in range(0, len(wanted), _BATCH):
        yield from _batch(client, table, wanted[start : start + _BATCH])


def put_many(client: "DynamoDBClient", table: str, items: Iterable[Item]) -> None:
    """Put these items, whose keys must differ, whatever was there.

    Raises:
        TableThrottledError: some were not taken; all of them may be put again.
    """
    wanted = [{"PutRequest": {"Item": item}} for item in items]
    for start in range(0, len(wanted), _WRITE_BATCH):
        _write(client, table, wanted[start : start + _WRITE_BATCH])


def delete_many(client: "DynamoDBClient", table: str, keys: Iterable[Item]) -> None:
    """Delete the items of these keys, which must differ.

    Raises:
        TableThrottledError: some were not taken; all of them may be deleted again.
    """
    wanted = [{"DeleteRequest": {"Key": key}} for key in keys]
    for start in range(0, len(wanted), _WRITE_BATCH):
        _write(client, table, wanted[start : start + _WRITE_BATCH])


def query(client: "DynamoDBClient", **request: Any) -> Iterator[Item]:
    """The items of a query, page by page."""
    while True:
        page = client.query(**request)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def update(
    told: Item,
    condition: str,
    values: Item | None = None,
    *,
    remove: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The expressions of an UpdateItem that sets what is `told` and removes some, on a condition.

    In the condition `#name` is the attribute of that name, or what it is an alias of, and `:name` a value of
    `values` or one that is told. All attributes go by such names, because DynamoDB reserves hundreds of words.
    """
    expression = f"SET {', '.join(f'#{name} = :{name}' for name in told)}"
    if remove:
        expression += f" REMOVE {', '.join(f'#{name}' for name in remove)}"
    named = _NAME.findall(f"{expression} {condition}")
    return {
        "UpdateExpression": expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": (aliases or {}).get(name, name) for name in named},
        "ExpressionAttributeValues": {f":{name}": value for name, value in {**told, **(values or {})}.items()},
    }


def _batch(client: "DynamoDBClient", table: str, keys: list[Any]) -> Iterator[Item]:
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
        page = client.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
        yield from page["Responses"].get(table, ())
        left = page.get("UnprocessedKeys", {}).get(table)
        if not left:
            return
        keys = list(left["Keys"])
    raise TableThrottledError(f"{table}: {len(keys)} items were not handed out")


def _write(client: "DynamoDBClient", table: str, puts: list[Any]) -> None:
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
        left = client.batch_write_item(RequestItems={table: puts}).get("UnprocessedItems", {}).get(table)
        if not left:
            return
        puts = list(left)
    raise TableThrottledError(f"{table}: {len(puts)} items were not taken")
