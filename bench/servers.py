"""What is measured, each to be run in a process of its own: the gateway, a bare echo; and the cloud behind them."""

import asyncio
import logging
from typing import cast

import mqtt5
import structlog
import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from adapters.mqtt_connection import Connection
from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import from_url
from adapters.registries import OpenRegistry
from gateway.garbage import collect_seldom
from gateway.server import Gateway, Options
from gateway.tls import Certificates, TlsFiles


def run_gateway(port: int, mqtt: str, per_link: int, tls: TlsFiles | None = None) -> None:
    """The gateway, with a registry in memory that lets everybody in."""
    collect_seldom()
    # A line per connection is not what we want to see.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

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


def run_echo(port: int) -> None:
    """The least a WebSocket server can do with the same library: what came in goes out."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
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


def run_cloud(mqtt: str, number: int = 0) -> None:
    """Answers every CALL with an empty CALLRESULT, as publish on `<id>/out`."""

    async def serve() -> None:
        cloud = Cloud(mqtt, number)
        await cloud.connection.open()
        await cloud.connection.lost

    uvloop.run(serve())


class Cloud:
    """The other side of the broker."""

    def __init__(self, mqtt: str, number: int) -> None:
        self.connection = Connection(from_url(mqtt, f"cloud-{number}", receive_maximum=60_000), self._on_packet)
        self._sent = 0

    def _on_packet(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PublishPacket):
            self._answer(packet)
        elif isinstance(packet, mqtt5.ConnAckPacket):
            wanted = mqtt5.TopicFilter("+/in", max_qos=mqtt5.QoS.AT_MOST_ONCE)
            self.connection.send(mqtt5.SubscribePacket(65_000, [wanted]).write())

    def _answer(self, packet: mqtt5.PublishPacket) -> None:
        message_id = bytes(packet.payload).split(b'"', 2)[1]
        self._sent = self._sent % 60_000 + 1
        epochs = [pair for pair in packet.user_properties if pair[0] == "epoch"]
        answer = mqtt5.PublishPacket(
            packet.topic.partition("/")[0] + "/out", b'[3,"' + message_id + b'",{}]',
            qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._sent, user_properties=epochs,
        )  # fmt: skip
        self.connection.send(answer.write())
