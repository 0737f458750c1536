"""What devices measured last, and the ports that keep it. An older measurement never replaces a newer one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Station:
    """The latest of a battery-swapping station; temperature in degrees Celsius, humidity in percent.

    `timestamp` is the station's own, but never later than we heard of it; `is_registered` says whether there is an
    IoT thing of its name.
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


class Stations(Protocol):
    """The latest of every station."""

    def keep(self, station: Station) -> bool:
        """Keep it unless a newer one is kept already; whether it was kept."""

    def find(self, station_id: str) -> Station | None:
        """One station."""

    def page(self, limit: int, after: str | None, equal: Mapping[str, Any]) -> tuple[Sequence[Station], str | None]:
        """So many stations after that one, and after which to go on, None at the end; `equal` are fields they have."""


class LatestSamples(Protocol):
    """The latest samples of every connector, by series: measurand, phase and location."""

    def keep(self, charge_point_id: str, connector: str, at: str, samples: Mapping[str, dict[str, Any]]) -> bool:
        """Keep these of that time, beside other series, unless newer ones are kept already; whether they were kept."""

    def of_charge_point(self, charge_point_id: str) -> Sequence[dict[str, Any]]:
        """The latest sample of every series of every connector."""


class RegisteredThings(Protocol):
    """The IoT things of this account."""

    def existing(self, names: Iterable[str]) -> set[str]:
        """Those of these names that exist."""
