"""DataTransfer (conformance C.6)."""

from ocppj.frames import Payload
from ocppj.versions import V16, V201
from processors import reports
from processors.ports import Ports
from processors.routes import Request, on


@on("DataTransfer", V16, V201)
def transfer(request: Request, ports: Ports) -> Payload:
    """Keep it; Accepted only for what the table of vendors has, since nothing else is understood (C-90)."""
    reports.keep(request, ports)
    messages = ports.settings.data_transfer.get(request.payload["vendorId"])
    if messages is None:
        return {"status": "UnknownVendorId"}
    # A vendor without a list of messages may send anything.
    is_known = not messages or request.payload.get("messageId") in messages
    return {"status": "Accepted" if is_known else "UnknownMessageId"}
