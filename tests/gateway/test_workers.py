"""A parent with several gateways on one port: real processes, a real mosquitto."""

import asyncio
import os
import re
import shutil
import signal
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection

from tests.brokers import Mosquitto
from tests.certificates import Authority
from tests.gateway.house import closed, get, hear, until
from tests.gateway.test_main import START_S, Process, cloud, next_message

pytestmark = pytest.mark.e2e


@pytest_asyncio.fixture
async def start(mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Any]:
    """Starts parents of two workers; whoever is left at the end dies with its parent."""
    started: list[Process] = []

    def begin(*arguments: str, **changes: Any) -> Process:
        mqtt, log = f"mqtt://127.0.0.1:{mosquitto.port}", tmp_path / f"parent-{len(started)}.log"
        started.append(Process(mqtt, "--workers", "2", *arguments, log=log, **changes))
        return started[-1]

    yield begin
    for process in started:
        children = _children(process)
        await process.end()
        for child in children:
            await _gone(child)


def _children(process: Process) -> list[int]:
    """The workers' process ids."""
    listed = Path(f"/proc/{process.child.pid}/task/{process.child.pid}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


def _is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


async def _gone(pid: int) -> None:
    async with asyncio.timeout(START_S):
        while _is_alive(pid):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.02)


async def _spread(process: Process, charge_points: int = 16) -> list[ClientConnection]:
    return [await process.connect(f"CP{number}") for number in range(charge_points)]


async def _metric(process: Process, name: str) -> float:
    _, metrics = await get(process.admin_port, "/metrics")
    found = re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_two_workers_share_a_port_and_the_parent_answers_for_both(start: Any, mosquitto: Mosquitto) -> None:
    process = start()
    await process.ready()

    async with cloud(mosquitto, "gateways/+/connected") as client:
        connections = await _spread(process)
        gateways = {(await next_message(client))[0] for _ in connections}

    assert len(gateways) == 2
    assert await _metric(process, "ocpp_ws_active_connections") == 16
    assert await _metric(process, "gateway_workers_up") == 2


async def test_sigterm_twice_at_once_closes_every_socket_with_1001_and_exits_0(start: Any) -> None:
    process = start()
    await process.ready()
    connections = await _spread(process)
    children = _children(process)

    process.child.send_signal(signal.SIGTERM)
    process.child.send_signal(signal.SIGTERM)  # make delivers it twice
    codes = [await closed(socket) for socket in connections]
    status = await asyncio.to_thread(process.ended)

    assert set(codes) == {1001}
    assert status == 0
    assert len(children) == 2
    assert not any(_is_alive(child) for child in children)
    assert "broker lost" not in process.log()
    assert "Traceback" not in process.log()


async def test_a_worker_that_is_killed_comes_back_and_the_other_goes_on(start: Any) -> None:
    process = start()
    await process.ready()
    connections = await _spread(process)
    first, second = _children(process)

    os.kill(first, signal.SIGKILL)
    await process.not_ready()
    await process.ready()
    left = int(await _metric(process, "ocpp_ws_active_connections"))

    assert second in _children(process)
    assert first not in _children(process)
    assert 0 < left < 16
    for socket in await _still_open(connections, left):
        await socket.ping()


async def _still_open(connections: list[ClientConnection], left: int) -> list[ClientConnection]:
    await until(lambda: len([each for each in connections if each.close_code is None]) == left)
    return [each for each in connections if each.close_code is None]


async def test_a_parent_that_is_killed_takes_its_workers_along(start: Any) -> None:
    process = start()
    await process.ready()
    socket = await process.connect("CP1")
    children = _children(process)

    process.child.kill()
    code = await closed(socket)

    assert code == 1001
    for child in children:
        await _gone(child)


async def test_a_second_sigterm_a_second_later_ends_everything_at_once(start: Any) -> None:
    process = start("--drain-seconds", "60")
    await process.ready()
    for socket in await _spread(process, 4):
        await socket.send('[2,"h1","Heartbeat",{}]')  # nobody answers: the drain waits for it
    children = _children(process)

    process.child.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    await until(lambda: time.monotonic() > begun + 1.1)
    process.child.send_signal(signal.SIGTERM)
    status = await asyncio.to_thread(process.ended)

    assert status == 1
    for child in children:
        await _gone(child)


async def test_a_takeover_between_workers_leaves_one_socket(start: Any, mosquitto: Mosquitto) -> None:
    process = start()
    await process.ready()

    connections = [await process.connect("CP1") for _ in range(12)]
    codes = [await closed(socket) for socket in connections[:-1]]
    async with cloud(mosquitto) as client:
        await client.publish("CP1/out", b'[2,"m1","ClearCache",{}]', 1)

    assert set(codes) == {1008}
    assert await hear(connections[-1]) == [2, "m1", "ClearCache", {}]
    assert await _metric(process, "ocpp_ws_active_connections") == 1


async def test_sighup_of_the_parent_has_every_worker_take_up_new_certificates(start: Any, tmp_path: Path) -> None:
    old, new = (Authority(tmp_path, name=name) for name in ("Old CA", "New CA"))
    leaf, fresh = (authority.issue("localhost", server=True) for authority in (old, new))
    process = start("--tls-cert", str(leaf.certificate), "--tls-key", str(leaf.key))
    await process.ready()

    shutil.copy(fresh.certificate, leaf.certificate)
    shutil.copy(fresh.key, leaf.key)
    process.child.send_signal(signal.SIGHUP)
    await until(lambda: process.log().count("certificates read again") == 2)
    trusting = ssl.create_default_context(cafile=new.certificate)
    for _ in range(8):
        _, writer = await asyncio.open_connection("localhost", process.port, ssl=trusting)
        writer.transport.abort()

    assert len(_children(process)) == 2


async def test_workers_that_cannot_start_end_their_parent(start: Any, tmp_path: Path) -> None:
    process = start(registry=f"file:{tmp_path / 'nowhere.jsonl'}")

    status = await asyncio.to_thread(process.ended)

    assert status == 1
    assert "OCPPGW_REGISTRY is 'file:" in process.log()
    assert "Traceback" not in process.log()


async def test_a_port_somebody_else_has_is_one_sentence_for_a_parent_too(start: Any) -> None:
    first = start()
    await first.ready()

    second = start("--port", str(first.port))
    status = await asyncio.to_thread(second.ended)

    assert status == 1
    assert second.log().splitlines()[-1] == f"Can't listen on port {first.port} of 127.0.0.1: it is in use."
