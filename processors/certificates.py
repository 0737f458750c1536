"""Certificates (conformance C-103 to C-105, C-110).

A charge point asks for a certificate of its own, is told Accepted, and gets it in a CertificateSigned afterwards.
Without a signer, and for what takes a contract pool or an OCSP responder, the answer is a polite no.
"""

import base64
import uuid
from datetime import timedelta
from functools import partial

import structlog

from domain import delivery
from domain.models import Command, CommandState, Revocation, Route
from domain.ports import CertificateSigner, CsrRefusedError
from ocppj import timestamps, topics
from ocppj.frames import Payload
from ocppj.versions import V16, V21, V201
from processors import reports, states
from processors.ports import Ports
from processors.routes import Request, on

log = structlog.get_logger(__name__)

_IDS = uuid.UUID("5d1c2c3e-7f52-4f0e-9d57-2f8f3b0c9c55")
_ITS_OWN = "ChargingStationCertificate"
_LONGEST_CHAIN = 10_000  # characters (2.0.1 part 2, CertificateSigned)
_LONGEST_OCSP_RESULT = {V201: 5_500, V21: 18_000}  # characters (schemas of GetCertificateStatus)
_STATUS_HOLDS = timedelta(hours=1)


@on("SignCertificate", V16, V201)
def sign(request: Request, ports: Ports) -> Payload:
    """Check the request; the certificate follows once the answer is on the wire."""
    reports.keep(request, ports)
    signer = ports.signer
    # The others are of the V2G hierarchy, which is nobody's here.
    if signer is None or request.payload.get("certificateType", _ITS_OWN) != _ITS_OWN:
        return {"status": "Rejected"}
    try:
        signer.check(request.payload["csr"], _names(request))
    except CsrRefusedError as error:
        log.warning("certificate refused", charge_point_id=request.charge_point_id, reason=str(error))
        return {"status": "Rejected"}
    states.keep("CertificateRequest", "", {"requestedAs": _command_id(request)}, request, ports)
    request.afterwards.append(partial(_send_signed, request, signer, ports))
    return {"status": "Accepted"}


@on("GetCertificateStatus", V201)
def status(request: Request, ports: Ports) -> Payload:
    """Pass on what the OCSP responder says, if it is one that may be asked."""
    reports.keep(request, ports)
    asked = request.payload["ocspRequestData"]
    answer = ports.responders.ask(asked, asked["responderURL"]) if ports.responders else None
    result = base64.b64encode(answer).decode() if answer else ""
    if not result or len(result) > _LONGEST_OCSP_RESULT[request.version]:
        return {"status": "Failed"}
    return {"status": "Accepted", "ocspResult": result}


@on("Get15118EVCertificate", V201)
def ev_certificate(request: Request, ports: Ports) -> Payload:
    """There is no contract pool; the EXI response is required even so."""
    reports.keep(request, ports)
    return {"status": "Failed", "exiResponse": ""}


@on("GetCertificateChainStatus", V21)
def chain_status(request: Request, ports: Ports) -> Payload:
    """What OCSP responders say of each; without an answer, or by a revocation list, ask again whenever you like."""
    reports.keep(request, ports)
    asked = request.payload["certificateStatusRequests"]
    return {"certificateStatus": [_status_of(one, request, ports) for one in asked]}


def _status_of(asked: Payload, request: Request, ports: Ports) -> Payload:
    certificate, source, now = asked["certificateHashData"], asked["source"], request.now
    found = Revocation.FAILED
    if source == "OCSP" and ports.responders is not None:
        found = ports.responders.judge(certificate, asked["urls"][0], now)
    again_at = now if found is Revocation.FAILED else now + _STATUS_HOLDS
    return {
        "certificateHashData": certificate, "source": source, "status": str(found),
        "nextUpdate": timestamps.write(again_at),
    }  # fmt: skip


def _send_signed(request: Request, signer: CertificateSigner, ports: Ports) -> None:
    row = ports.registry.find_many([request.charge_point_id]).get(request.charge_point_id)
    connection = row.connection if row else None
    if connection is None or connection.disconnected_at is not None or not _is_newest(request, ports):
        return  # it asks again (C-104)
    command_id = _command_id(request)
    known = ports.commands.find(command_id)
    if known is not None and known.state is not CommandState.QUEUED:
        return  # the record came again
    chain = signer.sign(request.payload["csr"], _names(request), request.now)
    if len(chain) > _LONGEST_CHAIN:
        log.error("certificate chain too long", charge_point_id=request.charge_point_id, characters=len(chain))
        return
    command = Command(
        command_id=command_id,
        charge_point_id=request.charge_point_id,
        action="CertificateSigned",
        payload=_signed(request, chain),
        version=request.version,
        state=CommandState.QUEUED,
        created_at=request.now,
        deadline=request.now + timedelta(seconds=ports.settings.call_timeout_s),
        issued_by="SignCertificate",
    )
    ports.commands.add(command)
    route = Route(connection.gateway, connection.link)
    delivery.publish(command, delivery.frame_of(command), route, ports.delivery())
    ports.commands.move(command_id, CommandState.SENT)
    log.info("certificate sent", charge_point_id=request.charge_point_id, command_id=command_id)


def _signed(request: Request, chain: str) -> Payload:
    said: Payload = {"certificateChain": chain}
    # What the request named is named again; the requestId is 2.1's.
    return said | {name: request.payload[name] for name in ("certificateType", "requestId") if name in request.payload}


def _is_newest(request: Request, ports: Ports) -> bool:
    """Whether no other was asked for since: only the newest key still exists (C-104)."""
    [newest] = ports.reports.of_charge_point(request.charge_point_id, "CertificateRequest")
    return bool(newest["said"]["requestedAs"] == _command_id(request))


def _names(request: Request) -> set[str]:
    """What the common name may be: the serial number, or the identity where that is what was agreed."""
    row = request.charge_point
    serial_numbers = {row.serial_number, row.boot.serial_number if row.boot else None} - {None}
    return {str(name) for name in serial_numbers} | {topics.unescape(row.charge_point_id), *row.certificate_names}


def _command_id(request: Request) -> str:
    # The same for the same record, so that a record that comes again sends nothing again.
    record = f"{request.charge_point_id}#{request.message_id}#{timestamps.write(request.received_at)}"
    return str(uuid.uuid5(_IDS, record))
