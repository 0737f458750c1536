"""DataTransfer (conformance C.6)."""

from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import reports
from processors.ports import Ports
from processors.routes import Request, on


@on("DataTransfer", V16, V201)
def transfer(request: Request, ports: Ports) -> Payload:
    """Keep it; no vendor's messages are understood here (C-90)."""
    reports.keep(request, ports)
    return {"status": "UnknownVendorId"}
