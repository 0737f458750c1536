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
from domain.telemetry import Latest, LatestSamples, RegisteredThings, Station, Stations, Thing
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
        things = MemoryThings([f"{name}-thing"])
        things.names[f"{name}-acme"] = "acme"
        return Stores(MemoryArchive(), MemoryLatestSamples(), MemoryStations(), things, name)
    aws: AWS = request.getfixturevalue("aws")
    tables: Tables = request.getfixturevalue("tables")
    s3, iot, client = aws.client("s3"), aws.client("iot"), aws.client("dynamodb")
    s3.create_bucket(Bucket="contract-archive")
    iot.create_thing(thingName=f"{name}-thing")
    iot.create_thing(thingName=f"{name}-acme", attributePayload={"attributes": {"partner": "acme"}})
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
    first = station(stores.name, is_registered=False, partner="acme")
    new = station(stores.name, NOW + timedelta(seconds=1))

    kept = []
    for said in (first, first, new, first):
        assert stores.stations.keep([said]) == set()
        kept.append(stores.stations.find(stores.name))

    assert kept == [first, first, new, new]
    assert stores.stations.find(f"{stores.name}-none") is None


def test_many_stations_are_kept_at_once_known_new_and_late_ones(stores: Stores) -> None:
    names = [f"{stores.name}-{number:02}" for number in range(60)]
    later = NOW + timedelta(seconds=1)
    stores.stations.keep([station(name) for name in names[:40]])
    stores.stations.keep([station(names[0], later, status="full")])

    failed = stores.stations.keep([station(name, NOW + timedelta(milliseconds=1), status="empty") for name in names])

    told = [found.status if found else None for found in map(stores.stations.find, names)]
    assert failed == set()
    assert told == ["full"] + ["empty"] * 59


def test_stations_are_listed_by_id_in_pages(stores: Stores) -> None:
    ids = [f"~{stores.name}-{number}" for number in range(5)]
    stores.stations.keep([station(name, status="full" if ids.index(name) % 2 else "online") for name in ids])

    before = f"~{stores.name}-"
    first, after = stores.stations.page(2, before, lambda _: True)
    second, end = stores.stations.page(10, after, lambda _: True)
    full, _ = stores.stations.page(2, before, lambda each: each.status == "full")

    assert [each.station_id for each in first] == ids[:2]
    assert [each.station_id for each in second][:3] == ids[2:]
    assert (after, end) == (ids[1], None)
    assert [each.station_id for each in full] == [ids[1], ids[3]]


def test_series_of_a_connector_stand_beside_each_other_and_none_goes_back_in_time(stores: Stores) -> None:
    def latest(connector: str, second: int, **series: float) -> Latest:
        at = f"2026-11-21T05:30:{second:02}.000Z"
        samples = {name: {"value": value, "sampled_at": at} for name, value in series.items()}
        return Latest(stores.name, connector, samples)

    for connector, second, series in (
        ("1", 5, {"Energy": 1.5, "Power": 2}),
        ("1", 5, {"SoC": 50}),
        ("1", 4, {"Energy": 1, 'Odd "name" WHERE': 7}),  # too late for one, news of the other
        ("1", 6, {"Power": 3}),
        ("2", 0, {"Energy": 9}),
        ("1", 5, {"Power": 2}),
    ):
        assert stores.latest.keep([latest(connector, second, **series)]) == set()
    both = Latest(stores.name, "1", {**latest("1", 4, Energy=1).series, **latest("1", 8, SoC=60).series})
    assert stores.latest.keep([both, latest("2", 1, Energy=10)]) == set()

    assert [row["value"] for row in stores.latest.of_charge_point(stores.name)] == [1.5, 7, 3, 60, 10]
    assert stores.latest.of_charge_point(f"{stores.name}-none") == []


def test_things_that_exist_are_known_and_whose_they_are(stores: Stores) -> None:
    thing, of_acme = f"{stores.name}-thing", f"{stores.name}-acme"

    for _ in range(2):  # the second time it is remembered
        told = stores.things.look_up([thing, of_acme, f"{stores.name}-none", "no legal name?"])
        assert told == {thing: Thing(), of_acme: Thing("acme"), f"{stores.name}-none": None, "no legal name?": None}


@pytest.mark.e2e
def test_things_that_nobody_can_be_asked_about_in_time_are_left_out(aws: AWS) -> None:
    iot = aws.client("iot")
    iot.create_thing(thingName="contract-slow")
    hurried, patient = KnownThings(iot, patience_s=-1), KnownThings(iot)

    assert hurried.look_up(["contract-slow"]) == {}
    assert patient.look_up(["contract-slow"]) == {"contract-slow": Thing()}
