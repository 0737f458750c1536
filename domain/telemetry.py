"""What devices measured last, and the ports that keep it. An older measurement never replaces a newer one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Station:
    """The latest of a battery-swapping station; temperature in degrees Celsius, humidity in percent.

    `timestamp` is the station's own, but never later than we heard of it; `is_registered` says whether there is an
    IoT thing of its name, `partner` whose it is, which its attribute `partner` says.
    """

    station_id: str
    battery_available: int
    battery_charging: int
    temperature: float
    humidity: float
    status: str
    timestamp: datetime
    received_at: datetime
    is_registered: bool = True
    partner: str | None = None


class Thing(NamedTuple):
    """An IoT thing: the partner it belongs to, if it has one."""

    partner: str | None = None


class Latest(NamedTuple):
    """What a connector measured last, rows of samples by series: measurand, phase and location."""

    charge_point_id: str
    connector: str
    series: Mapping[str, dict[str, Any]]


class Stations(Protocol):
    """The latest of every station."""

    def keep(self, stations: Sequence[Station]) -> set[str]:
        """Keep each of these, which differ, unless a newer one is kept; the ids of those that could not be written."""

    def find(self, station_id: str) -> Station | None:
        """One station."""

    def page(
        self, limit: int, after: str | None, wanted: Callable[[Station], bool]
    ) -> tuple[Sequence[Station], str | None]:
        """So many wanted stations after that one, by id, and after which to go on, None at the end."""


class LatestSamples(Protocol):
    """The latest samples of every connector."""

    def keep(self, samples: Sequence[Latest]) -> set[tuple[str, str]]:
        """Keep these of differing connectors, beside other series, unless a newer one of the same series is kept.

        Returns the charge points and connectors of what could not be written.
        """

    def of_charge_point(self, charge_point_id: str) -> Sequence[dict[str, Any]]:
        """The latest sample of every series of every connector."""


class RegisteredThings(Protocol):
    """The IoT things of this account."""

    def look_up(self, names: Iterable[str]) -> Mapping[str, Thing | None]:
        """What things there are of these names, None if there is none; what takes too long to find out is missing."""
