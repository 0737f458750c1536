"""The least that a gateway of this shape can do: the same WebSocket library, the same MQTT codec, nothing in between.

A text goes out as publish of QoS 1 under a user property, a publish goes back as text. Nobody is asked who he is, no
answer is waited for, nothing is counted, and what is lost is lost. What the gateway costs more than this is its own.
"""

import asyncio
from typing import cast

import mqtt5
import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from adapters.mqtt_connection import Connection
from adapters.mqtt_settings import from_url
from bench.servers import KEEPALIVE_S
from gateway.garbage import collect_seldom

_IDS = 60_000


def run_bare(port: int, mqtt: str) -> None:
    """Serve for ever."""
    collect_seldom()

    async def serve() -> None:
        bare = Bare(mqtt)
        await bare.link.open()
        server = await asyncio.get_running_loop().create_server(
            lambda: BareSocket(bare), "127.0.0.1", port, backlog=4_096
        )
        await server.serve_forever()

    uvloop.run(serve())


class Bare:
    """One connection to the broker for all sockets."""

    def __init__(self, mqtt: str) -> None:
        settings = from_url(mqtt, "bare", receive_maximum=_IDS, keepalive_s=KEEPALIVE_S)
        self.link = Connection(settings, self._on_packet)
        self.sockets: dict[str, BareSocket] = {}
        self._last_id = 0

    def subscribe(self, socket: "BareSocket") -> None:
        """Have what is for it come here; its 101 does not wait for that."""
        self.sockets[socket.name + "/out"] = socket
        wanted = mqtt5.TopicFilter(socket.name + "/out", max_qos=mqtt5.QoS.AT_LEAST_ONCE)
        self.link.send(mqtt5.SubscribePacket(self._new_id(), [wanted]).write())

    def publish(self, socket: "BareSocket", text: bytes) -> None:
        """To the cloud."""
        packet = mqtt5.PublishPacket(
            socket.name + "/in", text, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._new_id(),
            user_properties=[("epoch", "1")],
        )  # fmt: skip
        self.link.send(packet.write())

    def _new_id(self) -> int:
        self._last_id = self._last_id % _IDS + 1
        return self._last_id

    def _on_packet(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PublishPacket):
            socket = self.sockets.get(packet.topic)
            if socket:
                socket.send(bytes(packet.payload))
            self.link.send_soon(mqtt5.PubAckPacket(packet.packet_id or 0).write())


class BareSocket(asyncio.Protocol):
    """A bare Sans-I/O WebSocket."""

    def __init__(self, bare: Bare) -> None:
        self._bare = bare
        self._protocol = ServerProtocol(subprotocols=[Subprotocol("ocpp1.6")])
        self.name = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _: Exception | None) -> None:
        """Nobody is there to be answered any more."""
        self._bare.sockets.pop(self.name + "/out", None)

    def data_received(self, data: bytes) -> None:
        """Hand texts over."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
                self.name = event.path.strip("/")
                self._bare.subscribe(self)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._bare.publish(self, bytes(event.data))
        self._flush()

    def send(self, text: bytes) -> None:
        """To the charge point."""
        self._protocol.send_text(text)
        self._flush()

    def _flush(self) -> None:
        for out in self._protocol.data_to_send():
            self._transport.write(out)
