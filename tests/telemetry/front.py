"""The telemetry API on stores in memory, asked with Function URL events."""

from typing import Any
from urllib.parse import parse_qsl

import orjson

from telemetry.api import Reading, resolver
from telemetry.rates import Rates
from tests.telemetry.house import NOW, House
from web.access import Access


class TelemetryFront:
    """A house with an API in front; `get` asks it."""

    def __init__(self, per_minute: int = 0, access: Access | None = None) -> None:
        self.house = House()
        self.now_s = 0.0
        reading = Reading(self.house.archive, self.house.latest, self.house.stations, self.house.registry, lambda: NOW)
        self._api = resolver(reading, access or Access(), Rates(per_minute, lambda: self.now_s))

    def ask(self, path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
        """The whole answer."""
        path, _, query = path.partition("?")
        event = {
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
            "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True)),
            "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        }  # fmt: skip
        return dict(self._api.resolve(event, None))  # type: ignore[arg-type]

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """The status and the body."""
        answered = self.ask(path, **headers)
        return answered["statusCode"], orjson.loads(answered["body"])

    def addresses(self) -> list[str]:
        """What it serves."""
        return [str(route.path) for route in self._api._static_routes + self._api._dynamic_routes]
