"""Charge points on real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
import structlog

from charge_point_sim.backoff import Backoff
from charge_point_sim.build import charge_point
from charge_point_sim.client import Client, Clock
from charge_point_sim.opening import address
from charge_point_sim.parts import Setup, Token
from charge_point_sim.quirks import Quirk
from charge_point_sim.routine import Routine, begin
from ocppj.frames import Answer, CallResult
from ocppj.versions import V16, V201, Version
from tests.charge_point_sim.csms import Csms
from tests.charge_point_sim.script import Script

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=str)
FAST = 200.0  # times as fast as life
TOKEN = Token("TAG-1")


@asynccontextmanager
async def plugged(csms: Csms, version: Version, routine: Routine | None = None, **setup: Any) -> AsyncIterator[Client]:
    """A charge point that runs against this CSMS."""
    # Its time runs fast, the machine's doesn't: no answer is late because of that.
    cp = charge_point(Setup("CP 1", version, **{"call_timeout_s": 60 * FAST, **setup}), seed=7)
    clock = Clock(FAST)
    if routine:
        cp.act(clock.now(), partial(begin, cp, routine))
    client = Client(cp, csms.url, clock)
    running = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        client.stop()
        await running


@BOTH
async def test_a_routine_session_runs_from_authorize_to_available(version: Version) -> None:
    script = Script(version)

    async with Csms(script) as csms, plugged(csms, version, Routine(TOKEN, 1, session_s=60, pause_s=1)) as client:
        await csms.until(lambda: _stops(script) == 1)
        await csms.until(lambda: script.said()[-1] == f"{_first(script)} Available")

    said = [words for words in script.said() if words not in ("Heartbeat",)]
    assert said[0] == "BootNotification"
    assert said.index("Authorize") < said.index(_start_word(version))
    assert client.cp.connectors[0].session is None


@BOTH
async def test_a_cut_connection_comes_back_without_a_second_boot(version: Version) -> None:
    script = Script(version)

    async with Csms(script) as csms, plugged(csms, version):
        await csms.until(lambda: len(script.payloads("StatusNotification")) >= 2)
        await csms.cut()
        await csms.until(lambda: csms.connections == 2)
        answer = await csms.command("ClearCache")

    assert answer == CallResult("command-1", {"status": "Accepted"})
    assert len(script.payloads("BootNotification")) == 1


@BOTH
async def test_a_remote_start_plugs_in_and_charges_until_the_remote_stop(version: Version) -> None:
    script = Script(version)

    async with Csms(script) as csms, plugged(csms, version):
        await csms.until(lambda: len(script.payloads("StatusNotification")) >= 2)
        started = await _tell(csms, _remote_start(version))
        await csms.until(lambda: _samples(script) >= 3)
        stopped = await _tell(csms, _remote_stop(script))
        await csms.until(lambda: _stops(script) == 1)

    assert isinstance(started, CallResult)
    assert isinstance(stopped, CallResult)
    assert started.payload["status"] == stopped.payload["status"] == "Accepted"
    assert _energies(script) == sorted(_energies(script))
    assert _energies(script)[-1] > 0


@BOTH
async def test_a_reset_hangs_up_and_boots_again(version: Version) -> None:
    script = Script(version)

    with structlog.testing.capture_logs() as log:
        async with Csms(script) as csms, plugged(csms, version, reboot_s=3):
            await csms.until(lambda: len(script.payloads("StatusNotification")) >= 2)
            await csms.command("Reset", type="Hard" if version is V16 else "Immediate")
            await csms.until(lambda: len(script.payloads("BootNotification")) == 2)

    assert csms.connections == 2
    assert next(entry["back_in_s"] for entry in log if entry["event"] == "disconnected") == 3


@BOTH
async def test_a_call_that_was_cut_off_does_not_block_the_next_connection(version: Version) -> None:
    script = Script(version)
    script.replies["Heartbeat"] = None

    async with Csms(script) as csms, plugged(csms, version):
        await csms.until(lambda: len(script.payloads("StatusNotification")) >= 2)
        await csms.command("TriggerMessage", requestedMessage="Heartbeat")
        await csms.until(lambda: "Heartbeat" in script.said())
        await csms.cut()
        await csms.until(lambda: csms.connections == 2)
        await csms.command("TriggerMessage", requestedMessage="FirmwareStatusNotification")
        await csms.until(lambda: "FirmwareStatusNotification" in script.said())

    assert script.said()[-1] == "FirmwareStatusNotification"


@BOTH
async def test_stopping_ends_a_running_transaction(version: Version) -> None:
    script = Script(version)

    async with Csms(script) as csms, plugged(csms, version):
        await csms.until(lambda: len(script.payloads("StatusNotification")) >= 2)
        await _tell(csms, _remote_start(version))
        await csms.until(lambda: _samples(script) >= 1)

    assert _stops(script) == 1


async def test_the_password_goes_raw_into_the_header() -> None:
    script, password = Script(V16), bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")

    async with Csms(script) as csms, plugged(csms, V16, password=password):
        await csms.until(lambda: csms.connections == 1)

    scheme, _, credentials = csms.requests[0].headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials) == b"CP 1:" + password
    assert csms.requests[0].path == "/ocpp/CP%201"


@BOTH
async def test_a_new_password_is_used_from_the_next_connection_on(version: Version) -> None:
    script = Script(version)

    async with Csms(script) as csms, plugged(csms, version, password=b"the first password"):
        await csms.until(lambda: len(script.payloads("StatusNotification")) >= 2)
        await _tell(csms, _new_password(version))
        await csms.until(lambda: csms.connections == 2)

    credentials = csms.requests[-1].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(credentials) == b"CP 1:the second passwor"
    assert len(script.payloads("BootNotification")) == 1


async def test_a_refusal_is_told_and_tried_again() -> None:
    script = Script(V16)
    refusals = [
        (HTTPStatus.NOT_FOUND, "No charge point\nof that name.", {}),
        (HTTPStatus.UNAUTHORIZED, '{"status": 401, "detail": "Wrong password."}', {}),
        (HTTPStatus.SERVICE_UNAVAILABLE, "", {"Retry-After": "70"}),
    ]

    with structlog.testing.capture_logs() as log:
        async with Csms(script, refusals) as csms, plugged(csms, V16):
            await csms.until(lambda: csms.connections == 1)

    refused = [entry for entry in log if entry["event"] == "refused"]
    assert [(entry["status"], entry["why"]) for entry in refused] == [
        (404, "No charge point of that name."),
        (401, "Wrong password."),
        (503, "Service Unavailable"),
    ]
    assert [entry["retry_in_s"] >= 70 for entry in refused] == [False, False, True]


async def test_a_connection_that_worked_comes_back_soon_each_time() -> None:
    script = Script(V16)

    with structlog.testing.capture_logs() as log:
        async with Csms(script) as csms, plugged(csms, V16):
            for number in range(1, 4):
                await csms.until(lambda number=number: csms.connections == number)  # type: ignore[misc]
                await csms.command("ClearCache")
                await csms.cut()
            await csms.until(lambda: csms.connections == 4)

    waits = [entry["back_in_s"] for entry in log if entry["event"] == "disconnected"]
    assert len(waits) >= 3
    assert max(waits) <= 1


async def test_a_csms_of_another_version_is_left_again() -> None:
    script = Script(V201)

    with structlog.testing.capture_logs() as log:
        async with Csms(script, speaks_any=True) as csms, plugged(csms, V16):
            await csms.until(lambda: len(csms.requests) == 2)

    assert not script.calls
    assert "no common version" in [entry["event"] for entry in log]


async def test_a_server_that_only_hangs_up_is_told_and_tried_again() -> None:
    calls, enough = [], asyncio.Event()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(writer)
        writer.close()
        if len(calls) == 3:
            enough.set()

    with structlog.testing.capture_logs() as log:
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            client = Client(charge_point(Setup("CP1", V16), seed=1), url, Clock(FAST))
            running = asyncio.create_task(client.run())
            await asyncio.wait_for(enough.wait(), 20)
            client.stop()
            await running

    complaints = [entry["why"] for entry in log if entry["event"] == "no connection"]
    assert len(complaints) >= 2
    assert all(complaints)


def test_the_identity_is_appended_once_and_percent_encoded() -> None:
    assert address("ws://host/ocpp", "CP001") == "ws://host/ocpp/CP001"
    assert address("ws://host/ocpp/", "CP 1/2") == "ws://host/ocpp/CP%201%2F2"
    assert address("ws://host/ocpp/CP001", "CP001") == "ws://host/ocpp/CP001"
    assert address("ws://host/ocpp/XCP001", "CP001") == "ws://host/ocpp/XCP001/CP001"


def test_waits_double_up_to_the_longest_and_begin_anew() -> None:
    backoff = Backoff(charge_point(Setup("CP1", V16), seed=1).rng, first_s=1, most_s=8)

    waits = [backoff.next_s() for _ in range(6)]
    backoff.reset()

    for wait_s, most_s in zip(waits, (1, 2, 4, 8, 8, 8), strict=True):
        assert most_s / 2 <= wait_s <= most_s
    assert backoff.next_s() <= 1


def test_a_fast_clock_makes_waits_short() -> None:
    clock = Clock(speed=100)

    assert clock.real_s(60) == pytest.approx(0.6)
    assert clock.real_s_until(clock.now()) == 0


async def _tell(csms: Csms, command: tuple[str, dict[str, Any]]) -> Answer:
    action, payload = command
    return await csms.command(action, **payload)


def _first(script: Script) -> int:
    call = next(call for call in script.calls if call.action in ("StartTransaction", "TransactionEvent"))
    return int(call.payload["connectorId"] if script.version is V16 else call.payload["evse"]["id"])


def _start_word(version: Version) -> str:
    return "StartTransaction" if version is V16 else "Started CablePluggedIn"


def _stops(script: Script) -> int:
    return sum(words == "StopTransaction" or words.startswith("Ended") for words in script.said())


def _samples(script: Script) -> int:
    return sum(words in ("MeterValues", "Updated MeterValuePeriodic") for words in script.said())


def _energies(script: Script) -> list[float]:
    calls = [call for call in script.calls if "meterValue" in call.payload]
    return [float(call.payload["meterValue"][0]["sampledValue"][0]["value"]) for call in calls]


def _remote_start(version: Version) -> tuple[str, dict[str, Any]]:
    if version is V16:
        return "RemoteStartTransaction", {"idTag": "TAG-1", "connectorId": 1}
    return "RequestStartTransaction", {
        "idToken": {"idToken": "TAG-1", "type": "Central"},
        "evseId": 1,
        "remoteStartId": 9,
    }


def _remote_stop(script: Script) -> tuple[str, dict[str, Any]]:
    if script.version is V16:
        return "RemoteStopTransaction", {"transactionId": 1}
    started = script.payloads("TransactionEvent")[0]
    return "RequestStopTransaction", {"transactionId": started["transactionInfo"]["transactionId"]}


def _new_password(version: Version) -> tuple[str, dict[str, Any]]:
    if version is V16:
        return "ChangeConfiguration", {"key": "AuthorizationKey", "value": b"the second passwor".hex()}
    item = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    return "SetVariables", {"setVariableData": [item | {"attributeValue": "the second passwor"}]}


@pytest.mark.parametrize("fault", ["half-open", "flapping"])
async def test_a_faulty_connection_is_followed_by_another_one(fault: Quirk) -> None:
    script = Script(V16)

    async with Csms(script) as csms, plugged(csms, V16, quirks=frozenset({fault})):
        await csms.until(lambda: csms.connections == 2)
        answer = await csms.command("ClearCache")

    assert answer == CallResult("command-1", {"status": "Accepted"})
    assert len(script.payloads("BootNotification")) == 1
