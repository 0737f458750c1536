"""The long rows, small: that they run, and count right."""

import os
import signal
from pathlib import Path

import pytest

from bench import crowd, load, servers
from bench.bare import run_bare
from bench.processes import BenchError, Child, Load, end_all, measure, wait_for
from infra.local.cloud import free_port
from tests.brokers import Mosquitto

SMALL = crowd.Size(charge_points=40, grown=40, minutes=0.02)


@pytest.mark.e2e
@pytest.mark.alone
def test_a_storm_writes_once_for_each_who_comes_in(mosquitto: Mosquitto, tmp_path: Path) -> None:
    record = crowd.storm(crowd.House(mosquitto, SMALL, 0.2))

    row = record.row
    assert (row["connected"], row["accepted"], row["writes"]) == (40, 40, 40)
    assert row["lost"] == row["errors"] == 0
    assert record.series["connected"][-1] == 40


def test_the_longest_time_without_answers_is_found() -> None:
    series = {"at_s": [0.0, 2.0, 4.0, 6.0, 8.0, 10.0], "answers": [0.0, 100.0, 200.0, 201.0, 202.0, 300.0]}

    assert crowd._silent_s(series) == 4.0


@pytest.mark.e2e
def test_charge_points_that_find_nobody_end_the_row_with_a_reason() -> None:
    loading = Load(load.Plan(port=1, sockets=2))

    with pytest.raises(BenchError, match='ended before it answered "connect"'):
        loading.connect()
    end_all()


@pytest.mark.e2e
def test_a_row_whose_cloud_has_died_ends_with_a_reason(mosquitto: Mosquitto) -> None:
    cloud = Child(servers.run_cloud, f"mqtt://127.0.0.1:{mosquitto.port}")
    cloud.check("the cloud")

    os.kill(cloud.pid, signal.SIGKILL)
    os.waitid(os.P_PID, cloud.pid, os.WEXITED | os.WNOWAIT)

    with pytest.raises(BenchError, match="the cloud ended before the row did, exit code -9"):
        cloud.check("the cloud")
    end_all()


@pytest.mark.e2e
def test_a_row_in_which_nothing_is_answered_has_no_figures_but_a_reason(mosquitto: Mosquitto) -> None:
    port = free_port()
    alone = Child(run_bare, port, f"mqtt://127.0.0.1:{mosquitto.port}")
    wait_for(port)
    loading = Load(load.Plan(port, sockets=2, rate=100))
    loading.connect()

    with pytest.raises(BenchError, match=r"nothing was answered within 0\.1 s"):
        measure(loading, alone.pid, 0.1, warm_s=0.1)
    end_all()
