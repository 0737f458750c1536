"""`ocppgw up`: starts everything, stops everything, and remembers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from infra.local.cloud import answers
from infra.local.demo import CHARGE_POINTS
from tests.house import PORTS, STOP_S, House, free_ports
from tests.infra.processes import LOOPBACKS, descendants, is_running, listening, members, wait_until

pytestmark = pytest.mark.e2e


def up(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", "up"]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_a_house_starts_with_one_command_and_stops_without_a_trace(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.wait_until_ready()
        family = descendants(house.process.pid)
        groups = {os.getpgid(pid) for pid in family}

        took_s = house.stop()

    assert house.process.returncode == 0
    assert took_s < STOP_S
    assert len(groups) >= 3  # the house, AWS, the gateway
    wait_until(lambda: not members(groups), within_s=2)


def test_the_demo_charges_without_a_word_of_warning(tmp_path: Path) -> None:
    with House(tmp_path, OCPPGW_DEMO="1") as house:
        house.wait_until_ready()
        dynamodb = house.aws.client("dynamodb")

        wait_until(lambda: set(charging(dynamodb)) == set(CHARGE_POINTS), within_s=60)
        house.stop()

        said = house.output[house.output.index("ready\n") :]
    assert said == ["ready\n", "stopped\n"]


def test_nothing_of_a_house_listens_beyond_the_loopback(house: House) -> None:
    sockets = listening(descendants(house.process.pid))

    assert {int(house.environment[name]) for name in PORTS} <= {port for _, port in sockets}
    assert {address for address, _ in sockets} <= set(LOOPBACKS)


def test_a_second_start_finds_charge_points_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    with House(tmp_path) as first:
        first.wait_until_ready()
        thing = first.aws.client("iot").create_thing(thingName="CP-001")
        wait_until(lambda: row_of(first, "CP-001") is not None)
        first.stop(signal.SIGINT)

    with House(tmp_path) as second:
        second.wait_until_ready()
        row = row_of(second, "CP-001")
        second.stop()

    assert row is not None
    assert row["thingId"] == {"S": thing["thingId"]}
    assert first.process.returncode == second.process.returncode == 0


def test_stopping_twice_within_a_second_is_one_stop(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.wait_until_ready()

        house.process.send_signal(signal.SIGTERM)
        house.stop()

    assert house.process.returncode == 0


def test_a_gateway_that_hangs_does_not_keep_the_house_from_stopping(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.wait_until_ready()
        family = descendants(house.process.pid)
        for pid in filter(is_gateway, family):
            os.kill(pid, signal.SIGSTOP)

        took_s = house.stop()

    assert took_s < STOP_S
    wait_until(lambda: not any(is_running(pid) for pid in family), within_s=2)


def test_a_house_that_is_killed_leaves_nobody_on_its_ports(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.wait_until_ready()
        family = descendants(house.process.pid)

        house.kill()

    wait_until(lambda: not any(is_running(pid) for pid in family))


def test_a_second_stop_after_a_second_ends_the_house_at_once(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.wait_until_ready()
        family = descendants(house.process.pid)
        for pid in filter(is_gateway, family):
            os.kill(pid, signal.SIGSTOP)
        house.process.send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        wait_until(lambda: time.monotonic() > asked_at + 1.1)

        took_s = house.stop()

    assert took_s < 1
    assert house.process.returncode == 1
    wait_until(lambda: not any(is_running(pid) for pid in family), within_s=2)


def test_a_house_that_is_stopped_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        wait_until((tmp_path / "logs").exists)  # the emulator is being started
        groups = {os.getpgid(pid) for pid in descendants(house.process.pid)}

        took_s = house.stop()

    assert took_s < STOP_S
    wait_until(lambda: not members(groups), within_s=2)


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        ended = up(**free_ports() | {"OCPPGW_HTTP_PORT": port}, OCPPGW_STATE_DIR=str(tmp_path))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"Port {port} is in use: set OCPPGW_HTTP_PORT to another one.\n"


def test_a_second_house_on_the_same_state_is_one_sentence(house: House, tmp_path: Path) -> None:
    with House(tmp_path, OCPPGW_STATE_DIR=str(house.state)) as other:
        other.process.wait(30)
        other.kill()

    assert other.process.returncode == 1
    assert f"Another house runs on {house.state}: stop it, or set OCPPGW_STATE_DIR" in "".join(other.output)


def test_a_gateway_that_dies_takes_the_house_with_it_in_words(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.wait_until_ready()
        gateways = [pid for pid in descendants(house.process.pid) if is_gateway(pid)]

        for pid in gateways:
            os.kill(pid, signal.SIGKILL)
        house.process.wait(STOP_S)
        house.kill()

    assert gateways
    assert house.process.returncode == 1
    assert "gateway ended with code -9; see " in "".join(house.output)


def test_an_emulator_that_dies_while_the_stack_is_made_is_one_sentence(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        wait_until(lambda: answers(f"{house.aws.endpoint_url}/_ministack/ready"))
        wait_until(lambda: (tmp_path / "ca.pem").exists())
        (emulator,) = [pid for pid in descendants(house.process.pid) if "infra.local.emulator" in command_of(pid)]
        os.kill(emulator, signal.SIGKILL)
        house.process.wait(STOP_S + 20)
        house.kill()

    said = "".join(house.output)
    assert house.process.returncode == 1
    assert "Traceback" not in said
    assert "aws ended with code -9; see " in said


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_the_front_says_which_paths_there_are(house: House) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{house.http_url}/nowhere")  # noqa: S310

    with refused.value as answer:
        problem = json.load(answer)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "/remote-start-transaction" in problem["detail"]


def test_the_front_hands_requests_to_the_function(house: House) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{house.http_url}/commands/unknown")  # noqa: S310

    with refused.value as answer:
        problem = json.load(answer)
    assert (answer.status, problem["status"]) == (404, 404)
    assert "unknown" in problem["detail"]


def row_of(house: House, charge_point_id: str) -> dict[str, Any] | None:
    key = {"chargePointId": {"S": charge_point_id}}
    answer = house.aws.client("dynamodb").get_item(TableName="ChargePointTable", Key=key)
    row: dict[str, Any] | None = answer.get("Item")
    return row


def charging(dynamodb: Any) -> list[str]:
    items = dynamodb.scan(TableName="TransactionTable")["Items"]
    return [item["chargePointId"]["S"] for item in items if "startedAt" in item]


def is_gateway(pid: int) -> bool:
    return b"\0gateway\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
