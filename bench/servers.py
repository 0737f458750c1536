"""What is measured, each to be run in a process of its own: the gateway, a bare echo; and the cloud behind them."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from threading import Lock
from typing import cast

import mqtt5
import structlog
import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from adapters import mqtt_connection
from adapters.mqtt_link import MqttLink
from adapters.mqtt_pace import Pace
from adapters.mqtt_settings import from_url
from adapters.registries import OpenRegistry
from domain import models
from domain.models import ChargePoint, Proven
from domain.ports import NOTHING_PROVEN
from gateway.garbage import collect_seldom
from gateway.gate import Arrivals
from gateway.options import Options
from gateway.server import Gateway
from gateway.tls import Certificates, TlsFiles
from tests.cable import Cable

REGISTRY_S = 0.005
# Nobody pings here. Not the longest there is, 65,535: mosquitto 2.0.21 throws out who says that once he talks.
KEEPALIVE_S = 43_200


def run_gateway(port: int, mqtt: str, per_link: int, tls: TlsFiles | None = None) -> None:
    """The gateway, with a registry in memory that lets everybody in."""
    collect_seldom()
    # A line per connection is not what we want to see.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING), cache_logger_on_first_use=True
    )

    async def serve() -> None:
        options = Options(
            port=port,
            charge_points_per_link=per_link,
            ping_interval_s=0,
            registry_workers=0,
            tls=Certificates(tls) if tls else None,
        )
        gateway = Gateway(
            OpenRegistry(),
            lambda number, will, on_state: MqttLink(from_url(mqtt, f"gw-bench-{number}", will=will), on_state),
            options,
        )
        await gateway.run()

    uvloop.run(serve())


@dataclass(frozen=True, slots=True)
class Storm:
    """One of several gateways on a port that just started: a slow registry, and what the broker's account allows.

    `writes` counts what the registry took, `throttled` what it did not. `writes_per_s` and `subscribes_per_s` are this
    gateway's share; `subscribes_per_s` 0 is no limit.
    """

    port: int
    admin_port: int
    mqtt: str
    per_link: int
    writes_per_s: float
    subscribes_per_s: float
    writes: "Synchronized[int]"
    throttled: "Synchronized[int]"


class ThrottledError(Exception):
    """The registry does not take so many writes a second."""


class SlowRegistry(OpenRegistry):
    """A database in another machine: 5 ms there and back, so many writes a second and no more."""

    def __init__(self, storm: Storm) -> None:
        super().__init__()
        self._storm = storm
        self._tokens = storm.writes_per_s
        self._filled_at = time.monotonic()
        self._bucket = Lock()

    def find(self, charge_point_id: str) -> ChargePoint | None:
        time.sleep(REGISTRY_S)
        return super().find(charge_point_id)

    def connect(
        self, charge_point_id: str, connection: models.Connection, credential_version: int,
        proven: Proven = NOTHING_PROVEN,
    ) -> models.Connection | None:  # fmt: skip
        time.sleep(REGISTRY_S)
        self._take()
        old = super().connect(charge_point_id, connection, credential_version, proven)
        with self._storm.writes.get_lock():
            self._storm.writes.value += 1
        return old

    def _take(self) -> None:
        storm = self._storm
        with self._bucket:
            now = time.monotonic()
            self._tokens = min(storm.writes_per_s, self._tokens + (now - self._filled_at) * storm.writes_per_s)
            self._filled_at = now
            if self._tokens < 1:
                with storm.throttled.get_lock():
                    storm.throttled.value += 1
                raise ThrottledError("too many writes a second")
            self._tokens -= 1


def run_stormed(storm: Storm) -> None:
    """One of the gateways."""
    collect_seldom()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=True
    )
    pace = Pace(storm.subscribes_per_s) if storm.subscribes_per_s else None

    async def serve() -> None:
        options = Options(
            port=storm.port, admin_port=storm.admin_port, reuse_port=True, ping_interval_s=0,
            charge_points_per_link=storm.per_link, arrivals=Arrivals(subscribe_rate=storm.subscribes_per_s),
        )  # fmt: skip

        def link(number: int, will: tuple[str, bytes] | None, on_state: Callable[[bool], None]) -> MqttLink:
            settings = from_url(storm.mqtt, f"gw-{storm.admin_port}-{number}", will=will)
            return MqttLink(replace(settings, pace=pace) if pace else settings, on_state)

        await Gateway(SlowRegistry(storm), link, options).run()

    uvloop.run(serve())


def run_cable(port: int, mqtt_port: int, order: Connection) -> None:
    """Carries what goes to the broker; cut for as long as it is told ("1.5")."""

    async def serve() -> None:
        cable = Cable("127.0.0.1", mqtt_port)
        server = await asyncio.start_server(cable.carry, "127.0.0.1", port)
        loop, cuts = asyncio.get_running_loop(), asyncio.Queue[str]()
        loop.add_reader(order.fileno(), lambda: cuts.put_nowait(order.recv()))
        async with server:
            while True:
                seconds = float(await cuts.get())
                cable.cut()
                await asyncio.sleep(seconds)
                cable.restore()

    uvloop.run(serve())


def run_echo(port: int, tls: TlsFiles | None = None) -> None:
    """The least a WebSocket server can do with the same library: what came in goes out."""
    collect_seldom()
    context = Certificates(tls).context if tls else None

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port, ssl=context, backlog=4_096)
        await server.serve_forever()

    uvloop.run(serve())


class Echo(asyncio.Protocol):
    """A bare Sans-I/O WebSocket."""

    def __init__(self) -> None:
        self._protocol = ServerProtocol(subprotocols=[Subprotocol("ocpp1.6")])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Echo texts."""
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                protocol.send_text(event.data)
        for out in protocol.data_to_send():
            self._transport.write(out)


def run_cloud(mqtt: str, number: int = 0, asked: Connection | None = None) -> None:
    """Answers every CALL with an empty CALLRESULT, as publish on `<id>/out`; says how many there were, if `asked`."""

    async def serve() -> None:
        cloud = Cloud(mqtt, number, remembers=asked is not None)
        await cloud.connection.open()
        if asked is not None:
            asyncio.get_running_loop().add_reader(asked.fileno(), lambda: asked.send((asked.recv(), len(cloud.seen))))
        sys.exit(f"the cloud is gone: {await cloud.connection.lost}")

    uvloop.run(serve())


class Cloud:
    """The other side of the broker."""

    def __init__(self, mqtt: str, number: int, remembers: bool = False) -> None:
        self.seen: set[tuple[str, bytes]] = set()
        self._remembers = remembers
        self.connection = mqtt_connection.Connection(
            from_url(mqtt, f"cloud-{number}", receive_maximum=60_000, keepalive_s=KEEPALIVE_S), self._on_packet
        )
        self._sent = 0

    def _on_packet(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PublishPacket):
            self._answer(packet)
        elif isinstance(packet, mqtt5.ConnAckPacket):
            wanted = mqtt5.TopicFilter("+/in", max_qos=mqtt5.QoS.AT_MOST_ONCE)
            self.connection.send(mqtt5.SubscribePacket(65_000, [wanted]).write())

    def _answer(self, packet: mqtt5.PublishPacket) -> None:
        message_id = bytes(packet.payload).split(b'"', 2)[1]
        if self._remembers:
            self.seen.add((packet.topic, message_id))
        self._sent = self._sent % 60_000 + 1
        epochs = [pair for pair in packet.user_properties if pair[0] == "epoch"]
        answer = mqtt5.PublishPacket(
            packet.topic.partition("/")[0] + "/out", b'[3,"' + message_id + b'",{}]',
            qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._sent, user_properties=epochs,
        )  # fmt: skip
        self.connection.send(answer.write())
