"""Stations as the API shows them."""

from datetime import UTC, datetime
from typing import Any

from domain.telemetry import Station
from ocppj import timestamps

_AT = datetime(2026, 11, 21, 5, 30, tzinfo=UTC)
EXAMPLE = Station("BSS-1", 8, 2, 25.5, 60.5, "online", _AT, _AT)


def station(said: Station) -> dict[str, Any]:
    """A station: what it said, when we heard it, whether it is registered and whose it is."""
    return {
        "station_id": said.station_id,
        "battery_available": said.battery_available,
        "battery_charging": said.battery_charging,
        "temperature": said.temperature,
        "humidity": said.humidity,
        "status": said.status,
        "timestamp": timestamps.write(said.timestamp),
        "received_at": timestamps.write(said.received_at),
        "registered": said.is_registered,
        "partner": said.partner,
    }
