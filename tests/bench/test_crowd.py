"""The long rows, small: that they run, and count right."""

from pathlib import Path

import pytest

from bench import crowd
from tests.brokers import Mosquitto

SMALL = crowd.Size(charge_points=40, grown=40, minutes=0.02)


@pytest.mark.e2e
def test_a_storm_writes_once_for_each_who_comes_in(mosquitto: Mosquitto, tmp_path: Path) -> None:
    record = crowd.storm(crowd.House(mosquitto, SMALL, 0.2))

    row = record.row
    assert (row["connected"], row["accepted"], row["writes"]) == (40, 40, 40)
    assert row["lost"] == row["errors"] == 0
    assert record.series["connected"][-1] == 40
