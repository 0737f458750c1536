"""The command line."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from charge_point_sim.__main__ import app
from ocppj.versions import V16, V201, Version
from tests.charge_point_sim.anybody import Anybody
from tests.charge_point_sim.csms import Csms
from tests.charge_point_sim.script import Script


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--version", "1.5"], "1.5 is none of 1.6, 2.0.1, 2.1"),
        (["--url", "http://localhost"], "neither with ws://"),
        (["--url", "ws://"], "ws://: hostname isn't provided"),
        (["--url", "ws://127.0.0.1:99999/ocpp"], "Port out of range"),
        (["run", "boot-16", "--url", "http://localhost"], "neither with ws://"),
        (["--id", ""], "an empty identity"),
        (["--id", "x" * 200], "longer than 128"),
        (["--id", "CP1", "--id", "CP1"], "CP1 is there twice"),
        (["--sessions", "-2"], "greater than or equal to -1"),
        (["--certificate", "own.pem"], "--certificate and --key come together"),
        (["--certificate", "nowhere.pem", "--key", "nowhere.key"], "nowhere.pem: No such file"),
        (["--url", "wss://localhost", "--ca", "nowhere.pem"], "nowhere.pem: No such file"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, arguments, terminal_width=200)

    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_a_wrong_port_in_the_environment_is_named() -> None:
    result = CliRunner().invoke(app, [], env={"OCPPGW_WS_PORT": "harbour"})

    assert result.exit_code == 1
    assert result.output.startswith("OCPPGW_WS_PORT: ")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "ws://192.0.2.1/ocpp"], "192.0.2.1 is not this machine"),
        (["--mix", "1.5:100"], "'1.5' is none of"),
        (["--scenario", "holiday"], "'holiday' is none of steady"),
        (["--duration", "soon"], "'soon' is no duration"),
        (["--url", "ws://127.0.0.1:99999/ocpp"], "Port out of range"),
        (["--report", "run.json"], "run.json is where the numbers go"),
        (["--report", "/proc/run.html"], "/proc/run.html: No such file"),
        (["--watch-pid", "999999999"], "there is no process 999999999 to watch"),
    ],
)
def test_a_fleet_that_makes_no_sense_is_refused_in_a_sentence(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["fleet", *arguments], terminal_width=200)

    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ([], ["id", "SIM-00000", "SIM-00001"]),
        (["--password", "secret-{id}"], ["id,password", "SIM-00000,secret-SIM-00000"]),
    ],
)
def test_a_fleet_lists_itself_for_the_registration(arguments: list[str], lines: list[str]) -> None:
    result = CliRunner().invoke(app, ["fleet", "--count", "2", "--list", *arguments])

    assert result.exit_code == 0
    assert result.output.splitlines()[: len(lines)] == lines
    assert len(result.output.splitlines()) == 3


def test_shipped_scenarios_are_listed() -> None:
    result = CliRunner().invoke(app, ["scenarios", "--output", "json"])

    assert result.exit_code == 0
    assert "session-16" in {row["name"] for row in orjson.loads(result.output)}


def test_a_scenario_that_is_nowhere_is_refused_in_a_sentence() -> None:
    result = CliRunner().invoke(app, ["run", "no-such-scenario"], terminal_width=200)

    assert result.exit_code == 2
    assert "no-such-scenario is neither a .yaml file nor one of" in " ".join(result.output.split())


def test_a_file_that_is_no_scenario_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("version: 1.6\nsteps: [{dance: }]")

    result = CliRunner().invoke(app, ["run", "boot-16", "mine.yaml"])

    assert result.exit_code == 2
    assert "mine.yaml: step 1: needs exactly one of" in " ".join(result.output.split())


def test_a_scenario_that_fails_says_which_step_and_exits_with_1() -> None:
    result = CliRunner().invoke(app, ["run", "boot-16", "--url", "ws://127.0.0.1:1/ocpp", "--output", "json"])

    assert result.exit_code == 1
    (step,) = orjson.loads(result.output)[0]["steps"]
    assert (step["number"], step["problem"][:14]) == (1, "no connection:")


@pytest.mark.e2e
async def test_a_fleet_of_two_processes_ends_cleanly_at_ctrl_c_and_reports(tmp_path: Path) -> None:
    report = tmp_path / "fleet.html"

    async with Anybody() as csms:
        process = await _start("fleet", "--count", "60", "--processes", "2", "--url", csms.url, "--report", str(report))
        await csms.until(lambda: csms.actions.get("BootNotification", 0) == 60)
        process.send_signal(signal.SIGINT)
        output, errors = await asyncio.wait_for(process.communicate(), 30)

    numbers = orjson.loads(report.with_suffix(".json").read_bytes())["summary"]
    assert (process.returncode, errors) == (0, b"")
    assert b"at most 60 of 60 connected" in output
    assert (numbers["connectedMost"], numbers["errors"]) == (60, {})
    assert csms.connections == 60


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's children under /proc")
async def test_a_process_of_a_fleet_that_dies_is_told() -> None:
    async with Anybody() as csms:
        process = await _start("fleet", "--count", "60", "--processes", "2", "--url", csms.url)
        await csms.until(lambda: csms.actions.get("BootNotification", 0) == 60)
        os.kill(_children(process.pid)[-1], signal.SIGKILL)
        process.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 1
    assert b"ended with -9: its part of the fleet was missing" in errors


@pytest.mark.e2e
@pytest.mark.parametrize("version", [V16, V201], ids=str)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
async def test_a_process_charges_says_so_and_stops_cleanly(version: Version, number: signal.Signals) -> None:
    script = Script(version)

    async with Csms(script) as csms:
        process = await _start(
            "--id",
            "CP1",
            "--version",
            version.name,
            "--url",
            csms.url,
            "--sessions",
            "1",
            "--pause-seconds",
            "0",
        )
        await csms.until(lambda: bool(script.payloads("StartTransaction") + script.payloads("TransactionEvent")))
        process.send_signal(number)
        output, errors = await asyncio.wait_for(process.communicate(), 20)

    said = output.decode()
    assert (process.returncode, errors) == (0, b"")
    assert "CP1 booted status=Accepted interval_s=300" in said
    assert "CP1 transaction stopped connector=" in said
    assert script.said()[-1] in ("StopTransaction", "Ended AbnormalCondition", "1 Finishing", "2 Finishing")


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    options: dict[str, Any] = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    command = (sys.executable, "-m", "charge_point_sim", *arguments)
    return await asyncio.create_subprocess_exec(*command, **options)


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
