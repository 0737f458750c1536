"""Archive and latest states in memory: for tests."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.telemetry import Station


class MemoryArchive:
    """Archive in a dict; `files` is for tests to look at."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        self.files[key] = body

    def keys(self, prefix: str) -> Iterable[str]:
        return [key for key in sorted(self.files) if key.startswith(prefix)]

    def get_many(self, keys: Sequence[str]) -> Iterable[bytes]:
        return [self.files[key] for key in keys if key in self.files]

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.files.pop(key, None)


class MemoryStations:
    """Stations in a dict, listed by name."""

    def __init__(self) -> None:
        self._stations: dict[str, Station] = {}

    def keep(self, station: Station) -> bool:
        kept = self._stations.get(station.station_id)
        if kept is not None and kept.timestamp > station.timestamp:
            return False
        self._stations[station.station_id] = station
        return True

    def find(self, station_id: str) -> Station | None:
        return self._stations.get(station_id)

    def page(self, limit: int, after: str | None, equal: Mapping[str, Any]) -> tuple[Sequence[Station], str | None]:
        found = [
            station
            for name, station in sorted(self._stations.items())
            if name > (after or "") and all(getattr(station, field) == value for field, value in equal.items())
        ]
        return found[:limit], found[limit - 1].station_id if len(found) > limit else None


class MemoryLatestSamples:
    """LatestSamples in a dict."""

    def __init__(self) -> None:
        self._connectors: dict[tuple[str, str], tuple[str, dict[str, dict[str, Any]]]] = {}

    def keep(self, charge_point_id: str, connector: str, at: str, samples: Mapping[str, dict[str, Any]]) -> bool:
        newest, kept = self._connectors.get((charge_point_id, connector), ("", {}))
        if newest > at:
            return False
        self._connectors[charge_point_id, connector] = at, {**kept, **samples}
        return True

    def of_charge_point(self, charge_point_id: str) -> Sequence[dict[str, Any]]:
        its = sorted(
            (connector, kept) for (name, connector), (_, kept) in self._connectors.items() if name == charge_point_id
        )
        return [kept[series] for _, kept in its for series in sorted(kept)]


class MemoryThings:
    """RegisteredThings in a set."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = set(names)

    def existing(self, names: Iterable[str]) -> set[str]:
        return self.names & set(names)
