"""What fault tests are played on: gateways as processes, brokers that remember, the house, and a watch on all of it."""

import asyncio
import re
import signal
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.dynamodb import Tables
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import Boot, ChargePoint
from tests.brokers import Mosquitto
from tests.gateway.house import get
from tests.gateway.test_main import Process
from tests.house import House

CALL_TIMEOUT_S = 6.0


class DurableMosquitto(Mosquitto):
    """Keeps what is asked of it on disk, as far as it was told to `save`: who it works for is known after a crash."""

    def _config(self) -> list[str]:
        self.store = self.log.parent / "mosquitto.db"
        return [*super()._config(), "persistence true", f"persistence_location {self.log.parent}/"]

    def save(self) -> None:
        """Write everything down now."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 5
        while not self.store.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)


class Site:
    """The house, seen by whoever looks after it: what rows and shadows say."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.aws = house.aws
        self._registry = DynamoRegistry(self.aws.client("dynamodb"), Tables())
        self._shadows = self.aws.client("iot-data")

    def register(self, prefix: str, count: int) -> list[str]:
        """So many charge points that were accepted before."""
        ids = [f"{prefix}-{time.time_ns():x}-{number}" for number in range(count)]
        for charge_point_id in ids:
            self._registry.add(ChargePoint(charge_point_id, boot=Boot("Vendor", "Model", datetime.now(UTC))))
        return ids

    def rows(self, ids: Iterable[str]) -> dict[str, ChargePoint]:
        """Their rows."""
        return self._registry.find_many(ids)

    def offline_rows(self, ids: Iterable[str]) -> set[str]:
        """Those whose row says that they are not connected."""
        rows = self.rows(ids).values()
        return {row.charge_point_id for row in rows if row.connection is None or row.connection.disconnected_at}

    def offline_shadows(self, ids: Iterable[str]) -> set[str]:
        """Those whose shadow says that they are not connected."""
        return {charge_point_id for charge_point_id in ids if self.shadow(charge_point_id).get("connected") is False}

    def online_shadows(self, ids: Iterable[str]) -> set[str]:
        """Those whose shadow says that they are connected."""
        return {charge_point_id for charge_point_id in ids if self.shadow(charge_point_id).get("connected") is True}

    def shadow(self, charge_point_id: str) -> dict[str, Any]:
        """What the shadow reports."""
        try:
            document = orjson.loads(self._shadows.get_thing_shadow(thingName=charge_point_id)["payload"].read())
        except self._shadows.exceptions.ResourceNotFoundException:
            return {}
        reported: dict[str, Any] = document["state"]["reported"]
        return reported

    def gateway(self) -> list[str]:
        """Options of another gateway of this house, but for the broker's URL."""
        files = self.house.state / "gateway"
        return [
            "--mqtt-ca", str(self.aws.ca), "--mqtt-cert", str(files / "certificate.pem"),
            "--mqtt-key", str(files / "key.pem"),
        ]  # fmt: skip


class Watch:
    """Looks again and again, in a thread, and keeps what it must never see."""

    def __init__(self, look: Callable[[], set[str]]) -> None:
        self.seen: set[str] = set()
        self.looks = 0
        self._look = look
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Watch":
        self._task = asyncio.create_task(self._watch(), name="watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    async def _watch(self) -> None:
        while True:
            self.seen |= await asyncio.to_thread(self._look)
            self.looks += 1
            await asyncio.sleep(0.05)


async def until(is_so: Callable[[], object], within_s: float) -> float:
    """Wait until it is so; returns how long that took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < within_s, f"not so within {within_s:g} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def until_told(is_so: Callable[[], object], within_s: float) -> float:
    """The same for what AWS must be asked about, while sockets go on."""
    began = time.monotonic()
    while not await asyncio.to_thread(is_so):
        assert time.monotonic() - began < within_s, f"not so within {within_s:g} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def time_passes(seconds: float) -> None:
    """The fault itself lasts, whatever the gateway does meanwhile."""
    over_at = time.monotonic() + seconds
    await until(lambda: time.monotonic() >= over_at, seconds + 5)


async def links_up(process: Process) -> int:
    """How many links the gateway says it has."""
    _, metrics = await get(process.admin_port, "/metrics")
    found = re.search(r"^mqtt_links_up (\S+)$", metrics, re.MULTILINE)
    return int(float(found[1])) if found else 0


async def links_back(process: Process, links: int) -> float:
    """How long it takes until the gateway has all its links again."""
    began = time.monotonic()
    async with asyncio.timeout(60):
        while await links_up(process) < links:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)
    return time.monotonic() - began
