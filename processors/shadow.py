"""The device shadow: a summary of the registry row, written when it changes."""

import structlog

from domain.models import Boot, ChargePoint, ConnectorState
from ocppj import timestamps
from ocppj.frames import Payload
from processors.ports import Ports

log = structlog.get_logger(__name__)


def report(charge_point_id: str, reported: Payload, ports: Ports) -> None:
    """Merge into the shadow; if that fails, have it written again later from what the row says then."""
    try:
        ports.shadows.report(charge_point_id, reported)
    except Exception:
        # Broad on purpose: the shadow is a projection, and whatever keeps it from being written must not fail
        # the record, whose answer is out already.
        log.exception("shadow not written, asking for another try", charge_point_id=charge_point_id)
        ports.shadow_repairs.ask(charge_point_id)


def repair(charge_point_id: str, row: ChargePoint | None, ports: Ports) -> None:
    """Write what the row says now; whoever asked for it retries if this fails too."""
    if row is not None:
        ports.shadows.report(charge_point_id, summary(row))


def summary(row: ChargePoint) -> Payload:
    """All the shadow says of a charge point."""
    connection = row.connection
    connected = connection is not None and connection.disconnected_at is None
    reported: Payload = {"connected": connected, **of_boot(row.boot)}
    if connection is not None:
        reported["ocppVersion"] = connection.version.name
    if row.connectors:
        reported["connectors"] = {key: of_connector(state) for key, state in row.connectors.items()}
    return reported


def of_boot(boot: Boot | None) -> Payload:
    """What the shadow says of a boot; a null takes away what an earlier firmware said."""
    if boot is None:
        return {}
    return {"model": boot.model, "vendor": boot.vendor, "firmware": boot.firmware}


def of_connector(state: ConnectorState) -> Payload:
    """What the shadow says of a connector."""
    return {"status": state.status, "errorCode": state.error_code, "at": timestamps.write(state.at)}
