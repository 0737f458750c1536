"""SecurityEventNotification (conformance C-102, C-108): kept before it is answered, and told to whoever reads logs."""

import structlog

from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import reports
from processors.ports import Ports
from processors.routes import Request, on

log = structlog.get_logger(__name__)

# What 1.6 calls otherwise than 2.x (W16 §8); names we don't know are open strings and stay as they are (C-88).
_NAMES = {
    "InvalidCentralSystemCertificate": "InvalidCsmsCertificate",
    "FailedToAuthenticateAtCentralSystem": "FailedToAuthenticateAtCsms",
    "InvalidChargePointCertificate": "InvalidChargingStationCertificate",
}


@on("SecurityEventNotification", V16, V201)
def happened(request: Request, ports: Ports) -> Payload:
    """Keep it under its time and type."""
    reports.keep(request, ports)
    log.warning("security event", charge_point_id=request.charge_point_id, type=neutral(request.payload["type"]))
    return {}


def neutral(event_type: str) -> str:
    """The name of a security event in 2.x."""
    return _NAMES.get(event_type, event_type)
