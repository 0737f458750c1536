"""Who is connected: rows at once, so that commands know; shadows a minute later, so that a deploy doesn't flap them.

Every "disconnected" of a gateway comes twice: through the incoming queue, and delayed through
DisconnectedChargePoints. A gateway's last will ("down") comes through the delayed one only.
"""

from datetime import UTC, datetime
from typing import Any

import structlog

from domain import delivery, evidence
from domain.models import ChargePoint
from ocppj import timestamps
from processors import effects, shadow
from processors.ports import Ports

CONNECTION = "Connection"

log = structlog.get_logger(__name__)


def connected(charge_point_id: str, row: ChargePoint | None, epoch: int, ports: Ports) -> None:
    """Send what waited for it, see what it shows of commands, report it; the gateway has written the row itself."""
    if row is None or row.connection is None:
        log.warning("connect of an unknown charge point ignored", charge_point_id=charge_point_id)
        return
    ports.observations.connected(charge_point_id, epoch)
    # A newer socket reports itself, and a socket closed since is settled by its delayed record.
    if row.connection.epoch == epoch and row.connection.disconnected_at is None:
        delivery.release(charge_point_id, row, ports.delivery())
        effects.observe(evidence.connect(row, row.connection.connected_at), ports)
        shadow.report(charge_point_id, shadow.summary(row), ports)


def disconnected(charge_point_id: str, epoch: int, at: datetime, last_seen: datetime | None, ports: Ports) -> None:
    """Mark the row, so that commands are refused at once."""
    ports.observations.disconnected(charge_point_id, epoch, at, last_seen)


def keep_history(record: dict[str, Any], ports: Ports) -> None:
    """Keep a connection that has ended, for whoever asks why a charge point is not there."""
    epoch = int(record["epoch"])
    told: dict[str, Any] = {
        name: record[name] for name in ("gateway", "ocppVersion", "reason", "at", "lastSeen") if name in record
    }
    # An epoch is the time of the connect, in ms, or later if two came within one.
    told["connectedAt"] = timestamps.write(datetime.fromtimestamp(epoch / 1000, UTC))
    at = timestamps.parse(record["at"])
    ports.reports.keep(record["chargePointId"], CONNECTION, f"{epoch:015}", told, at)


def settled(charge_point_id: str, epoch: int, at: datetime, last_seen: datetime | None, ports: Ports) -> None:
    """A minute later: if it has not come back, the shadow says so."""
    ports.observations.disconnected(charge_point_id, epoch, at, last_seen)  # in case the first record was lost
    row = ports.registry.find_many([charge_point_id]).get(charge_point_id)
    if row is None or row.connection is None or row.connection.epoch != epoch:
        return
    if row.connection.disconnected_at is not None:
        shadow.report(charge_point_id, shadow.summary(row), ports)


def gateway_down(gateway: str, link: int | None, ports: Ports) -> None:
    """A last will: if the gateway is really gone, so are its charge points; links alone may drop and come back.

    Thousands of charge points are too many for one record: then each `link` is a record of its own.
    """
    if ports.registry.is_alive(gateway, ports.clock()):
        log.info("gateway is alive, its link dropped", gateway=gateway)
    elif link is None:
        log.warning("gateway is gone, its charge points go offline", gateway=gateway)
        for number in range(ports.observations.links_of(gateway)):
            ports.shadow_repairs.ask_link(gateway, number)
    else:
        _all_gone(gateway, link, ports)


def _all_gone(gateway: str, link: int, ports: Ports) -> None:
    now = ports.clock()
    for row in ports.observations.connected_to(gateway, link):
        connection = row.connection
        # Conditional on the epoch: whoever has connected elsewhere since stays online.
        if connection and ports.observations.disconnected(row.charge_point_id, connection.epoch, now):
            shadow.report(row.charge_point_id, {"connected": False}, ports)
