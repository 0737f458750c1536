"""Having the gateway close the socket of a charge point that may not stay."""

from domain.models import ChargePoint
from domain.ports import Outbound, Registry


def evict(row: ChargePoint, outbound: Outbound) -> int | None:
    """Have its socket closed, if it has one; returns the epoch up to which sockets are."""
    connection = row.connection
    if connection is None or connection.disconnected_at is not None:
        return None
    outbound.evict(connection.gateway, row.charge_point_id, connection.epoch)
    return connection.epoch


def strike_off(charge_point_id: str, thing_id: str, registry: Registry, outbound: Outbound) -> bool:
    """Remove the row of this thing and have its socket closed; whether there was one."""
    row = registry.find_many([charge_point_id]).get(charge_point_id)
    # Before the row goes, so that a retry still finds whom to evict.
    evicted = evict(row, outbound) if row is not None and row.thing_id == thing_id else None
    # Also without a row of it: the event of its creation may still be on its way.
    removed = registry.remove(charge_point_id, thing_id)
    if removed is None:
        return False
    if removed.connection is not None and removed.connection.epoch != evicted:
        evict(removed, outbound)  # it came back in between
    return True
