"""The processors on stores in memory, with a clock that stands still until it is set."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.memory import (
    MemoryCommands,
    MemoryIdTokens,
    MemoryOutbound,
    MemoryRegistry,
    MemoryReports,
    MemoryShadowRepairs,
    MemoryShadows,
    MemoryTariffs,
    MemoryTransactions,
)
from adapters.memory_commands import MemoryCommandLines
from adapters.memory_pages import MemoryTransactionPages
from domain.models import ChargePoint, Connection
from ocppj import frames
from ocppj.frames import Frame
from ocppj.versions import Version
from processors import inbox
from processors.ports import Ports
from processors.settings import Gate, Settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GATEWAY = "g1"
EPOCH = 1_000


@dataclass
class House:
    """Everything the processors touch, and the few moves tests make. Nobody needs to boot first."""

    now: datetime = NOW
    settings: Settings = field(default_factory=lambda: Settings(gate=Gate.REGISTERED))
    registry: MemoryRegistry = field(default_factory=MemoryRegistry)
    id_tokens: MemoryIdTokens = field(default_factory=MemoryIdTokens)
    tariffs: MemoryTariffs = field(default_factory=MemoryTariffs)
    transactions: MemoryTransactions = field(default_factory=MemoryTransactions)
    commands: MemoryCommands = field(default_factory=MemoryCommands)
    command_lines: MemoryCommandLines = field(default_factory=MemoryCommandLines)
    reports: MemoryReports = field(default_factory=MemoryReports)
    outbound: MemoryOutbound = field(default_factory=MemoryOutbound)
    shadows: MemoryShadows = field(default_factory=MemoryShadows)
    shadow_repairs: MemoryShadowRepairs = field(default_factory=MemoryShadowRepairs)

    def ports(self, **other: Any) -> Ports:
        """The ports, some of them others."""
        ports = Ports(
            registry=self.registry,
            observations=self.registry,
            passwords=self.registry,
            id_tokens=self.id_tokens,
            tariffs=self.tariffs,
            transactions=self.transactions,
            history=self.transactions,
            open_transactions=MemoryTransactionPages(self.transactions),
            commands=self.commands,
            command_lines=self.command_lines,
            reports=self.reports,
            outbound=self.outbound,
            shadows=self.shadows,
            shadow_repairs=self.shadow_repairs,
            clock=lambda: self.now,
            settings=self.settings,
        )
        return replace(ports, **other)

    def register(
        self, charge_point_id: str, version: Version | None = None, epoch: int = EPOCH, **fields: Any
    ) -> ChargePoint:
        """A charge point, connected if it has a version."""
        self.registry.add(ChargePoint(charge_point_id, **fields))
        if version is not None:
            self.connect(charge_point_id, version, epoch)
        return self.row(charge_point_id)

    def connect(self, charge_point_id: str, version: Version, epoch: int, gateway: str = GATEWAY) -> None:
        """What a gateway writes when a charge point connects."""
        connection = Connection(version, gateway, 0, epoch, self.now)
        self.registry.connect(charge_point_id, connection, 0)

    def row(self, charge_point_id: str) -> ChargePoint:
        """The registry row now."""
        return self.registry.find_many([charge_point_id])[charge_point_id]

    def connection(self, charge_point_id: str) -> Connection:
        """Its connection now."""
        connection = self.row(charge_point_id).connection
        assert connection is not None
        return connection

    def send(self, charge_point_id: str, frame: Frame, ports: Ports | None = None, **record: Any) -> list[Frame]:
        """Have a frame from a charge point processed; returns the frames published meanwhile."""
        before = len(self.outbound.published)
        self.process(of_frame(charge_point_id, frame, self.now, **record), ports)
        return [frames.decode(published.frame) for published in self.outbound.published[before:]]

    def process(self, record: dict[str, Any], ports: Ports | None = None, queue: str = inbox.INCOMING) -> None:
        """Have a record of this queue processed."""
        inbox.process(record, ports or self.ports(), queue=queue)

    def tick(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


def of_frame(charge_point_id: str, frame: Frame, received_at: datetime, **others: Any) -> dict[str, Any]:
    """The record the IoT rule makes of a frame."""
    return {
        "chargePointId": charge_point_id,
        "message": frames.as_json(frame),
        "receivedAt": int(received_at.timestamp() * 1000),
        **others,
    }


class UnreachableError(Exception):
    """What an adapter raises when its service can't be reached."""


class Unreachable:
    """A service that can't be reached, whatever is asked of it."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: Any, **__: Any) -> Any:
            raise UnreachableError(name)

        return call
