"""What charge points tell and nobody asks about yet: kept as it came, and answered (conformance C.8).

Multi-part reports are kept part by part under their requestId and seqNo, so disorder and repeats don't matter; when
the last missing part is there, they are marked complete (domain/assembly.py).
"""

import hashlib

import orjson

from domain import assembly
from ocppj import timestamps
from ocppj.frames import Payload
from ocppj.versions import V21, V201
from processors import states
from processors.ports import Ports
from processors.routes import Request, on


def keep(request: Request, ports: Ports) -> None:
    """Keep the payload under its natural key, and what it says of its subject."""
    ports.reports.keep(
        request.charge_point_id, request.action, natural_key(request), request.payload, request.received_at
    )
    states.note(request, ports)


def natural_key(request: Request) -> str:
    """What makes two reports of one action the same; keys sort as the parts follow each other."""
    said = request.payload
    if "requestId" in said and "seqNo" in said:
        return f"{said['requestId']}#{said['seqNo']:06}"
    if request.action in assembly.PARTS:
        # Parts without a number: only what they say tells them apart.
        return f"{said['requestId']}#{digest(said)}"
    if request.action in _TIMED:
        # Clocks have seconds only, and two things may happen within one.
        return f"{'#'.join(str(said[name]).zfill(6) for name in _TIMED[request.action])}#{digest(said)}"
    # No key of its own: when it came, and its id against two in one millisecond. The queue repeats both.
    return f"{timestamps.write(request.received_at)}#{request.message_id}"


_TIMED = {"NotifyEvent": ("generatedAt", "seqNo"), "SecurityEventNotification": ("timestamp", "type")}


def digest(said: Payload) -> str:
    """What tells a payload from others; however often it comes, it is the same."""
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


@on("NotifyReport", V201)
@on("NotifyMonitoringReport", V201)
@on("NotifyCustomerInformation", V201)
@on("NotifyDisplayMessages", V201)
@on("ReportChargingProfiles", V201)
@on("ReportDERControl", V21)
def part(request: Request, ports: Ports) -> Payload:
    """Keep the part, asked for or not; with the last one missing the report is complete (C-86)."""
    keep(request, ports)
    _commit(request, ports)
    return {}


@on("NotifyChargingLimit", V201)
@on("ClearedChargingLimit", V201)
@on("ReservationStatusUpdate", V201)
@on("BatterySwap", V21)
@on("ClosePeriodicEventStream", V21)
@on("NotifyDERAlarm", V21)
@on("NotifyDERStartStop", V21)
@on("NotifyPeriodicEventStream", V21)
@on("NotifyPriorityCharging", V21)
@on("NotifySettlement", V21)
def notified(request: Request, ports: Ports) -> Payload:
    """Keep it and say so."""
    keep(request, ports)
    return {}


@on("NotifyEVChargingNeeds", V201)
@on("NotifyEVChargingSchedule", V201)
@on("PullDynamicScheduleUpdate", V21)
def rejected(request: Request, ports: Ports) -> Payload:
    """Keep it, but promise nothing: Accepted would oblige us to plan and send schedules (C-111)."""
    keep(request, ports)
    return {"status": "Rejected"}


@on("OpenPeriodicEventStream", V21)
def stream(request: Request, ports: Ports) -> Payload:
    """Whatever is streamed is kept, so let it be streamed."""
    keep(request, ports)
    return {"status": "Accepted"}


@on("VatNumberValidation", V21)
def vat_number(request: Request, ports: Ports) -> Payload:
    """There is no register to look the number up in."""
    keep(request, ports)
    answer = {"vatNumber": request.payload["vatNumber"], "status": "Rejected"}
    if "evseId" in request.payload:
        answer["evseId"] = request.payload["evseId"]
    return answer


def _commit(request: Request, ports: Ports) -> None:
    request_id = request.payload["requestId"]
    parts = ports.reports.of_charge_point(request.charge_point_id, request.action, f"{request_id}#")
    if not assembly.is_complete(parts):
        return
    said_at = max((timestamps.parse(part["generatedAt"]) for part in parts if "generatedAt" in part), default=None)
    at = timestamps.write(request.observed(said_at or request.received_at))
    mark = {"requestId": request_id, "parts": assembly.count(parts), "at": at}
    name = assembly.marker(request.action)
    ports.reports.keep(request.charge_point_id, name, str(request_id), mark, request.received_at)
