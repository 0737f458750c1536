"""Latest states in DynamoDB: LatestSampleTable (charge point, connector) and StationTable (station)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from botocore.exceptions import ClientError

from adapters import dynamodb
from adapters.dynamodb_items import Item, attribute, read, text, write
from domain.telemetry import Station

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Equal is newer: what comes again is the same, and some charge points split one reading over several messages.
_NOT_OLDER = "attribute_not_exists(#at) OR #at <= :at"
_INDEX, _KIND = "allStations", attribute("station")
_SERIES = "series "  # before the name of a series, which is an attribute of the item


class DynamoStations:
    """The Stations port."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.stations

    def keep(self, station: Station) -> bool:
        return _put(
            self._client,
            TableName=self._table,
            Item=write(station) | {"kind": _KIND},
            ConditionExpression=_NOT_OLDER,
            ExpressionAttributeNames={"#at": "timestamp"},
            ExpressionAttributeValues={":at": attribute(station.timestamp)},
        )

    def find(self, station_id: str) -> Station | None:
        item = self._client.get_item(TableName=self._table, Key=_station(station_id), ConsistentRead=True).get("Item")
        return read(Station, item) if item else None

    def page(self, limit: int, after: str | None, equal: Mapping[str, Any]) -> tuple[Sequence[Station], str | None]:
        found: list[Station] = []
        for station in self._all(after, limit):
            if any(getattr(station, field) != value for field, value in equal.items()):
                continue
            if len(found) == limit:
                return found, found[-1].station_id
            found.append(station)
        return found, None

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
    """The LatestSamples port: one item for a connector, one attribute of it for a series."""

    def __init__(self, client: "DynamoDBClient", tables: dynamodb.Tables) -> None:
        self._client = client
        self._table = tables.latest_samples

    def keep(self, charge_point_id: str, connector: str, at: str, samples: Mapping[str, dict[str, Any]]) -> bool:
        numbered = list(samples.items())
        sets = ", ".join(f"#s{number} = :s{number}" for number in range(len(numbered)))
        names = {f"#s{number}": f"{_SERIES}{series}" for number, (series, _) in enumerate(numbered)}
        values = {f":s{number}": attribute(sample) for number, (_, sample) in enumerate(numbered)}
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"chargePointId": attribute(charge_point_id), "connector": attribute(connector)},
                UpdateExpression=f"SET #at = :at, {sets}",
                ConditionExpression=_NOT_OLDER,
                ExpressionAttributeNames={"#at": "at"} | names,
                ExpressionAttributeValues={":at": attribute(at)} | values,
            )
        except ClientError as error:
            if dynamodb.refused(error):
                return False
            raise
        return True

    def of_charge_point(self, charge_point_id: str) -> Sequence[dict[str, Any]]:
        items = dynamodb.query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="chargePointId = :its",
            ExpressionAttributeValues={":its": attribute(charge_point_id)},
        )
        return [orjson.loads(text(item[name])) for item in items for name in sorted(item) if name.startswith(_SERIES)]


def _put(client: "DynamoDBClient", **request: Any) -> bool:
    try:
        client.put_item(**request)
    except ClientError as error:
        if dynamodb.refused(error):
            return False
        raise
    return True


def _station(station_id: str) -> Item:
    return {"stationId": attribute(station_id)}
