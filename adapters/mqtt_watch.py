"""Subscriptions of people who watch, by aiomqtt: to a broker by its URL, or to AWS IoT Core with AWS credentials.

The gateway's own links are adapters/mqtt_link.py: thousands of topics, no task each. This is for a few topics and a
terminal.
"""

import asyncio
import secrets
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import aiomqtt
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from adapters import aws, mqtt_settings
from adapters.tls import trusting
from domain.ports import Message

_EXPIRES_S = 300  # for the signature; the connection it opens stays


class BrokerError(ConnectionError):
    """The broker can't be reached, or says no; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to subscribe; `path` is that of a WebSocket, signed."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    path: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is published again and again while somebody subscribes."""

    topic: str
    payload: bytes
    every_s: float


def by_url(url: str, ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> Broker:
    """The broker at `mqtt://[user:password@]host[:1883]` or `mqtts://...`.

    Raises:
        ValueError: one sentence about what is wrong with the URL or the files.
    """
    found = mqtt_settings.from_url(url, "watch", ca=ca, cert=cert, key=key)
    password = None if found.password is None else found.password.decode()
    return Broker(found.host, found.port, found.tls, found.username, password)


def on_aws() -> Broker:
    """AWS IoT Core of the account that AWS's own settings name, by WebSocket.

    The credentials need iot:DescribeEndpoint, iot:Connect as `watch-*`, and iot:Subscribe and iot:Receive;
    and iot:Publish where a wish is told.
    """
    session = aws.session()
    endpoint = session.client("iot", config=aws.config()).describe_endpoint(endpointType="iot:Data-ATS")
    credentials = session.get_credentials()
    if credentials is None:
        raise BrokerError("There are no AWS credentials.")
    host, frozen = endpoint["endpointAddress"], credentials.get_frozen_credentials()
    path = signed_path(
        host, session.region_name, Credentials(frozen.access_key or "", frozen.secret_key or ""), frozen.token
    )
    return Broker(host, 443, trusting(), path=path)


def signed_path(host: str, region: str, credentials: Credentials, token: str | None) -> str:
    """The path of MQTT over WebSocket at AWS IoT Core, signed for one connection."""
    request = AWSRequest("GET", f"wss://{host}/mqtt")
    # Without the token of temporary credentials: AWS IoT takes it beside what is signed.
    SigV4QueryAuth(credentials, "iotdevicegateway", region, expires=_EXPIRES_S).add_auth(request)
    return str(request.url).partition(host)[2] + (f"&X-Amz-Security-Token={quote(token, safe='')}" if token else "")


async def subscribe(
    broker: Broker, topics: Sequence[str], subscribed: Callable[[], None], wish: Wish | None = None
) -> AsyncGenerator[Message, None]:
    """Every message of these topics, until the connection is lost; `subscribed` is called when they are.

    A `wish` is told from then on, at once and again every so often.

    Raises:
        BrokerError: it is lost, or never came to be.
    """
    try:
        async with _client(broker) as client:
            for topic in topics:
                await client.subscribe(topic, qos=0)
            telling = None
            if wish is not None:
                await client.publish(wish.topic, wish.payload, qos=1)
                telling = asyncio.create_task(_tell(client, wish), name="wish")
            subscribed()
            try:
                async for message in client.messages:
                    pairs = getattr(message.properties, "UserProperty", ())
                    payload = message.payload if isinstance(message.payload, bytes) else b""
                    yield Message(message.topic.value, payload, dict(pairs))
            finally:
                if telling is not None:
                    telling.cancel()
    except (aiomqtt.MqttError, OSError) as error:
        raise BrokerError(f"The broker {broker.host}:{broker.port} can't be reached: {error}.") from error


async def _tell(client: aiomqtt.Client, wish: Wish) -> None:
    with suppress(aiomqtt.MqttError):  # a connection that is lost ends the subscriptions, too
        while True:
            await asyncio.sleep(wish.every_s)
            await client.publish(wish.topic, wish.payload, qos=1)


def _client(broker: Broker) -> aiomqtt.Client:
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier=f"watch-{secrets.token_hex(6)}",
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_context=broker.tls,
        transport="websockets" if broker.path else "tcp",
        websocket_path=broker.path,
    )
