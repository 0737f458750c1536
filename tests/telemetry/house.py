"""Telemetry on stores in memory, and the messages its queues bring."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import orjson

from adapters.memory import MemoryDeadLetters, MemoryRegistry
from adapters.memory_telemetry import MemoryArchive, MemoryLatestSamples, MemoryStations, MemoryThings
from adapters.memory_transactions import MemoryTransactions
from domain import archive
from domain.archive import Kind, Row
from ocppj import timestamps
from telemetry.inbox import Inbox, Message
from telemetry.ports import Ports

NOW = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)

_ids = count(1)


@dataclass
class House:
    """Everything telemetry touches."""

    archive: MemoryArchive = field(default_factory=MemoryArchive)
    latest: MemoryLatestSamples = field(default_factory=MemoryLatestSamples)
    stations: MemoryStations = field(default_factory=MemoryStations)
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    transactions: MemoryTransactions = field(default_factory=MemoryTransactions)
    things: MemoryThings = field(default_factory=MemoryThings)
    dead_letters: MemoryDeadLetters = field(default_factory=MemoryDeadLetters)

    def __post_init__(self) -> None:
        self.inbox = Inbox(self.ports())

    def ports(self, **others: Any) -> Ports:
        """The ports, some of them others."""
        own = {name: getattr(self, name) for name in Ports.__slots__ if name != "clock"}
        return Ports(**(own | {"clock": lambda: NOW} | others))

    def rows(self, kind: Kind) -> list[Row]:
        """What a reader finds of a kind."""
        return archive.read(kind, NOW - timedelta(days=400), NOW + timedelta(days=1), self.archive)

    def raw_rows(self, kind: Kind) -> Iterator[Row]:
        """What was written of a kind, repeats included."""
        for body in self.archive.get_many(list(self.archive.keys(f"{kind.name}/"))):
            yield from archive.rows_of(body)


def frame(message: Any, charge_point_id: str = "CP001", at: datetime = NOW, **more: Any) -> Message:
    """A frame in a message of the queue, as the rule makes it."""
    told = {"epoch": 1, "ocpp": "ocpp1.6"} | more
    record = {"chargePointId": charge_point_id, "message": message, "receivedAt": int(at.timestamp() * 1000)}
    return Message(f"m-{next(_ids)}", orjson.dumps(record | told).decode())


def meter_values(value: str, at: datetime = NOW, message_id: str = "7") -> list[Any]:
    """MeterValues of 1.6 with two values of connector 1, in transaction 42."""
    taken = [{"value": value}, {"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"}]
    values = [{"timestamp": timestamps.write(at), "sampledValue": taken}]
    return [2, message_id, "MeterValues", {"connectorId": 1, "transactionId": 42, "meterValue": values}]


def payload(station_id: str = "S1", at: datetime = NOW, **other: Any) -> dict[str, Any]:
    """What a station publishes."""
    said = {"station_id": station_id, "battery_available": 8, "battery_charging": 2, "temperature": 25.5}
    return said | {"humidity": 60, "status": "online", "timestamp": timestamps.write(at)} | other


def published(raw: bytes | dict[str, Any], topic: str = "S1", at: datetime = NOW) -> Message:
    """What a station published, in a message of the queue, as the rule makes it."""
    encoded = base64.b64encode(raw if isinstance(raw, bytes) else orjson.dumps(raw)).decode()
    record = {"payload": encoded, "station": topic, "receivedAt": int(at.timestamp() * 1000)}
    return Message(f"m-{next(_ids)}", orjson.dumps(record).decode())
