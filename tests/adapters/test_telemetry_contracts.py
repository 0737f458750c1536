"""The stores of telemetry: what each promises, in memory and on the emulator."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from adapters.dynamodb import Tables
from adapters.dynamodb_telemetry import DynamoLatestSamples, DynamoStations
from adapters.memory_telemetry import MemoryArchive, MemoryLatestSamples, MemoryStations, MemoryThings
from adapters.s3_archive import S3Archive
from adapters.things import KnownThings
from domain.archive import Archive
from domain.telemetry import LatestSamples, RegisteredThings, Station, Stations
from infra.local.cloud import AWS

NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
EMULATOR = pytest.param("emulator", marks=pytest.mark.e2e)

_names = count(1)


@dataclass(frozen=True)
class Stores:
    """The stores of one kind; `name` is nobody else's."""

    archive: Archive
    latest: LatestSamples
    stations: Stations
    things: RegisteredThings
    name: str


@pytest.fixture(params=["memory", EMULATOR])
def stores(request: pytest.FixtureRequest) -> Stores:
    name = f"C{next(_names)}"
    if request.param == "memory":
        return Stores(MemoryArchive(), MemoryLatestSamples(), MemoryStations(), MemoryThings([f"{name}-thing"]), name)
    aws: AWS = request.getfixturevalue("aws")
    tables: Tables = request.getfixturevalue("tables")
    s3, iot, client = aws.client("s3"), aws.client("iot"), aws.client("dynamodb")
    s3.create_bucket(Bucket="contract-archive")
    iot.create_thing(thingName=f"{name}-thing")
    stations, latest = DynamoStations(client, tables), DynamoLatestSamples(client, tables)
    return Stores(S3Archive(s3, "contract-archive"), latest, stations, KnownThings(iot), name)


def station(name: str, at: datetime = NOW, **other: Any) -> Station:
    said: dict[str, Any] = {
        "battery_available": 8,
        "battery_charging": 2,
        "temperature": -3.25,
        "humidity": 60.5,
        "status": "online",
    }
    return Station(**(said | {"station_id": name, "timestamp": at, "received_at": at} | other))


def test_a_file_is_written_listed_read_and_removed(stores: Stores) -> None:
    keys = [f"{stores.name}/b", f"{stores.name}/a"]
    for key in keys:
        stores.archive.put(key, key.encode())
    stores.archive.put(keys[0], b"again")

    assert list(stores.archive.keys(f"{stores.name}/")) == sorted(keys)
    assert list(stores.archive.get_many([*keys, f"{stores.name}/none"])) == [b"again", keys[1].encode()]
    stores.archive.remove([keys[0]])
    assert list(stores.archive.keys(f"{stores.name}/")) == [keys[1]]


def test_a_station_comes_back_as_it_was_unless_a_newer_one_is_kept(stores: Stores) -> None:
    new = station(stores.name, is_registered=False)

    assert stores.stations.keep(new)
    assert stores.stations.keep(new)
    assert not stores.stations.keep(station(stores.name, NOW - timedelta(milliseconds=1)))
    assert stores.stations.find(stores.name) == new
    assert stores.stations.find(f"{stores.name}-none") is None


def test_stations_are_listed_by_id_in_pages(stores: Stores) -> None:
    ids = [f"~{stores.name}-{number}" for number in range(5)]
    for number, name in enumerate(ids):
        stores.stations.keep(station(name, status="full" if number % 2 else "online"))

    before = f"~{stores.name}-"
    first, after = stores.stations.page(2, before, {})
    second, end = stores.stations.page(10, after, {})
    full, _ = stores.stations.page(2, before, {"status": "full"})

    assert [each.station_id for each in first] == ids[:2]
    assert [each.station_id for each in second][:3] == ids[2:]
    assert (after, end) == (ids[1], None)
    assert [each.station_id for each in full] == [ids[1], ids[3]]


def test_series_of_a_connector_stand_beside_each_other_and_none_goes_back_in_time(stores: Stores) -> None:
    def keep(second: int, **series: float) -> bool:
        at = f"2026-11-21T05:30:{second:02}.000Z"
        samples = {name: {"measurand": name, "value": value} for name, value in series.items()}
        return stores.latest.keep(stores.name, "1", at, samples)

    assert keep(5, Energy=1.5, Power=2)
    assert keep(5, SoC=50)
    assert not keep(4, Energy=1)
    assert keep(6, Power=3)
    assert stores.latest.keep(stores.name, "2", "2026-11-21T05:30:00.000Z", {"Energy": {"value": 9}})

    assert [row["value"] for row in stores.latest.of_charge_point(stores.name)] == [1.5, 3, 50, 9]
    assert stores.latest.of_charge_point(f"{stores.name}-none") == []


def test_things_that_exist_are_known(stores: Stores) -> None:
    thing = f"{stores.name}-thing"

    assert stores.things.existing([thing, f"{stores.name}-none", "no legal name?"]) == {thing}
