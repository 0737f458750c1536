"""Archive and latest states in memory: for tests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from domain.telemetry import Latest, Station, Thing


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

    def keep(self, stations: Sequence[Station]) -> set[str]:
        for station in stations:
            kept = self._stations.get(station.station_id)
            if kept is None or kept.timestamp <= station.timestamp:
                self._stations[station.station_id] = station
        return set()

    def find(self, station_id: str) -> Station | None:
        return self._stations.get(station_id)

    def page(
        self, limit: int, after: str | None, wanted: Callable[[Station], bool]
    ) -> tuple[Sequence[Station], str | None]:
        found = [each for name, each in sorted(self._stations.items()) if name > (after or "") and wanted(each)]
        return found[:limit], found[limit - 1].station_id if len(found) > limit else None


class MemoryLatestSamples:
    """LatestSamples in a dict."""

    def __init__(self) -> None:
        self._connectors: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}

    def keep(self, samples: Sequence[Latest]) -> set[tuple[str, str]]:
        for charge_point_id, connector, series in samples:
            kept = self._connectors.setdefault((charge_point_id, connector), {})
            for name, row in series.items():
                if name not in kept or kept[name]["sampled_at"] <= row["sampled_at"]:
                    kept[name] = row
        return set()

    def of_charge_point(self, charge_point_id: str) -> Sequence[dict[str, Any]]:
        its = sorted(
            (connector, kept) for (name, connector), kept in self._connectors.items() if name == charge_point_id
        )
        return [kept[series] for _, kept in its for series in sorted(kept)]


class MemoryThings:
    """RegisteredThings: the partner of each name, None for those of the house; `silent` ones it does not tell of."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: dict[str, str | None] = dict.fromkeys(names)
        self.silent: set[str] = set()

    def look_up(self, names: Iterable[str]) -> Mapping[str, Thing | None]:
        asked = set(names) - self.silent
        return {name: Thing(self.names[name]) if name in self.names else None for name in asked}
