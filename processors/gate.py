"""Who is heard before it is accepted (conformance C-06, C-07): its boot, and what we asked it for ourselves."""

from datetime import datetime, timedelta

from domain.models import CommandState, Registration
from ocppj.errors import Defect, OcppError
from ocppj.frames import Payload
from processors.ports import Ports
from processors.routes import Request
from processors.settings import Gate

_ALWAYS = frozenset({"BootNotification"})
_TRIGGERS = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})

# The commands that oblige a charge point to send an action, beside a trigger for it; all of these may go to one
# that is pending (C-03).
_ASKED_BY = {
    "NotifyReport": ("GetBaseReport", "GetReport"),
    "NotifyMonitoringReport": ("GetMonitoringReport",),
    "NotifyCustomerInformation": ("CustomerInformation",),
    "NotifyDisplayMessages": ("GetDisplayMessages",),
    "ReportChargingProfiles": ("GetChargingProfiles",),
    "LogStatusNotification": ("GetLog",),
    "DiagnosticsStatusNotification": ("GetDiagnostics",),
    "FirmwareStatusNotification": ("UpdateFirmware",),
    "SignedFirmwareStatusNotification": ("SignedUpdateFirmware",),
    "PublishFirmwareStatusNotification": ("PublishFirmware",),
}

# What a trigger calls SignCertificate.
_SIGNATURES = frozenset({
    "SignChargePointCertificate", "SignChargingStationCertificate", "SignV2GCertificate", "SignV2G20Certificate",
    "SignCombinedCertificate",
})  # fmt: skip

_RECENT_COMMANDS = 20
_ASKED_SINCE = timedelta(hours=1)  # an inventory takes its time
_REFUSED = frozenset({
    CommandState.REJECTED, CommandState.ERROR, CommandState.NOT_CONNECTED, CommandState.EXPIRED,
})  # fmt: skip


def check(request: Request, ports: Ports) -> None:
    """Let a request through, or not.

    Raises:
        OcppError: SecurityError, the charge point is not accepted and was not asked for this.
    """
    if request.action in _ALWAYS or _is_accepted(request, ports):
        return
    row = ports.registry.find_many([request.charge_point_id]).get(request.charge_point_id, request.charge_point)
    # The row was read with its batch, which may hold the boot as well.
    if row is not request.charge_point and _is_accepted(request.on(row), ports):
        return
    if row.registration is Registration.PENDING and _is_asked_for(request, ports):
        return
    raise OcppError(Defect.NOT_ACCEPTED, f"not accepted yet: send a BootNotification before {request.action}")


def _is_accepted(request: Request, ports: Ports) -> bool:
    row = request.charge_point
    if row.registration is not Registration.ACCEPTED:
        return False
    # Once booted it stays accepted over any number of reconnects and restarts.
    return row.boot is not None or ports.settings.gate is Gate.REGISTERED


def _is_asked_for(request: Request, ports: Ports) -> bool:
    since: datetime = request.now - _ASKED_SINCE
    return any(
        command.created_at >= since
        and command.state not in _REFUSED
        and _asks_for(command.action, command.payload, request)
        for command in ports.commands.of_charge_point(request.charge_point_id, _RECENT_COMMANDS)
    )


def _asks_for(command: str, payload: Payload, request: Request) -> bool:
    if command in _TRIGGERS:
        wanted = payload.get("requestedMessage")
        return wanted == request.action or (request.action == "SignCertificate" and wanted in _SIGNATURES)
    if command not in _ASKED_BY.get(request.action, ()):
        return False
    # Where both have a requestId it is the same one.
    return payload.get("requestId") == request.payload.get("requestId", payload.get("requestId"))
