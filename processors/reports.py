"""What charge points tell and nobody asks about yet: kept as it came, and answered (conformance C.8).

Multi-part reports are kept part by part under their requestId and seqNo, so disorder and repeats don't matter.
"""

from ocppj import timestamps
from ocppj.frames import Payload
from ocppj.versions import V16, V21, V201
from processors.ports import Ports
from processors.routes import Request, on


def keep(request: Request, ports: Ports) -> None:
    """Keep the payload under its natural key."""
    ports.reports.keep(
        request.charge_point_id, request.action, natural_key(request), request.payload, request.received_at
    )


def natural_key(request: Request) -> str:
    """What makes two reports of one action the same; keys sort as the parts follow each other."""
    said = request.payload
    if "seqNo" in said:
        group = said.get("requestId", said.get("generatedAt"))
        return f"{group}#{said['seqNo']:06}"
    if request.action == "SecurityEventNotification":
        return f"{said['timestamp']}#{said['type']}"
    # No key of its own: when it came, and its id against two in one millisecond. The queue repeats both.
    return f"{timestamps.write(request.received_at)}#{request.message_id}"


@on("NotifyReport", V201)
@on("NotifyMonitoringReport", V201)
@on("NotifyCustomerInformation", V201)
@on("NotifyDisplayMessages", V201)
@on("ReportChargingProfiles", V201)
@on("NotifyChargingLimit", V201)
@on("ClearedChargingLimit", V201)
@on("ReservationStatusUpdate", V201)
@on("SecurityEventNotification", V16, V201)
@on("BatterySwap", V21)
@on("ClosePeriodicEventStream", V21)
@on("NotifyDERAlarm", V21)
@on("NotifyDERStartStop", V21)
@on("NotifyPeriodicEventStream", V21)
@on("NotifyPriorityCharging", V21)
@on("NotifySettlement", V21)
@on("ReportDERControl", V21)
def notified(request: Request, ports: Ports) -> Payload:
    """Keep it and say so."""
    keep(request, ports)
    return {}


@on("NotifyEVChargingNeeds", V201)
@on("NotifyEVChargingSchedule", V201)
@on("OpenPeriodicEventStream", V21)
@on("PullDynamicScheduleUpdate", V21)
def rejected(request: Request, ports: Ports) -> Payload:
    """Keep it, but promise nothing: Accepted would oblige us to plan, stream or send schedules (C-111)."""
    keep(request, ports)
    return {"status": "Rejected"}


@on("VatNumberValidation", V21)
def vat_number(request: Request, ports: Ports) -> Payload:
    """There is no register to look the number up in."""
    keep(request, ports)
    answer = {"vatNumber": request.payload["vatNumber"], "status": "Rejected"}
    if "evseId" in request.payload:
        answer["evseId"] = request.payload["evseId"]
    return answer
