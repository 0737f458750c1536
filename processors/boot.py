"""BootNotification and Heartbeat (conformance C.1)."""

import structlog

from domain.models import Boot
from ocppj import timestamps
from ocppj.errors import Defect, OcppError
from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import shadow
from processors.ports import Ports
from processors.routes import Request, on

log = structlog.get_logger(__name__)


@on("BootNotification", V16)
def boot_16(request: Request, ports: Ports) -> Payload:
    """Keep what the charge point says of itself; its registration is what the row says (C-01, C-09)."""
    said = request.payload
    boot = Boot(
        vendor=said["chargePointVendor"],
        model=said["chargePointModel"],
        at=request.received_at,
        serial_number=said.get("chargePointSerialNumber") or said.get("chargeBoxSerialNumber"),
        firmware=said.get("firmwareVersion"),
        details=said,
    )
    return _registered(boot, request, ports)


@on("BootNotification", V201)
def boot_201(request: Request, ports: Ports) -> Payload:
    """The same, as 2.x says it; `reason` and modem are in the details."""
    station = request.payload["chargingStation"]
    _check_certificate(station.get("serialNumber"), request, ports)
    boot = Boot(
        vendor=station["vendorName"],
        model=station["model"],
        at=request.received_at,
        serial_number=station.get("serialNumber"),
        firmware=station.get("firmwareVersion"),
        details=request.payload,
    )
    return _registered(boot, request, ports)


@on("Heartbeat", V16, V201)
def heartbeat(request: Request, ports: Ports) -> Payload:
    """Tell the time (C-14)."""
    return {"currentTime": timestamps.write(request.now)}


def _check_certificate(serial_number: str | None, request: Request, ports: Ports) -> None:
    """With a client certificate, what boots must be what the certificate was made for (P2 B01.FR.11-12, A-46).

    Raises:
        OcppError: it is another; its socket is closed too.
    """
    row, connection = request.charge_point, request.charge_point.connection
    name = connection.certificate_name if connection else None
    # Names the row allows beside the serial number: of the identity, or of a local controller.
    if connection is None or name is None or name == serial_number or name in row.certificate_names:
        return
    log.warning(
        "booted with another's certificate",
        charge_point_id=row.charge_point_id,
        certificate=name,
        serial_number=serial_number,
    )
    ports.outbound.evict(connection.gateway, row.charge_point_id, connection.epoch)
    raise OcppError(Defect.NOT_ACCEPTED, "the serial number is not the one of the certificate")


def _registered(boot: Boot, request: Request, ports: Ports) -> Payload:
    row = request.charge_point
    # Queues reorder: the boot of before a firmware update must not come back after it.
    if row.boot is None or row.boot.at <= boot.at:
        ports.observations.booted(row.charge_point_id, boot)
        if shadow.of_boot(boot) != shadow.of_boot(row.boot):
            request.reported.update(shadow.of_boot(boot))
    log.info(
        "booted",
        charge_point_id=row.charge_point_id,
        ocpp=request.version.subprotocol,
        vendor=boot.vendor,
        model=boot.model,
        firmware=boot.firmware,
        registration=row.registration,
    )
    return {
        "currentTime": timestamps.write(request.now),
        "interval": ports.settings.interval_s(row.charge_point_id, row.registration),
        "status": str(row.registration),
    }
