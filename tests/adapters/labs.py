"""Where links are tried out: a broker, a cable to cut, and somebody on the other side who publishes and listens."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from adapters.memory_link import MemoryBroker, MemoryLink
from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import MqttSettings, from_url
from domain.ports import Link, Message
from tests.cable import Cable, cable_to

PATIENCE_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; a test that waits for nothing fails."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # what is waited for is no event: it happens in the code under test
            await asyncio.sleep(0.002)


class Lab(Protocol):
    """What the contract tests need; `topic(name)` is a topic no other test uses."""

    heard: list[Message]

    def topic(self, name: str) -> str: ...

    def link(
        self,
        *,
        will: tuple[str, bytes] | None = None,
        on_state: Callable[[bool], None] | None = None,
        max_messages: int = 10_000,
    ) -> Link: ...

    async def publish(self, topic: str, payload: bytes, properties: Sequence[tuple[str, str]] = ()) -> None: ...

    def cut(self) -> None: ...

    def restore(self) -> None: ...


def payloads(lab: Lab, topic: str) -> list[bytes]:
    """What the other side heard on a topic."""
    return [message.payload for message in lab.heard if message.topic == topic]


@dataclass
class MemoryLab:
    """Everything in memory."""

    broker: MemoryBroker
    links: list[MemoryLink] = field(default_factory=list)
    heard: list[Message] = field(default_factory=list)

    def topic(self, name: str) -> str:
        return name

    def link(
        self,
        *,
        will: tuple[str, bytes] | None = None,
        on_state: Callable[[bool], None] | None = None,
        max_messages: int = 10_000,
    ) -> Link:
        link = MemoryLink(self.broker, will=will, on_state=on_state, max_messages=max_messages)
        self.links.append(link)
        return link

    async def publish(self, topic: str, payload: bytes, properties: Sequence[tuple[str, str]] = ()) -> None:
        self.broker.publish(topic, payload, properties)

    def cut(self) -> None:
        for link in self.links:
            link.cut()

    def restore(self) -> None:
        for link in self.links:
            link.restore()


@dataclass
class MqttLab:
    """A real broker behind a cable; the other side is a client that shares no code with ours."""

    settings: MqttSettings
    cable: Cable
    client: aiomqtt.Client
    heard: list[Message] = field(default_factory=list)
    prefix: str = field(default_factory=lambda: f"lab-{secrets.token_hex(4)}")

    def topic(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def link(
        self,
        *,
        will: tuple[str, bytes] | None = None,
        on_state: Callable[[bool], None] | None = None,
        max_messages: int = 10_000,
    ) -> Link:
        client_id = f"{self.prefix}-{secrets.token_hex(4)}"
        return MqttLink(replace(self.settings, client_id=client_id, will=will, max_messages=max_messages), on_state)

    async def publish(self, topic: str, payload: bytes, properties: Sequence[tuple[str, str]] = ()) -> None:
        sent = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if properties:
            sent.UserProperty = list(properties)
        await self.client.publish(topic, payload, qos=1, properties=sent)

    def cut(self) -> None:
        self.cable.cut()

    def restore(self) -> None:
        self.cable.restore()

    async def listen(self) -> None:
        """Keep what the client hears."""
        async for message in self.client.messages:
            received = dict(getattr(message.properties, "UserProperty", []))
            self.heard.append(Message(message.topic.value, bytes(message.payload), received))


@asynccontextmanager
async def memory_lab() -> AsyncIterator[MemoryLab]:
    """A lab in memory."""
    lab = MemoryLab(MemoryBroker(max_packet_size=8_192))
    lab.broker.subscribe("#", lab.heard.append)
    yield lab


@asynccontextmanager
async def mqtt_lab(
    port: int, *, ca: Path | None = None, cert: Path | None = None, key: Path | None = None
) -> AsyncIterator[MqttLab]:
    """A lab at a broker on the loopback, with TLS if there is a CA."""
    scheme = "mqtts" if ca else "mqtt"
    tls: ssl.SSLContext | None = None
    async with cable_to(port) as cable:
        settings = from_url(
            f"{scheme}://127.0.0.1:{cable.port}",
            "",
            ca=ca,
            cert=cert,
            key=key,
            server_name="localhost" if ca else None,
            max_packet_size=8_192,
            max_bytes=1_000_000,
            backoff_s=(0.01, 0.05),
        )
        tls = settings.tls
        client = aiomqtt.Client(
            "localhost" if tls else "127.0.0.1", port, tls_context=tls, protocol=aiomqtt.ProtocolVersion.V5
        )
        async with client:
            lab = MqttLab(settings, cable, client)
            await client.subscribe(f"{lab.prefix}/#", qos=1)
            listening = asyncio.create_task(lab.listen(), name="the other side")
            try:
                yield lab
            finally:
                listening.cancel()
