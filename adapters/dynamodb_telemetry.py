"""Latest states in DynamoDB: LatestSampleTable (charge point, connector) and StationTable (station).

Nearly always what comes is news of something known. So it is first tried by statements of PartiQL, 25 in a request and
each with its condition, which no other request of DynamoDB has. What they refuse, new or late, is written one by one;
stations that are new are inserted together first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from botocore.exceptions import ClientError

from adapters import aws, dynamodb
from adapters.dynamodb_items import Item, attribute, read, text, write
from domain.ports import RowChangedError
from domain.telemetry import Latest, Station

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

log = structlog.get_logger(__name__)

# Equal is newer: what comes again is the same, and some charge points split one reading over several messages.
_NOT_OLDER = "attribute_not_exists(#at) OR #at <= :at"
_INDEX, _KIND = "allStations", attribute("station")
_SERIES = "series "  # before the name of a series, which is an attribute of the item
_STATEMENTS = 25  # in a request
_LONGEST_STATEMENT = 8_192


class DynamoStations:
    """The Stations port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.stations

    def keep(self, stations: Sequence[Station]) -> set[str]:
        by_id = {station.station_id: station for station in stations}
        statements = {name: _statement(self._table, _station(name), *_told(each)) for name, each in by_id.items()}
        unknown = _refused(self._client, statements)
        late = _refused(self._client, {name: self._insert(by_id[name]) for name in unknown})
        return {name for name in late if not _succeeds(self._put, by_id[name])}

    def find(self, station_id: str) -> Station | None:
        item = self._client.get_item(TableName=self._table, Key=_station(station_id), ConsistentRead=True).get("Item")
        return read(Station, item) if item else None

    def page(
        self, limit: int, after: str | None, wanted: Callable[[Station], bool]
    ) -> tuple[Sequence[Station], str | None]:
        found = list(islice(filter(wanted, self._all(after, limit)), limit + 1))
        return found[:limit], found[limit - 1].station_id if len(found) > limit else None

    def _insert(self, station: Station) -> "BatchStatementRequestTypeDef":
        item = write(station) | {"kind": _KIND}
        values = ", ".join(f"'{name}': ?" for name in item)
        return {"Statement": f'INSERT INTO "{self._table}" VALUE {{{values}}}', "Parameters": list(item.values())}

    def _put(self, station: Station) -> None:
        try:
            self._client.put_item(
                TableName=self._table,
                Item=write(station) | {"kind": _KIND},
                ConditionExpression=_NOT_OLDER,
                ExpressionAttributeNames={"#at": "timestamp"},
                ExpressionAttributeValues={":at": attribute(station.timestamp)},
            )
        except ClientError as error:
            if not dynamodb.refused(error):  # else a newer one is kept
                raise

    def _all(self, after: str | None, limit: int) -> Iterator[Station]:
        """The stations after this one, by id; read in portions of somewhat more than are wanted."""
        ids = dynamodb.query(
            self._client,
            TableName=self._table,
            IndexName=_INDEX,
            Limit=limit + 1,
            KeyConditionExpression="#kind = :kind AND stationId > :after",
            ExpressionAttributeNames={"#kind": "kind"},
            ExpressionAttributeValues={":kind": _KIND, ":after": attribute(after or " ")},
        )
        while portion := list(islice(ids, limit + 1)):
            keys = [{"stationId": item["stationId"]} for item in portion]
            items = {text(item["stationId"]): item for item in dynamodb.get_many(self._client, self._table, keys)}
            yield from (read(Station, items[name]) for name in sorted(items))


class DynamoLatestSamples:
    """The LatestSamples port: one item for a connector, one attribute of it for a series, `at` that of the newest."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.latest_samples

    def keep(self, samples: Sequence[Latest]) -> set[tuple[str, str]]:
        by_key = {(latest.charge_point_id, latest.connector): latest for latest in samples}
        statements = {
            key: _statement(
                self._table, _connector(latest), _attributes(latest.series), "at", min(_times(latest.series))
            )
            for key, latest in by_key.items()
        }
        refused = _refused(self._client, statements)
        return {key for key in refused if not _succeeds(self._merge, by_key[key])}

    def of_charge_point(self, charge_point_id: str) -> Sequence[dict[str, Any]]:
        items = dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="chargePointId = :its",
            ExpressionAttributeValues={":its": attribute(charge_point_id)},
        )
        return [row for item in items for _, row in sorted(_series(item).items())]

    def _merge(self, latest: Latest) -> None:
        """Write those series of which no newer one is kept."""
        for _ in dynamodb.attempts(f"{latest.charge_point_id} connector {latest.connector}"):
            key = _connector(latest)
            item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
            kept = _series(item or {})
            news = {
                name: row
                for name, row in latest.series.items()
                if name not in kept or kept[name]["sampled_at"] <= row["sampled_at"]
            }
            if not news or self._update(key, news, text(item["at"]) if item else None):
                return

    def _update(self, key: Item, news: Mapping[str, dict[str, Any]], seen: str | None) -> bool:
        told = _attributes(news)
        told["at"] = attribute(max(text(told["at"]), seen or ""))
        names = {f"n{number}": name for number, name in enumerate(told)}
        request = dynamodb.update(
            {alias: told[name] for alias, name in names.items()},
            "attribute_not_exists(#at)" if seen is None else "#at = :seen",
            {} if seen is None else {"seen": attribute(seen)},
            aliases=names,
        )
        try:
            self._client.update_item(TableName=self._table, Key=key, **request)
        except ClientError as error:
            if dynamodb.refused(error):
                return False
            raise
        return True


def _statement(table: str, key: Item, told: Item, time: str, at: str) -> "BatchStatementRequestTypeDef | None":
    """Set what is told, remove what is told as {}, if the item is there and its time not later than `at`.

    None if there is no such statement: names can't be parameters, and some come from charge points.
    """
    if any('"' in name for name in told):
        return None
    sets = [f'SET "{name}"=?' for name, value in told.items() if value]
    removes = [f'REMOVE "{name}"' for name, value in told.items() if not value]
    where = " AND ".join(f'"{name}"=?' for name in key)
    parameters = [*filter(None, told.values()), *key.values(), attribute(at)]
    statement = f'UPDATE "{table}" {" ".join(sets + removes)} WHERE {where} AND "{time}"<=?'
    return {"Statement": statement, "Parameters": parameters} if len(statement) <= _LONGEST_STATEMENT else None


def _refused(client: "DynamoDBClient", wanted: Mapping[Any, "BatchStatementRequestTypeDef | None"]) -> list[Any]:
    """Try all of these statements; returns the names of those that were not done, whyever."""
    statements = [(name, statement) for name, statement in wanted.items() if statement]
    left = [name for name, statement in wanted.items() if not statement]
    for start in range(0, len(statements), _STATEMENTS):
        batch = statements[start : start + _STATEMENTS]
        answers = client.batch_execute_statement(Statements=[statement for _, statement in batch])["Responses"]
        left += [name for (name, _), answer in zip(batch, answers, strict=True) if "Error" in answer]
    return left


def _succeeds(write_one: Callable[[Any], None], noun: Any) -> bool:
    try:
        write_one(noun)
    except (*aws.FAILURES, RowChangedError):
        # One device's write must not keep the others of its batch from theirs: its messages come again.
        log.exception("not written, it comes again")
        return False
    return True


def _told(station: Station) -> tuple[Item, str, str]:
    attributes = write(station, "station_id")
    told = attributes if "partner" in attributes else attributes | {"partner": {}}
    return told, "timestamp", text(attributes["timestamp"])


def _attributes(series: Mapping[str, dict[str, Any]]) -> Item:
    named = {f"{_SERIES}{name}": attribute(row) for name, row in series.items()}
    return {"at": attribute(max(_times(series)))} | named


def _times(series: Mapping[str, dict[str, Any]]) -> Iterable[str]:
    return (row["sampled_at"] for row in series.values())


def _series(item: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name.removeprefix(_SERIES): orjson.loads(text(value))
        for name, value in item.items()
        if name.startswith(_SERIES)
    }


def _connector(latest: Latest) -> Item:
    return {"chargePointId": attribute(latest.charge_point_id), "connector": attribute(latest.connector)}


def _station(station_id: str) -> Item:
    return {"stationId": attribute(station_id)}
