"""Everything telemetry needs of the world, in one hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.archive import Archive
from domain.ports import DeadLetters, Registry, Transactions
from domain.telemetry import LatestSamples, RegisteredThings, Stations


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports and a clock."""

    archive: Archive
    latest: LatestSamples
    stations: Stations
    registry: Registry
    transactions: Transactions
    things: RegisteredThings
    dead_letters: DeadLetters
    clock: Callable[[], datetime]
