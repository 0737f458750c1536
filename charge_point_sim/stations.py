"""Simulated battery-swapping stations: MQTT with a client certificate, a message each interval, QoS 1."""

import asyncio
import itertools
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import orjson

from ocppj import timestamps

SLOTS = 12
_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where stations publish, and the client certificate all of them show."""

    host: str
    port: int
    tls: ssl.SSLContext | None


@dataclass(slots=True)
class Tally:
    """What happened so far."""

    published: int = 0
    connected: int = 0
    lost: int = 0
    why: str = ""


@dataclass(slots=True)
class Station:
    """One station: batteries come empty, are charged, and go."""

    station_id: str
    chance: random.Random
    available: int = SLOTS - 4
    charging: int = 2
    temperature: float = 25.0
    humidity: float = 55.0
    status: str = field(default="online")

    def says(self, now: datetime) -> dict[str, Any]:
        """Its next message (docs/telemetry.md)."""
        if self.charging and self.chance.random() < 0.3:
            self.available, self.charging = self.available + 1, self.charging - 1
        if self.available and self.chance.random() < 0.3:
            self.available, self.charging = self.available - 1, self.charging + 1
        self.temperature = round(min(60.0, max(-20.0, self.temperature + self.chance.uniform(-0.5, 0.5))), 2)
        self.humidity = round(min(95.0, max(5.0, self.humidity + self.chance.uniform(-1, 1))), 1)
        return {
            "station_id": self.station_id,
            "battery_available": self.available,
            "battery_charging": self.charging,
            "temperature": self.temperature,
            "humidity": self.humidity,
            "status": self.status,
            "timestamp": timestamps.write(now),
        }


def names(count: int, prefix: str) -> list[str]:
    """The ids of so many stations: the prefix and a number of five digits."""
    return [f"{prefix}{number:05}" for number in range(1, count + 1)]


async def run(ids: list[str], broker: Broker, interval_s: float, seed: int, tally: Tally) -> None:
    """Be these stations until cancelled; they begin spread over one interval."""
    async with asyncio.TaskGroup() as tasks:
        for number, station_id in enumerate(ids):
            station = Station(station_id, random.Random(f"{seed} {station_id}"))  # noqa: S311  no secret
            wait_s = interval_s * number / len(ids)
            tasks.create_task(_live(station, broker, interval_s, wait_s, tally), name=station_id)


async def _live(station: Station, broker: Broker, interval_s: float, wait_s: float, tally: Tally) -> None:
    await asyncio.sleep(wait_s)
    while True:
        try:
            await _publish(station, broker, interval_s, tally)
        except aiomqtt.MqttError as error:
            tally.lost, tally.why = tally.lost + 1, str(error)
            await asyncio.sleep(_RETRY_S * station.chance.uniform(1, 2))


async def _publish(station: Station, broker: Broker, interval_s: float, tally: Tally) -> None:
    topic = f"ev/station/{station.station_id}/telemetry"
    # The client id is the thing's name: the policy lets a thing publish under its own name only.
    async with aiomqtt.Client(
        broker.host, broker.port, identifier=station.station_id, tls_context=broker.tls, timeout=30
    ) as client:
        tally.connected += 1
        try:
            await _every(
                interval_s, lambda: client.publish(topic, orjson.dumps(station.says(datetime.now(UTC))), 1), tally
            )
        finally:
            tally.connected -= 1


async def _every(interval_s: float, publish: Callable[[], Any], tally: Tally) -> None:
    began = asyncio.get_running_loop().time()
    for number in itertools.count(1):
        await publish()
        tally.published += 1
        # By the clock and not by pauses: what publishing takes must not slow the rate down.
        await asyncio.sleep(max(0.0, began + number * interval_s - asyncio.get_running_loop().time()))
