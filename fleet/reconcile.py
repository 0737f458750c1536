"""Making registry rows and IoT things agree, both ways: events get lost, and fleets were there before.

a thing without a row      its row is made
a row that never had one   the thing is made: a registration was interrupted
a row whose thing is gone  the charge point is struck off: its deletion was not heard of
a row without the id       of its thing: the id is filled in
a row that is in no list   for an older version wrote it: it is listed
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from domain import eviction
from domain.models import ChargePoint
from fleet.ports import Ports
from ocppj import topics
from ocppj.errors import IdentityError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """Where the two differ, and what was done about it."""

    charge_point_id: str
    finding: str
    action: str

    def as_json(self) -> dict[str, Any]:
        return {"chargePointId": self.charge_point_id, "finding": self.finding, "action": self.action}


def run(ports: Ports, *, is_dry: bool) -> Iterator[Finding]:
    """Compare all rows with all things, and put right what differs unless it is dry; holds the ids in memory."""
    things = {name for name in ports.things.names() if _is_charge_point(name)}
    seen: set[str] = set()
    for name in list(ports.administration.unlisted()):
        if not is_dry:
            ports.administration.change(name, {})  # whatever is written lists it
        yield _told(name, "row that is in no list", "listed", is_dry)
    for row in ports.administration.everything():
        seen.add(row.charge_point_id)
        if not row.thing_id:
            yield _given_its_thing(row, row.charge_point_id in things, ports, is_dry=is_dry)
        # Who was registered since the things were listed is not among them.
        elif row.charge_point_id not in things and ports.things.find(row.charge_point_id) is None:
            yield _struck_off(row, ports, is_dry=is_dry)
    for name in sorted(things - seen):
        thing_id = ports.things.find(name)
        if thing_id is not None and ports.registry.find(name) is None:
            yield _given_its_row(name, thing_id, ports, is_dry=is_dry)


def _given_its_thing(row: ChargePoint, has_thing: bool, ports: Ports, *, is_dry: bool) -> Finding:
    if not is_dry:
        thing_id = ports.things.create(row.charge_point_id)  # or the one that there is
        ports.registry.add(ChargePoint(row.charge_point_id, thing_id=thing_id))
    finding, action = (
        ("row without the id of its thing", "filled in") if has_thing else ("row without a thing", "thing made")
    )
    return _told(row.charge_point_id, finding, action, is_dry)


def _struck_off(row: ChargePoint, ports: Ports, *, is_dry: bool) -> Finding:
    if not is_dry:
        eviction.strike_off(row.charge_point_id, row.thing_id, ports.registry, ports.outbound)
    return _told(row.charge_point_id, "row whose thing is gone", "struck off", is_dry)


def _given_its_row(name: str, thing_id: str, ports: Ports, *, is_dry: bool) -> Finding:
    is_made = is_dry or ports.registry.add(ChargePoint(name, thing_id, created_at=ports.now()))
    return _told(
        name, "thing without a row", "row made" if is_made else "not made: differs from another in case", is_dry
    )


def _told(charge_point_id: str, finding: str, action: str, is_dry: bool) -> Finding:
    return Finding(charge_point_id, finding, f"would be: {action}" if is_dry else action)


def _is_charge_point(name: str) -> bool:
    try:
        topics.unescape(name)
    except IdentityError as error:
        log.warning("thing is no charge point", thing=name, reason=str(error))
        return False
    return True
