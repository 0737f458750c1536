"""What goes on: of everything that comes and goes, the newest that was said (conformance C-100, C-101, C.8).

A firmware update, an upload, a reservation, a limit from outside: each is kept under the name of its subject and a
key, with the time we heard of it. A part of it that comes late changes nothing.
"""

from collections.abc import Callable

from ocppj import timestamps
from ocppj.frames import Payload
from processors.ports import Ports
from processors.routes import Request

Key = Callable[[Payload], str | None]


def _job(said: Payload) -> str | None:
    # Idle only answers a trigger: it says nothing about a job.
    return None if said["status"] == "Idle" else str(said.get("requestId", ""))


def _of(*names: str) -> Key:
    return lambda said: "#".join(str(said.get(name, "")) for name in names)


_SUBJECTS: dict[str, tuple[str, Key]] = {
    "FirmwareStatusNotification": ("Firmware", _job),
    "SignedFirmwareStatusNotification": ("Firmware", _job),
    "PublishFirmwareStatusNotification": ("PublishedFirmware", _job),
    "LogStatusNotification": ("Log", _job),
    "DiagnosticsStatusNotification": ("Log", _job),
    "NotifyChargingLimit": (
        "ChargingLimit", lambda said: f"{said['chargingLimit']['chargingLimitSource']}#{said.get('evseId', '')}",
    ),
    "ClearedChargingLimit": ("ChargingLimit", _of("chargingLimitSource", "evseId")),
    "NotifyEVChargingNeeds": ("ChargingNeeds", _of("evseId")),
    "NotifyEVChargingSchedule": ("ChargingSchedule", _of("evseId")),
    "ReservationStatusUpdate": ("Reservation", _of("reservationId")),
    "NotifyPriorityCharging": ("PriorityCharging", _of("transactionId")),
    "NotifySettlement": ("Settlement", _of("pspRef")),
    "NotifyDERAlarm": ("DERAlarm", _of("controlType")),
    "NotifyDERStartStop": ("DERControl", _of("controlId")),
    "BatterySwap": ("Battery", _of("requestId")),
    "OpenPeriodicEventStream": ("PeriodicEventStream", lambda said: str(said["constantStreamData"]["id"])),
    "ClosePeriodicEventStream": ("PeriodicEventStream", _of("id")),
}  # fmt: skip

SUBJECTS = frozenset(subject for subject, _ in _SUBJECTS.values())


def note(request: Request, ports: Ports) -> None:
    """Keep what this says of its subject, if it is about one."""
    subject, key_of = _SUBJECTS.get(request.action, ("", lambda _: None))
    key = key_of(request.payload)
    if key is not None:
        keep(subject, key, request.payload, request, ports)


def keep(subject: str, key: str, said: Payload, request: Request, ports: Ports) -> None:
    """Keep this as the newest about a subject, unless it is older than what is kept."""
    at = timestamps.write(request.received_at)
    known = ports.reports.of_charge_point(request.charge_point_id, subject, key)
    if any(state["key"] == key and state["at"] >= at for state in known):
        return
    state = {"key": key, "at": at, "action": request.action, "said": said}
    ports.reports.keep(request.charge_point_id, subject, key, state, request.received_at)
