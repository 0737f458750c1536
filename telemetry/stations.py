"""Battery-swapping stations: what they publish on `ev/station/<id>/telemetry`, checked and made a row.

The rule wraps it: {"payload": base64 of what was published, "station": topic level 3, "receivedAt": ms}. Base64, so
that what is no JSON comes here as well, and becomes a dead letter with its reason.
"""

import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from domain.archive import Row
from domain.telemetry import Station
from ocppj import timestamps
from telemetry.errors import PayloadError

_LONGEST = 64 * 1024


def _time(value: Any) -> datetime:
    if isinstance(value, str):
        return timestamps.parse(value)
    raise ValueError("must be an ISO 8601 time")


class Payload(BaseModel):
    """What a station says; what it says beside this is not kept."""

    model_config = ConfigDict(strict=True, frozen=True)

    station_id: Annotated[str, Field(min_length=1, max_length=128)]
    battery_available: Annotated[int, Field(ge=0, le=100_000)]
    battery_charging: Annotated[int, Field(ge=0, le=100_000)]
    temperature: Annotated[float, Field(ge=-100, le=200, allow_inf_nan=False)]
    humidity: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    status: Annotated[str, Field(min_length=1, max_length=64)]
    timestamp: Annotated[datetime, BeforeValidator(_time)]


def read(body: str) -> Station:
    """The station in a message of the queue; whether it is registered is not known yet.

    Raises:
        PayloadError: it is malformed, or says it is another station than the topic does.
    """
    try:
        record = orjson.loads(body)
        raw, station, received_ms = base64.b64decode(record["payload"]), record["station"], record["receivedAt"]
        received_at = datetime.fromtimestamp(received_ms / 1000, UTC)
    except (binascii.Error, KeyError, OverflowError, TypeError, ValueError) as error:
        raise PayloadError(f"not what the rule makes: {error}") from error
    said = _payload(raw)
    if said.station_id != station:
        raise PayloadError(f"station_id: it is {said.station_id!r}, but the topic says {station!r}")
    fields = said.model_dump() | {"timestamp": min(said.timestamp, received_at), "received_at": received_at}
    return Station(**fields)


def row(station: Station) -> Row:
    """A station's message as a row; its id comes from what it says, so that a repeated message is the same row."""
    said: Row = {
        "station_id": station.station_id,
        "battery_available": station.battery_available,
        "battery_charging": station.battery_charging,
        "temperature": station.temperature,
        "humidity": station.humidity,
        "status": station.status,
        "timestamp": timestamps.write(station.timestamp),
    }
    digest = hashlib.sha256(orjson.dumps(said)).hexdigest()[:16]
    told = {"received_at": timestamps.write(station.received_at), "registered": station.is_registered}
    return {"id": f"{station.station_id}_{said['timestamp']}_{digest}"} | said | told


def _payload(raw: bytes) -> Payload:
    if len(raw) > _LONGEST:
        raise PayloadError(f"longer than {_LONGEST} bytes")
    try:
        return Payload.model_validate(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"no JSON: {error}") from error
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)
        raise PayloadError("; ".join(f"{_where(each['loc'])}: {each['msg']}" for each in wrong)) from error


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "payload"
