"""Certificates (conformance C-103, C-110): there is no certificate authority yet, so everything is refused politely."""

from ocppj import timestamps
from ocppj.frames import Payload
from ocppj.versions import V16, V21, V201
from processors import reports
from processors.ports import Ports
from processors.routes import Request, on


@on("SignCertificate", V16, V201)
def sign(request: Request, ports: Ports) -> Payload:
    """Accepted would promise a CertificateSigned."""
    reports.keep(request, ports)
    return {"status": "Rejected"}


@on("GetCertificateStatus", V201)
def status(request: Request, ports: Ports) -> Payload:
    """There is no OCSP responder to ask."""
    reports.keep(request, ports)
    return {"status": "Failed"}


@on("Get15118EVCertificate", V201)
def ev_certificate(request: Request, ports: Ports) -> Payload:
    """There is no contract pool; the EXI response is required even so."""
    reports.keep(request, ports)
    return {"status": "Failed", "exiResponse": ""}


@on("GetCertificateChainStatus", V21)
def chain_status(request: Request, ports: Ports) -> Payload:
    """No status could be had of any of them; ask again whenever you like."""
    reports.keep(request, ports)
    failed = {"status": "Failed", "nextUpdate": timestamps.write(request.now)}
    asked = request.payload["certificateStatusRequests"]
    return {
        "certificateStatus": [
            {"certificateHashData": one["certificateHashData"], "source": one["source"], **failed} for one in asked
        ]
    }
