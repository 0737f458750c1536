"""Simulated battery-swapping stations say what a station may say."""

from datetime import UTC, datetime
from random import Random

import orjson
from typer.testing import CliRunner

from charge_point_sim.__main__ import app
from charge_point_sim.stations import SLOTS, Station, names
from telemetry import stations
from tests.telemetry.house import published

NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)


def a_station() -> Station:
    return Station("BSS-00001", Random(7))  # noqa: S311  no secret


def test_whatever_a_station_says_is_taken() -> None:
    station = a_station()

    for _ in range(500):
        said = station.says(NOW)
        taken = stations.read(published(said, "BSS-00001").body)

        assert 0 <= taken.battery_available + taken.battery_charging <= SLOTS


def test_the_same_seed_is_the_same_station() -> None:
    first, second = a_station(), a_station()

    assert orjson.dumps([first.says(NOW) for _ in range(20)]) == orjson.dumps([second.says(NOW) for _ in range(20)])


def test_ids_are_a_prefix_and_a_number() -> None:
    assert names(2, "BSS-") == ["BSS-00001", "BSS-00002"]


def test_a_url_that_is_none_is_one_sentence() -> None:
    done = CliRunner().invoke(app, ["stations", "--url", "http://localhost"])

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "http://localhost begins neither with mqtt:// nor with mqtts://.\n"
