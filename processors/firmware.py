"""How firmware updates and uploads get on (conformance C-100): kept in any order, always answered."""

from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import reports
from processors.ports import Ports
from processors.routes import Request, on


@on("DiagnosticsStatusNotification", V16)
@on("FirmwareStatusNotification", V16, V201)
@on("LogStatusNotification", V16, V201)
@on("PublishFirmwareStatusNotification", V201)
@on("SignedFirmwareStatusNotification", V16)
def progress(request: Request, ports: Ports) -> Payload:
    """Keep the status, whether or not a job is known."""
    reports.keep(request, ports)
    return {}
