"""Where links are tried out: a broker, a cable to cut, and somebody on the other side who publishes and listens."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import aiomqtt
from awscrt.auth import AwsCredentialsProvider  # type: ignore[import-untyped]
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from adapters import mqtt_awsiot_settings
from adapters.memory_link import MemoryBroker, MemoryLink
from adapters.mqtt_awsiot import AwsIotLink
from adapters.mqtt_awsiot_settings import AwsIotSettings
from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import MqttSettings, from_url
from domain.ports import Link, Message
from infra.local.cloud import AWS
from tests.cable import Cable, cable_to
from tests.certificates import Leaf

PATIENCE_S = 20.0
_SMALL: dict[str, Any] = {"max_packet_size": 8_192, "max_bytes": 1_000_000, "backoff_s": (0.01, 0.05)}


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
        settings = replace(self.settings, client_id=client_id, will=will, max_messages=max_messages)
        return AwsIotLink(settings, on_state) if isinstance(settings, AwsIotSettings) else MqttLink(settings, on_state)

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
    async with cable_to(port) as cable:
        url = f"{'mqtts' if ca else 'mqtt'}://127.0.0.1:{cable.port}"
        settings = from_url(url, "", ca=ca, cert=cert, key=key, server_name="localhost" if ca else None, **_SMALL)
        async with _other_side(port, settings.tls) as client, _listening(settings, cable, client) as lab:
            yield lab


@asynccontextmanager
async def aws_lab(port: int, ca: Path, leaf: Leaf) -> AsyncIterator[MqttLab]:
    """The same through the AWS runtime, which uses a certificate."""
    async with cable_to(port) as cable:
        url = f"awsiot://localhost:{cable.port}"
        settings = mqtt_awsiot_settings.from_url(url, "", ca=ca, cert=leaf.certificate, key=leaf.key, **_SMALL)
        tls = from_url("mqtts://localhost", "", ca=ca, cert=leaf.certificate, key=leaf.key).tls
        async with _other_side(port, tls) as client, _listening(settings, cable, client) as lab:
            yield lab


@asynccontextmanager
async def signed_lab(aws: AWS) -> AsyncIterator[MqttLab]:
    """The same through the AWS runtime, which signs a WebSocket: to the emulator, that doesn't encrypt them."""
    async with cable_to(aws.port) as cable:
        settings = AwsIotSettings(
            "localhost",
            cable.port,
            "",
            region=aws.region,
            server_name=f"lab-ats.iot.{aws.region}.localhost",
            credentials=AwsCredentialsProvider.new_static("local", "local"),
            is_encrypted=False,
            **_SMALL,
        )
        tls = from_url("mqtts://localhost", "", ca=aws.ca).tls
        async with _other_side(aws.mqtt_port, tls) as client, _listening(settings, cable, client) as lab:
            yield lab


def thing(aws: AWS, directory: Path) -> Leaf:
    """A certificate that the emulator knows: unlike AWS it looks at no policy."""
    made = aws.client("iot").create_keys_and_certificate(setAsActive=True)
    leaf = Leaf(directory / "thing.crt", directory / "thing.key", 0)
    leaf.certificate.write_text(made["certificatePem"])
    leaf.key.write_text(made["keyPair"]["PrivateKey"])
    return leaf


def _other_side(port: int, tls: ssl.SSLContext | None) -> aiomqtt.Client:
    host = "localhost" if tls else "127.0.0.1"
    return aiomqtt.Client(host, port, tls_context=tls, protocol=aiomqtt.ProtocolVersion.V5)


@asynccontextmanager
async def _listening(settings: MqttSettings, cable: Cable, client: aiomqtt.Client) -> AsyncIterator[MqttLab]:
    lab = MqttLab(settings, cable, client)
    await client.subscribe(f"{lab.prefix}/#", qos=1)
    listening = asyncio.create_task(lab.listen(), name="the other side")
    try:
        yield lab
    finally:
        listening.cancel()
