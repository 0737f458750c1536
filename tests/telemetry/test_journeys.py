"""Telemetry in the whole house: frames and stations from the broker to whoever asks."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from websockets.sync.client import connect

from ocppj import timestamps
from tests.house import House
from tests.telemetry.house import payload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def ocppgw(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *arguments]
    environment = os.environ | house.environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def eventually(get: Callable[[], Any], wanted: Callable[[Any], bool], within_s: float = 15) -> Any:
    deadline = time.monotonic() + within_s
    while True:
        found = get()
        if wanted(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def lines(house: House, *arguments: str) -> list[dict[str, Any]]:
    done = ocppgw(house, *arguments, "--output", "json")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_frames_of_both_directions_are_read_back_in_order_with_secrets_masked(house: House) -> None:
    name = "TELE-FRAMES"
    ocppgw(house, "fleet", "register", name)
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    with connect(f"{house.ws_url}/{name}", subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]
        for number, (action, said) in enumerate([("BootNotification", boot), ("Heartbeat", {})], 1):
            socket.send(json.dumps([2, str(number), action, said]))
            socket.recv(20)

        found = eventually(lambda: lines(house, "archive", "frames", name), lambda rows: len(rows) >= 4)

    assert [(row["direction"], row["message_type"], row["message_id"]) for row in found] == [
        ("in", 2, "1"), ("out", 3, "1"), ("in", 2, "2"), ("out", 3, "2"),
    ]  # fmt: skip
    assert {row["ocpp"] for row in found} == {"ocpp1.6"}
    assert len({row["epoch"] for row in found}) == 1
    assert found[0]["epoch"] > 0


def test_samples_are_there_within_five_seconds(house: House) -> None:
    name = "TELE-SAMPLES"
    ocppgw(house, "fleet", "register", name)
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    values = [{"timestamp": "2026-11-21T05:00:00Z", "sampledValue": [{"value": "1500"}]}]
    with connect(f"{house.ws_url}/{name}", subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]
        socket.send(json.dumps([2, "1", "BootNotification", boot]))
        socket.recv(20)
        socket.send(json.dumps([2, "2", "MeterValues", {"connectorId": 1, "meterValue": values}]))
        socket.recv(20)
        table = house.aws.client("dynamodb")
        key = {"chargePointId": {"S": name}, "connector": {"S": "1"}}

        item = eventually(lambda: table.get_item(TableName="LatestSampleTable", Key=key), lambda got: "Item" in got, 5)

    assert item["Item"]["at"] == {"S": "2026-11-21T05:00:00.000Z"}
    sql = "select value from samples where charge_point_id = 'TELE-SAMPLES'"
    asked = lines(house, "archive", "query", sql, "--from", "2026-11-21T05:00:00Z", "--to", "2026-11-21T05:00:01Z")
    assert asked == [{"value": 1500.0}]


def publish(house: House, station: str, raw: bytes) -> None:
    house.aws.client("iot-data").publish(topic=f"ev/station/{station}/telemetry", qos=1, payload=raw)


def station_item(house: House, station: str) -> Any:
    key = {"stationId": {"S": station}}
    return house.aws.client("dynamodb").get_item(TableName="StationTable", Key=key).get("Item")


def dead_letters(house: House) -> list[Any]:
    done = ocppgw(house, "dlq", "list", "--output", "json")
    return [letter for letter in json.loads(done.stdout) if letter["queue"] == "StationTelemetry"]


def test_a_station_is_stored_flagged_if_nobody_registered_it_and_never_goes_back_in_time(house: House) -> None:
    house.aws.client("iot").create_thing(thingName="BSS-1")
    said = [
        payload("BSS-1", battery_available=1),
        payload("BSS-1", battery_available=2) | {"timestamp": "2026-11-21T05:40:00Z"},
    ]

    for each in (said[1], said[0], said[1], payload("BSS-NEW")):  # newest first, then older, then again
        publish(house, each["station_id"], orjson.dumps(each))
    stranger = eventually(lambda: station_item(house, "BSS-NEW"), bool)
    count = "-- repeats?\nselect count(*) n, count(distinct id) ids from telemetry where station_id = 'BSS-1'"
    when = ("--from", "2026-11-21T00:00:00Z", "--to", "2026-11-22T00:00:00Z")
    [row] = eventually(
        lambda: lines(house, "archive", "query", count, *when), lambda rows: bool(rows) and rows[0]["n"] == 2
    )

    assert stranger["isRegistered"] == {"BOOL": False}
    known = station_item(house, "BSS-1")
    assert (known["isRegistered"], known["batteryAvailable"]) == ({"BOOL": True}, {"N": "2"})
    assert row == {"n": 2, "ids": 2}


def test_each_bad_payload_is_one_dead_letter_within_ten_seconds(house: House) -> None:
    began = time.monotonic()

    publish(house, "BSS-BAD", b"{not json")
    publish(house, "BSS-BAD", orjson.dumps(payload("BSS-OTHER")))
    publish(house, "BSS-BAD", orjson.dumps(payload("BSS-BAD", temperature="warm")))
    found = eventually(lambda: dead_letters(house), lambda letters: len(letters) >= 3)

    assert time.monotonic() - began < 10
    assert len(found) == 3
    reasons = " | ".join(sorted(letter["reason"] for letter in found))
    assert "no JSON" in reasons
    assert "station_id: it is 'BSS-OTHER', but the topic says 'BSS-BAD'" in reasons
    assert "temperature: " in reasons
    assert station_item(house, "BSS-BAD") is None


def test_simulated_stations_publish_as_their_things_and_arrive(house: House) -> None:
    done = ocppgw(
        house, "sim", "stations", "--count", "5", "--interval", "0.5", "--duration", "3s", "--id-prefix", "SIM-BSS-"
    )
    assert done.returncode == 0, done.stderr
    names = [f"SIM-BSS-0000{number}" for number in range(1, 6)]

    items = eventually(lambda: [station_item(house, name) for name in names], all)

    assert all(item["isRegistered"] == {"BOOL": True} for item in items)


def test_stations_and_samples_are_read_over_http(house: House) -> None:
    publish(house, "BSS-HTTP", orjson.dumps(payload("BSS-HTTP")))
    eventually(lambda: station_item(house, "BSS-HTTP"), bool)

    def get(path: str) -> Any:
        with urllib.request.urlopen(f"{house.http_url}{path}") as answered:  # noqa: S310  our own
            return json.loads(answered.read()), answered.headers

    listed, headers = get("/stations?limit=1000")
    one, _ = get("/stations/BSS-HTTP")
    ocppgw(house, "fleet", "register", "TELE-HTTP")
    samples, _ = get("/charge-points/TELE-HTTP/samples?measurand=SoC")

    assert listed["count"] == len(listed["stations"])
    assert one in listed["stations"]
    assert "RateLimit" in headers
    assert samples == {"data": []}


def test_a_session_replays_without_differences(house: House) -> None:
    name = "TELE-REPLAY"
    ocppgw(house, "fleet", "register", name)
    with connect(f"{house.ws_url}/{name}", subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]

        def ask(message_id: str, action: str, said: dict[str, Any]) -> Any:
            socket.send(json.dumps([2, message_id, action, said]))
            return json.loads(socket.recv(25))[2]

        now = timestamps.write(datetime.now(UTC))
        ask("1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        ask(
            "2",
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "timestamp": now},
        )
        start = {"connectorId": 1, "idTag": "demo-tag-1", "meterStart": 0, "timestamp": now}
        transaction_id = ask("3", "StartTransaction", start)["transactionId"]
        ask("4", "StopTransaction", {"transactionId": transaction_id, "meterStop": 5, "timestamp": now})

    def replayed() -> Any:
        done = ocppgw(house, "replay", "--charge-point", name, "--diff", "--output", "json")
        return json.loads(done.stdout or '{"answers": 0}')

    result = eventually(replayed, lambda found: found["answers"] == 4)

    assert result["differences"] == []
    assert (result["answers"], result["transactions"], result["connectors"]) == (4, 1, 1)

    changed = [sys.executable, "-c", CHANGED, "--charge-point", name, "--diff"]
    done = subprocess.run(changed, env=os.environ | house.environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1, done.stderr
    *named, told = done.stdout.splitlines()
    assert [f"{name} StopTransaction 4: was " in line for line in named] == [True]
    assert told.endswith("1 differences")


# The processors of another version: one handler answers otherwise.
CHANGED = """
from ocppj.versions import V16
from processors import dispatch, replay_command, routes

was = routes._HANDLERS.pop(("StopTransaction", V16))

@routes.on("StopTransaction", V16)
def stop(request, ports):
    return {**was(request, ports), "idTagInfo": {"status": "Expired"}}

replay_command.app()
"""


def test_a_replay_of_nothing_proves_nothing(house: House) -> None:
    done = ocppgw(house, "replay", "--charge-point", "TELE-NOBODY", "--diff")

    assert (done.returncode, done.stderr) == (2, "There are no frames in that time.\n")
