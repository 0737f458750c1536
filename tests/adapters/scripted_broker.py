"""A broker that does what the test says, packet by packet, on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import mqtt5
from mqtt5 import SubAckReasonCode

from adapters.mqtt_awsiot import AwsIotLink
from adapters.mqtt_awsiot_settings import AwsIotSettings
from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import MqttSettings

PATIENCE_S = 20.0
P = TypeVar("P")

# Settings for tests: nothing waits long.
QUICK = MqttSettings("127.0.0.1", 1, "gw-1", backoff_s=(0.01, 0.02), retry_s=(0.01, 0.02))
# A certificate that is not used, without encryption, makes the AWS runtime speak plain MQTT.
AWS_QUICK = AwsIotSettings(
    "127.0.0.1", 1, "gw-1", certificate=b"", is_encrypted=False, backoff_s=(0.01, 0.02), retry_s=(0.01, 0.02)
)


class Peer:
    """One connection, seen from the broker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = b""
        self.address = writer.get_extra_info("peername")

    async def receive(self, kind: type[P]) -> P:
        """The next packet, which must be of this kind."""
        packet = await self._next()
        assert packet is not None, f"the link closed the connection instead of sending a {kind.__name__}"
        assert isinstance(packet, kind), packet
        return packet

    async def answer_pings(self) -> None:
        """Answer pings, and nothing else, until the link closes the connection."""
        while await self._next() is not None:
            self.send(mqtt5.PingRespPacket())

    async def _next(self) -> mqtt5.Packet | None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    packet, used = mqtt5.read(memoryview(self._buffer))
                except IndexError:
                    data = await self._reader.read(65_536)
                    if not data:
                        return None
                    self._buffer += data
                    continue
                self._buffer = self._buffer[used:]
                return packet

    async def accept(self, **fields: Any) -> mqtt5.ConnectPacket:
        """Take CONNECT and answer it; `fields` are those of CONNACK."""
        connect = await self.receive(mqtt5.ConnectPacket)
        self.send(mqtt5.ConnAckPacket(**fields))
        return connect

    async def receive_publishes(self, count: int) -> list[mqtt5.PublishPacket]:
        """The next publishes."""
        return [await self.receive(mqtt5.PublishPacket) for _ in range(count)]

    def acknowledge(self, *publishes: mqtt5.PublishPacket) -> None:
        """Send their PUBACKs."""
        self.send(*[mqtt5.PubAckPacket(publish.packet_id or 0) for publish in publishes])

    def send(self, *packets: mqtt5.Packet) -> None:
        """Send packets."""
        self.send_bytes(b"".join(packet.write() for packet in packets))

    def send_bytes(self, data: bytes) -> None:
        """Send whatever."""
        self._writer.write(data)

    async def says_nothing_more(self) -> bool:
        """Whether nothing has come by the time a round trip of our own is over: it is the link's next packet."""
        self.send(mqtt5.PublishPacket("nobody/out", b"", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=7))
        return (await self.receive(mqtt5.PubAckPacket)).packet_id == 7

    async def is_closed(self) -> bytes:
        """Wait until the link has closed the connection; what it still sent."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while data := await self._reader.read(65_536):
                    self._buffer += data
            except ConnectionResetError:
                pass
            return self._buffer

    def drop(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()


class ScriptedBroker:
    """Listens; every connection is a `Peer` for the test to play."""

    def __init__(self) -> None:
        self.port = 0
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []

    async def connection(self) -> Peer:
        """The next connection that a link opens."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._peers.get()

    async def accepted(self, **fields: Any) -> Peer:
        """The next connection, with CONNECT answered."""
        peer = await self.connection()
        await peer.accept(**fields)
        return peer

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._peers.put_nowait(Peer(reader, writer))

    async def open(self) -> asyncio.Server:
        """Listen on a free loopback port."""
        server = await asyncio.start_server(self._on_connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def connections(self) -> list[Peer]:
        """All connections opened until now that no test has taken: they are accepted in order, and so is ours."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        peers = [await self.connection()]
        while peers[-1].address != writer.get_extra_info("sockname"):
            peers.append(await self.connection())
        writer.close()
        return peers[:-1]

    def hang_up(self) -> None:
        """Cut all connections."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def scripted_broker() -> AsyncIterator[ScriptedBroker]:
    """A listening broker."""
    broker = ScriptedBroker()
    server = await broker.open()
    try:
        yield broker
    finally:
        server.close()
        broker.hang_up()
        await server.wait_closed()


def quick_link(port: int, is_aws: bool, on_state: Callable[[bool], None] | None = None) -> MqttLink:
    """A link of either kind, not running yet."""
    if is_aws:
        return AwsIotLink(replace(AWS_QUICK, port=port), on_state)
    return MqttLink(replace(QUICK, port=port), on_state)


@asynccontextmanager
async def link_to(
    broker: ScriptedBroker, on_state: Callable[[bool], None] | None = None, **settings: Any
) -> AsyncIterator[MqttLink]:
    """A running link; it is closed, without patience, at the end."""
    async with _running(broker, MqttLink(replace(QUICK, port=broker.port, **settings), on_state)) as link:
        yield link


@asynccontextmanager
async def aws_link_to(
    broker: ScriptedBroker, on_state: Callable[[bool], None] | None = None, **settings: Any
) -> AsyncIterator[MqttLink]:
    """The same over the AWS runtime."""
    async with _running(broker, AwsIotLink(replace(AWS_QUICK, port=broker.port, **settings), on_state)) as link:
        yield link


@asynccontextmanager
async def _running(broker: ScriptedBroker, link: MqttLink) -> AsyncIterator[MqttLink]:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run(), name="link")
        try:
            yield link
        finally:
            broker.hang_up()
            await link.close(0)


def numbers(publishes: list[mqtt5.PublishPacket]) -> list[int]:
    """The payloads, as numbers."""
    return [int(publish.payload) for publish in publishes]


async def grant(peer: Peer, *codes: SubAckReasonCode) -> list[str]:
    """Answer the next SUBSCRIBE, granting everything unless told otherwise; what it asked for."""
    asked = await peer.receive(mqtt5.SubscribePacket)
    granted = [SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * len(asked.topic_filters)
    peer.send(mqtt5.SubAckPacket(asked.packet_id, list(codes) or granted))
    return [topic_filter.pattern for topic_filter in asked.topic_filters]
