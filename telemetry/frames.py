"""Frames as rows of the archive: every one, both ways, as it was but for its secrets."""

from datetime import UTC, datetime
from typing import Any

import orjson

from domain import secrets
from domain.archive import Row
from domain.models import ChargePoint
from ocppj import timestamps, versions
from telemetry.errors import PayloadError

_SUBPROTOCOLS = [version.subprotocol for version in versions.VERSIONS]
_LATEST_MS = 253_402_300_800_000  # the year 10000


def read(body: str) -> dict[str, Any]:
    """The record in a message of the queue.

    Raises:
        PayloadError: it is no record of a frame.
    """
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"no JSON: {error}") from error
    match record:
        case {"chargePointId": str(), "message": _, "receivedAt": int() | float() as at} if 0 <= at < _LATEST_MS:
            return dict(record)
    raise PayloadError("no frame: chargePointId, message and receivedAt are missing or of another type")


def connection_of(record: dict[str, Any]) -> tuple[int, str | None]:
    """The epoch and the subprotocol that the record names; 0 and None are left to the registry.

    Both are user properties: text, and whatever their publisher wrote.
    """
    epoch, ocpp = str(record.get("epoch")), record.get("ocpp")
    return int(epoch) if epoch.isdecimal() else 0, ocpp if ocpp in _SUBPROTOCOLS else None


def row(record: dict[str, Any], known: ChargePoint | None) -> Row:
    """A frame as a row; the registry's row says what the record leaves out, version and epoch."""
    connection = known.connection if known else None
    # Nested in an object, because that is what is masked.
    message = secrets.masked({"": record["message"]})[""]
    kind, message_id, action = _head(message)
    direction = "out" if record.get("direction") == "out" else "in"
    epoch, ocpp = connection_of(record)
    epoch = epoch or (connection.epoch if connection else 0)
    return {
        "id": f"{record['chargePointId']}/{epoch}/{message_id}/{direction}{kind or ''}",
        "charge_point_id": record["chargePointId"],
        "received_at": timestamps.write(datetime.fromtimestamp(record["receivedAt"] / 1000, UTC)),
        "direction": direction,
        "ocpp": ocpp or (connection.version.subprotocol if connection else None),
        "epoch": epoch,
        "message_type": kind,
        "message_id": message_id,
        "action": action,
        # As text: no two actions have the same columns.
        "message": orjson.dumps(message).decode(),
    }


def _head(message: Any) -> tuple[int | None, str | None, str | None]:
    match message:
        case [(2 | 6) as kind, str(message_id), str(action), *_]:
            return kind, message_id, action
        case [int(kind), str(message_id), *_] if not isinstance(kind, bool):
            return kind, message_id, None
    return None, None, None
