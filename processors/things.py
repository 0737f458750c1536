"""IoT things: a thing created is a charge point registered, a thing deleted one struck off.

Events may come late, twice and in any order; `thingId` tells a thing from an earlier one of its name.
"""

from datetime import UTC, datetime
from typing import Any

import structlog

from domain import eviction, registry
from domain.models import ChargePoint
from ocppj import topics
from ocppj.errors import IdentityError
from processors.ports import Ports

log = structlog.get_logger(__name__)


def event(record: dict[str, Any], ports: Ports) -> None:
    """Follow AWS IoT's thing event; updates of a thing's attributes change nothing here."""
    name, thing_id = record["thingName"], record["thingId"]
    if record["operation"] == "CREATED":
        _created(name, thing_id, _at(record, ports), ports)
    elif record["operation"] == "DELETED":
        _deleted(name, thing_id, ports)


def _at(record: dict[str, Any], ports: Ports) -> datetime:
    happened_at = record.get("timestamp")
    return datetime.fromtimestamp(happened_at / 1000, UTC) if isinstance(happened_at, int | float) else ports.clock()


def _created(name: str, thing_id: str, at: datetime, ports: Ports) -> None:
    try:
        topics.unescape(name)
    except IdentityError as error:
        log.warning("thing is no charge point", thing=name, reason=str(error))
        return
    new = ChargePoint(name, thing_id, created_at=at, registration=ports.settings.registration)
    row = ports.registry.find_many([name]).get(name)
    if row is not None and registry.is_superseded(row, new):
        # The earlier thing's deletion is still on its way, and will find nothing of its own.
        eviction.evict(row, ports.outbound)
    if ports.registry.add(new):
        log.info("registered", charge_point_id=name, registration=new.registration)


def _deleted(name: str, thing_id: str, ports: Ports) -> None:
    # The shadow stays: AWS IoT deletes it with the thing, or it is somebody's history.
    if eviction.strike_off(name, thing_id, ports.registry, ports.outbound):
        log.info("struck off", charge_point_id=name)
