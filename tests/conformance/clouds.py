"""A cloud behind a real broker: hears what charge points say, answers every CALL at once with its payload."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import MqttSettings
from domain.ports import Message
from ocppj import topics
from tests.brokers import Mosquitto

MAX_PACKET = 2_097_152


class Cloud:
    """What was heard, by charge point, and a way to tell them something."""

    def __init__(self, link: MqttLink) -> None:
        self._link = link
        self.heard: list[tuple[str, list[Any]]] = []
        self.keeps = True

    def tell(self, charge_point_id: str, frame: list[Any]) -> None:
        """Publish to a charge point."""
        self._link.publish(topics.outbound(charge_point_id), orjson.dumps(frame))

    def on_message(self, message: Message) -> None:
        """A frame of a charge point."""
        charge_point_id = topics.charge_point_of(message.topic)
        frame = orjson.loads(message.payload)
        if self.keeps:
            self.heard.append((charge_point_id, frame))
        if frame[0] == 2:
            self.tell(charge_point_id, [3, frame[1], (frame[3] or {}) if self.keeps else {}])


@asynccontextmanager
async def answering_cloud(mosquitto: Mosquitto, charge_point_ids: Iterable[str]) -> AsyncIterator[Cloud]:
    """A cloud that has subscribed to all of these."""
    settings = MqttSettings("127.0.0.1", mosquitto.port, "cloud", max_packet_size=MAX_PACKET)
    cloud = Cloud(link := MqttLink(settings))
    subscribed = []
    for charge_point_id in charge_point_ids:
        subscribed.append(event := asyncio.Event())
        link.subscribe(topics.inbound(charge_point_id), cloud.on_message, event.set)
    running = asyncio.create_task(link.run())
    for event in subscribed:
        await event.wait()
    yield cloud
    await link.close(1.0)
    await running
