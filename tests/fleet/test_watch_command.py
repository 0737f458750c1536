"""`ocppgw watch` against real brokers."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from botocore.credentials import Credentials
from paho.mqtt import publish
from typer.testing import CliRunner
from websockets.asyncio.client import ClientConnection
from websockets.sync.client import connect
from websockets.typing import Subprotocol

import cli
from adapters import mqtt_watch
from adapters.dynamodb import Tables
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import ChargePoint
from tests.brokers import Mosquitto
from tests.house import House
from tests.infra.test_deploy import gateway_of


class Watch:
    """`ocppgw watch` as somebody runs it; `said` is what it writes."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "cli", "watch", *arguments]
        self.process = subprocess.Popen(
            command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        if not line.startswith("watching"):
            self.process.kill()
            raise AssertionError(line + self.process.stderr.read())

    def lines(self) -> list[str]:
        """What it wrote, once it has ended."""
        said, _ = self.process.communicate(timeout=40)
        return said.splitlines()


@pytest.mark.e2e
def test_both_directions_of_one_charge_point_are_followed(mosquitto: Mosquitto) -> None:
    watch = Watch("CP/1", "--json", "--count", "2", OCPPGW_MQTT=f"mqtt://127.0.0.1:{mosquitto.port}")

    for topic in ("CP-2/in", "CP:2F1/in", "CP:2F1/out"):
        message = '[2,"7","Heartbeat",{}]' if topic.endswith("in") else '[3,"7",{"currentTime":"2026-11-21T12:00:00Z"}]'
        publish.single(topic, message, hostname="127.0.0.1", port=mosquitto.port)

    call, answer = map(json.loads, watch.lines())
    assert (call["chargePointId"], call["direction"], call["action"]) == ("CP:2F1", "in", "Heartbeat")
    assert (answer["direction"], answer["type"], answer["action"]) == ("out", "CALLRESULT", "Heartbeat")


@pytest.mark.e2e
def test_a_broker_that_comes_back_is_followed_again(mosquitto: Mosquitto) -> None:
    watch = Watch("CP-1", "--count", "1", OCPPGW_MQTT=f"mqtt://127.0.0.1:{mosquitto.port}")

    mosquitto.restart()
    assert watch.process.stderr is not None
    said = [watch.process.stderr.readline() for _ in range(2)]
    publish.single("CP-1/in", '[2,"7","Heartbeat",{}]', hostname="127.0.0.1", port=mosquitto.port)

    assert "Trying again" in said[0]
    assert "watching" in said[1]
    assert "→ Heartbeat" in watch.lines()[0]


@pytest.mark.e2e
async def test_with_basic_ingest_frames_are_heard_while_somebody_watches_and_answered_once(house: House) -> None:
    DynamoRegistry(house.aws.client("dynamodb"), Tables()).add(ChargePoint("WATCH-2"))
    gateway = gateway_of(house.aws, "", OCPPGW_BASIC_INGEST="IncomingFrames")  # another one of the same house
    try:
        await gateway.ready()
        charge_point = await gateway.connect("WATCH-2")
        await charge_point.send('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        unwatched = await heard(charge_point)
        watch = await asyncio.to_thread(Watch, "WATCH-2", "--json", "--count", "2", **house.environment)
        await charge_point.send('[2,"2","Heartbeat",{}]')
        seen = [json.loads(line) for line in await asyncio.to_thread(watch.lines)]
        answer = await heard(charge_point)
        with pytest.raises(TimeoutError):
            await heard(charge_point, 1)  # a second answer: the frame would have gone both ways
    finally:
        await gateway.end()

    assert (unwatched[:2], answer[:2]) == ([3, "1"], [3, "2"])
    assert [(each["direction"], each["messageId"]) for each in seen] == [("in", "2"), ("out", "2")]


async def heard(socket: ClientConnection, within_s: float = 40) -> list[Any]:
    async with asyncio.timeout(within_s):
        return list(json.loads(await socket.recv()))


@pytest.mark.e2e
def test_the_house_on_this_machine_is_found_by_itself(house: House) -> None:
    watch = Watch("WATCH-1", "--json", "--count", "2", **house.environment)
    DynamoRegistry(house.aws.client("dynamodb"), Tables()).add(ChargePoint("WATCH-1"))

    with connect(f"{house.ws_url}/WATCH-1", subprotocols=[Subprotocol("ocpp1.6")]) as charge_point:
        charge_point.send('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        boot, answer = map(json.loads, watch.lines())

    assert (boot["action"], boot["direction"]) == ("BootNotification", "in")
    assert (answer["action"], answer["type"]) == ("BootNotification", "CALLRESULT")


def test_no_broker_is_one_sentence_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPGW_MQTT", "mqtt://127.0.0.1:1")

    result = CliRunner().invoke(cli.app, ["watch", "CP-1"])

    assert result.exit_code == 1
    assert result.output.startswith("The broker 127.0.0.1:1 can't be reached")


def test_a_url_that_is_none_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPGW_MQTT", "http://127.0.0.1")

    result = CliRunner().invoke(cli.app, ["watch", "CP-1"])

    assert (result.exit_code, "is no broker URL" in result.output) == (1, True)


def test_where_no_house_has_run_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: str) -> None:
    monkeypatch.setenv("OCPPGW_STATE_DIR", str(tmp_path))

    result = CliRunner().invoke(cli.app, ["watch", "CP-1"])

    assert (result.exit_code, "No house has run" in result.output) == (1, True)


def test_aws_iot_is_asked_with_a_signed_path_and_the_token_beside() -> None:
    path = mqtt_watch.signed_path(
        "x-ats.iot.eu-west-1.amazonaws.com", "eu-west-1", Credentials("AKIA", "secret"), "to/ken"
    )

    assert path.startswith("/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert "%2Feu-west-1%2Fiotdevicegateway%2Faws4_request" in path
    assert path.endswith("&X-Amz-Security-Token=to%2Fken")
    assert "secret" not in path
