"""The gateway as people start it: a process of its own, a real mosquitto, real sockets."""

import asyncio
import os
import shutil
import signal
import socket as sockets
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest
import pytest_asyncio
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from infra.local.cloud import free_port
from tests.brokers import Mosquitto
from tests.certificates import Authority
from tests.gateway.house import closed, get, hear, until

pytestmark = pytest.mark.e2e

START_S = 20.0


class Process:
    """`ocppgw gateway` as a child."""

    def __init__(
        self, mqtt: str, *arguments: str, registry: str = "open", log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.port, self.admin_port = free_port(), free_port()
        command = [sys.executable, "-m", "cli", "gateway", "--port", str(self.port), "--mqtt", mqtt]
        own = {"OCPPGW_ADMIN_PORT": str(self.admin_port), "OCPPGW_REGISTRY": registry}
        self._log = log
        self._sockets: list[ClientConnection] = []
        with log.open("wb") as stderr:
            self.child = subprocess.Popen(
                [*command, *arguments], env=(environment or os.environ) | own, stderr=stderr, start_new_session=True
            )

    async def ready(self) -> None:
        """Wait until it says that it is."""
        async with asyncio.timeout(START_S):
            while await self.readiness() != 200:
                assert self.child.poll() is None
                await asyncio.sleep(0.05)

    async def not_ready(self) -> None:
        """Wait until it says that it isn't."""
        async with asyncio.timeout(START_S):
            while await self.readiness() == 200:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.02)

    async def readiness(self) -> int:
        try:
            return (await get(self.admin_port, "/readyz"))[0]
        except OSError:
            return 0

    async def connect(self, charge_point_id: str, version: str = "ocpp1.6") -> ClientConnection:
        url = f"ws://127.0.0.1:{self.port}/ocpp/{charge_point_id}"
        socket = await connect(url, subprotocols=[Subprotocol(version)], proxy=None, ping_interval=None)
        self._sockets.append(socket)
        return socket

    async def end(self) -> None:
        """Leave nothing behind."""
        self.child.kill()
        self.child.wait()
        for socket in self._sockets:
            socket.transport.abort()
            await socket.wait_closed()

    def log(self) -> str:
        return self._log.read_text()

    def ended(self) -> int:
        return self.child.wait(START_S)


@pytest_asyncio.fixture
async def start(mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Any]:
    """Starts gateways and leaves none behind."""
    started: list[Process] = []

    def begin(*arguments: str, mqtt: str = f"mqtt://127.0.0.1:{mosquitto.port}", **changes: Any) -> Process:
        started.append(Process(mqtt, *arguments, log=tmp_path / f"gateway-{len(started)}.log", **changes))
        return started[-1]

    yield begin
    for process in started:
        await process.end()


@asynccontextmanager
async def cloud(mosquitto: Mosquitto, *topics: str) -> AsyncIterator[aiomqtt.Client]:
    """An ordinary MQTT 5 client of somebody else's making."""
    async with aiomqtt.Client("127.0.0.1", mosquitto.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)
        yield client


async def next_message(client: aiomqtt.Client) -> tuple[str, list[Any] | dict[str, Any], dict[str, str]]:
    async with asyncio.timeout(START_S):
        message = await anext(aiter(client.messages))
    assert isinstance(message.payload, bytes)
    properties = dict(getattr(message.properties, "UserProperty", []))
    return message.topic.value, orjson.loads(message.payload), properties


def user(**pairs: Any) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = [(name, str(value)) for name, value in pairs.items()]
    return properties


async def test_a_call_and_a_command_travel_through_a_real_broker(start: Any, mosquitto: Mosquitto) -> None:
    process = start()
    await process.ready()

    async with cloud(mosquitto, "+/in") as client:
        socket = await process.connect("CP%2B1", "ocpp2.0.1")
        await socket.send('[2,"b1","BootNotification",{"reason":"PowerUp"}]')
        topic, call, properties = await next_message(client)
        await client.publish(
            "CP:2B1/out", b'[3,"b1",{"status":"Accepted"}]', 1, properties=user(epoch=properties["epoch"])
        )
        answer = await hear(socket)
        deadline = int(time.time() * 1000) + 20_000
        await client.publish("CP:2B1/out", b'[2,"m1","ClearCache",{}]', 1, properties=user(deadline=deadline))
        command = await hear(socket)
        await socket.send('[3,"m1",{"status":"Accepted"}]')
        _, result, _ = await next_message(client)
        await socket.close()

    assert (topic, call) == ("CP:2B1/in", [2, "b1", "BootNotification", {"reason": "PowerUp"}])
    assert properties["ocpp"] == "ocpp2.0.1"
    assert set(properties) == {"ocpp", "gateway", "epoch", "trace"}
    assert answer == [3, "b1", {"status": "Accepted"}]
    assert command == [2, "m1", "ClearCache", {}]
    assert result == [3, "m1", {"status": "Accepted"}]


async def test_many_charge_points_over_several_links_are_all_served(start: Any, mosquitto: Mosquitto) -> None:
    process = start("--charge-points-per-link", "5")
    await process.ready()

    async with cloud(mosquitto, "+/in") as client:
        connections = await asyncio.gather(*[process.connect(f"CP{n}") for n in range(23)])
        for number, socket in enumerate(connections):
            await socket.send(f'[2,"{number}","Heartbeat",{{}}]')
        for _ in connections:
            topic, call, _ = await next_message(client)
            await client.publish(topic.replace("/in", "/out"), orjson.dumps([3, call[1], {}]), 1)  # type: ignore[index]
        answers = [await hear(socket) for socket in connections]
        _, metrics = await get(process.admin_port, "/metrics")

    assert answers == [[3, str(number), {}] for number in range(23)]
    assert "mqtt_links_up 6.0" in metrics


async def test_a_broker_killed_and_restarted_costs_no_socket_and_no_frame(start: Any, mosquitto: Mosquitto) -> None:
    process = start()
    await process.ready()
    socket = await process.connect("CP1")

    mosquitto.kill()
    await process.not_ready()
    await socket.send('[2,"h1","Heartbeat",{}]')
    mosquitto.start()
    async with cloud(mosquitto, "CP1/in") as client:
        _, call, _ = await next_message(client)
        await process.ready()
        for _ in range(50):  # the gateway subscribes again within moments of its coming back
            await client.publish("CP1/out", b'[3,"h1",{}]', 1)
            await asyncio.sleep(0.05)
        answer = await hear(socket)

    assert call == [2, "h1", "Heartbeat", {}]
    assert answer == [3, "h1", {}]


@pytest.mark.parametrize("scheme", ["mqtts", "awsiot"])
async def test_the_broker_is_spoken_to_with_certificates(start: Any, mosquitto: Mosquitto, scheme: str) -> None:
    client = mosquitto.client
    process = start(
        "--mqtt-ca", str(mosquitto.ca), "--mqtt-cert", str(client.certificate), "--mqtt-key", str(client.key),
        mqtt=f"{scheme}://localhost:{mosquitto.tls_port}",
    )  # fmt: skip
    await process.ready()

    async with cloud(mosquitto, "CP1/in") as listener:
        socket = await process.connect("CP1")
        await socket.send('[2,"h1","Heartbeat",{}]')

        assert (await next_message(listener))[1] == [2, "h1", "Heartbeat", {}]


async def test_a56_sigterm_closes_with_1001_flushes_and_exits_0(start: Any, mosquitto: Mosquitto) -> None:
    process = start()
    await process.ready()
    socket = await process.connect("CP1")

    async with cloud(mosquitto, "CP1/in", "gateways/+/disconnected", "gateways/+/down") as client:
        await client.publish("CP1/out", b'[2,"m1","Reset",{"type":"Soft"}]', 1)
        await hear(socket)
        process.child.send_signal(signal.SIGTERM)
        process.child.send_signal(signal.SIGTERM)  # make delivers it twice
        code = await closed(socket)
        status = await asyncio.to_thread(process.ended)
        told = [(await next_message(client))[1] for _ in range(2)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):  # the last will stays where it is
                await anext(aiter(client.messages))

    assert (code, status) == (1001, 0)
    assert told[0][1] == "m1"  # type: ignore[index]
    assert told[0][4]["reason"] == "closed"  # type: ignore[index]
    assert told[1]["reason"] == "drained"  # type: ignore[call-overload]


async def test_a_second_sigterm_a_second_later_exits_at_once(start: Any) -> None:
    process = start()
    await process.ready()
    socket = await process.connect("CP1")
    socket.transport.pause_reading()  # never says goodbye, so the gateway waits for it

    process.child.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    await until(lambda: time.monotonic() > begun + 1.1)
    process.child.send_signal(signal.SIGTERM)
    status = await asyncio.to_thread(process.ended)

    assert status == 1


async def test_a_gateway_that_dies_leaves_its_last_will(start: Any, mosquitto: Mosquitto) -> None:
    process = start()
    await process.ready()

    async with cloud(mosquitto, "gateways/+/down") as client:
        process.child.kill()
        topic, will, _ = await next_message(client)

    assert will == {"event": "down", "gateway": topic.split("/")[1]}


async def test_the_open_registry_says_loudly_what_it_is(start: Any) -> None:
    process = start()
    await process.ready()

    assert "THE REGISTRY IS OPEN" in process.log()


async def test_a_file_registry_lets_in_who_is_in_it(start: Any, tmp_path: Path) -> None:
    file = tmp_path / "registry.jsonl"
    file.write_text('{"identity": "CP1"}\n')
    process = start(registry=f"file:{file}")
    await process.ready()

    await process.connect("CP1")
    status, body = await get(process.port, "/ocpp/CP2")
    with pytest.raises(Exception, match="404"):
        await process.connect("CP2")

    assert status == 426
    assert "WebSocket" in body


async def test_tls_from_the_command_line_takes_new_certificates_on_sighup(start: Any, tmp_path: Path) -> None:
    one, other = Authority(tmp_path, "One CA"), Authority(tmp_path, "Other CA")
    rsa, ec = (one.issue("localhost", algorithm=kind, server=True) for kind in ("rsa", "ec"))
    process = start(
        "--tls-cert", str(rsa.certificate), "--tls-key", str(rsa.key),
        "--tls-cert", str(ec.certificate), "--tls-key", str(ec.key), "--tls-client-ca", str(one.certificate),
    )  # fmt: skip
    await process.ready()
    url = f"wss://localhost:{process.port}/ocpp/CP1"
    protocols = [Subprotocol("ocpp1.6")]
    trusting = [ssl.create_default_context(cafile=authority.certificate) for authority in (one, other)]

    async with connect(url, ssl=trusting[0], host="127.0.0.1", subprotocols=protocols, proxy=None):
        for leaf in (rsa, ec):
            new = other.issue("localhost", algorithm="rsa" if leaf is rsa else "ec", server=True)
            shutil.copy(new.certificate, leaf.certificate)
            shutil.copy(new.key, leaf.key)
        process.child.send_signal(signal.SIGHUP)
        await until(lambda: "certificates read again" in process.log())
        async with connect(url, ssl=trusting[1], host="127.0.0.1", subprotocols=protocols, proxy=None) as socket:
            assert socket.subprotocol == "ocpp1.6"


async def test_certificates_that_cant_be_used_are_one_sentence_and_exit_1(start: Any, tmp_path: Path) -> None:
    process = start("--tls-cert", str(tmp_path / "no.pem"), "--tls-key", str(tmp_path / "no.key"))
    status = await asyncio.to_thread(process.ended)

    assert status == 1
    assert process.log().splitlines()[-1].startswith("The certificates for charge points can't be used: ")
    assert "Traceback" not in process.log()


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
async def test_a_port_in_use_is_one_sentence_and_exit_1(start: Any, option: str) -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        process = start(option, str(port))
        status = await asyncio.to_thread(process.ended)

    assert status == 1
    assert process.log().splitlines()[-1] == f"Can't listen on port {port} of 127.0.0.1: it is in use."
    assert "Traceback" not in process.log()
