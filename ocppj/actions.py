"""Which actions a charge point sends. Every other action that has a schema is a command for it."""

from functools import cache

from ocppj import schemas
from ocppj.versions import V16, V21, V201, Version

_SENT_16 = frozenset({
    "Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification", "FirmwareStatusNotification",
    "Heartbeat", "LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate",
    "SignedFirmwareStatusNotification", "StartTransaction", "StatusNotification", "StopTransaction",
})  # fmt: skip
_SENT_201 = frozenset({
    "Authorize", "BootNotification", "ClearedChargingLimit", "DataTransfer", "FirmwareStatusNotification",
    "Get15118EVCertificate", "GetCertificateStatus", "Heartbeat", "LogStatusNotification", "MeterValues",
    "NotifyChargingLimit", "NotifyCustomerInformation", "NotifyDisplayMessages", "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule", "NotifyEvent", "NotifyMonitoringReport", "NotifyReport",
    "PublishFirmwareStatusNotification", "ReportChargingProfiles", "ReservationStatusUpdate",
    "SecurityEventNotification", "SignCertificate", "StatusNotification", "TransactionEvent",
})  # fmt: skip
_SENT_21 = _SENT_201 | frozenset({
    "BatterySwap", "ClosePeriodicEventStream", "GetCertificateChainStatus", "NotifyDERAlarm", "NotifyDERStartStop",
    "NotifyPeriodicEventStream", "NotifyPriorityCharging", "NotifySettlement", "OpenPeriodicEventStream",
    "PullDynamicScheduleUpdate", "ReportDERControl", "VatNumberValidation",
})  # fmt: skip
_SENT = {V16: _SENT_16, V201: _SENT_201, V21: _SENT_21}

# The only action that both sides may call.
_BOTH_WAYS = frozenset({"DataTransfer"})


def sent_by_charge_point(version: Version) -> frozenset[str]:
    """The actions a charge point of this version may send."""
    return _SENT[version]


@cache
def commands(version: Version) -> frozenset[str]:
    """The actions a CSMS may send to a charge point of this version."""
    return frozenset(schemas.actions(version)) - (_SENT[version] - _BOTH_WAYS)
