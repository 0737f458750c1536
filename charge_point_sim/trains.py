"""Trains of status messages: a firmware update and a log upload, acted out as if there were files.

A location that contains `fail` can't be reached, one that contains `forged` has a bad signature.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from ocppj import timestamps
from ocppj.frames import Payload
from ocppj.versions import V16

DOWNLOAD_S, VERIFY_S, INSTALL_S, UPLOAD_S, RETRY_S = 10.0, 1.0, 10.0, 5.0, 10.0
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*")
_ROLL_OUT = "https://firmware.example/simulated-{version}.bin"
_ENDS = frozenset({
    "Installed", "DownloadFailed", "InvalidSignature", "Uploaded", "UploadFailure", "UploadFailed",
    "InvalidChecksum", "Published", "AcceptedCanceled",
})  # fmt: skip
# A station of 2.x that is asked repeats how its last update went wrong; after Installed it is Idle (L01.FR.25, 26).
_REPEATED = frozenset({"DownloadFailed", "InvalidSignature"})


@dataclass(frozen=True, slots=True)
class Update:
    """A firmware update. `action` tells its statuses, `more` is in each of them: a requestId, but in plain 1.6."""

    action: str
    location: str
    begins_at: datetime
    is_signed: bool
    more: Payload
    installs_at: datetime | None = None


def update_firmware(cp: ChargePoint, update: Update) -> str:
    """Download when it is time, install when nobody charges, reboot, and say so all the way.

    Returns the status of the answer: one that goes on already is given up for this one (L01.FR.24).
    """
    is_second = "firmware" in cp.timers

    def begin() -> None:
        tell(cp, update.action, "Downloading", update.more)
        cp.after("firmware", DOWNLOAD_S, lambda: _downloaded(cp, update))

    cp.open_doors()
    if update.begins_at > cp.now:
        _tell_scheduled(cp, update, "DownloadScheduled")
    cp.timers.set("firmware", max(cp.now, update.begins_at), begin)
    return "AcceptedCanceled" if is_second else "Accepted"


def upload_log(cp: ChargePoint, action: str, location: str, more: Payload, failure: str) -> Payload:
    """Upload a log, and say so all the way. Returns the answer: status and name of the file.

    An upload that goes on already is given up for this one (N01.FR.12), which only 2.x has a status for.
    """
    timer, old = f"upload {action}", cp.progress.get(action)
    is_second = timer in cp.timers
    if is_second and old and cp.dialect.version is not V16:
        tell(cp, action, "AcceptedCanceled", {"requestId": old["requestId"]})
    tell(cp, action, "Uploading", more)
    end = failure if "fail" in location else "Uploaded"
    cp.after(timer, UPLOAD_S, lambda: tell(cp, action, end, more))
    name = f"{cp.setup.identity}-{cp.now:%Y%m%dT%H%M%S}.log"
    return {"status": "AcceptedCanceled" if is_second else "Accepted", "filename": name}


def tell(cp: ChargePoint, action: str, status: str, more: Payload) -> None:
    """Send a status message; until the last one of a train it is what a trigger would say."""
    payload = {"status": status, **more}
    if status in _ENDS and not (status in _REPEATED and cp.dialect.version is not V16):
        cp.progress.pop(action, None)
    else:
        cp.progress[action] = payload
    cp.exchange.put(Message(action, payload, is_early=True))


def progress(cp: ChargePoint, action: str) -> Payload:
    """What a triggered status message says: how far it is, or that nothing goes on."""
    return cp.progress.get(action, {"status": "Idle"})


def roll_out(cp: ChargePoint) -> None:
    """Update the firmware as if the CSMS had ordered it."""
    version = _after(cp.firmware)
    location, begins_at = _ROLL_OUT.format(version=version), cp.now
    is_signed = cp.dialect.version is not V16
    more: Payload = {"requestId": 1} if is_signed else {}
    update_firmware(cp, Update("FirmwareStatusNotification", location, begins_at, is_signed, more))


def security_event(cp: ChargePoint, kind: str) -> None:
    """Tell an event of the security whitepaper; it is kept until delivered."""
    payload = {"type": kind, "timestamp": cp.stamp()}
    cp.exchange.put(Message("SecurityEventNotification", payload, is_durable=True))


def read_time(cp: ChargePoint, text: str | None) -> datetime:
    """When something is to begin; at once if that can't be read."""
    try:
        return timestamps.parse(text) if text else cp.now
    except ValueError:
        return cp.now


def _downloaded(cp: ChargePoint, update: Update) -> None:
    if "fail" in update.location:
        tell(cp, update.action, "DownloadFailed", update.more)
        return
    tell(cp, update.action, "Downloaded", update.more)
    then: Callable[[], None] = lambda: _verify(cp, update)  # noqa: E731
    cp.after("firmware", VERIFY_S, then if update.is_signed else lambda: _await_installation(cp, update))


def _verify(cp: ChargePoint, update: Update) -> None:
    if "forged" in update.location:
        tell(cp, update.action, "InvalidSignature", update.more)
        security_event(cp, "InvalidFirmwareSignature")
        return
    tell(cp, update.action, "SignatureVerified", update.more)
    _await_installation(cp, update)


def _await_installation(cp: ChargePoint, update: Update) -> None:
    if update.installs_at is None or update.installs_at <= cp.now:
        _install(cp, update)
        return
    _tell_scheduled(cp, update, "InstallScheduled")
    cp.timers.set("firmware", update.installs_at, lambda: _install(cp, update))


def _install(cp: ChargePoint, update: Update) -> None:
    cp.close_doors()  # who has not come yet finds it Unavailable (L01.FR.07)
    if any(connector.session for connector in cp.connectors):
        cp.after("firmware", RETRY_S, lambda: _install(cp, update))
        return
    tell(cp, update.action, "Installing", update.more)
    cp.after("firmware", INSTALL_S, lambda: _reboot(cp, update))


def _tell_scheduled(cp: ChargePoint, update: Update, status: str) -> None:
    if update.more:  # plain 1.6 has no word for it
        tell(cp, update.action, status, update.more)


def _reboot(cp: ChargePoint, update: Update) -> None:
    found = _VERSION.search(update.location)
    cp.firmware = found[0] if found else _after(cp.firmware)

    def tell_the_end() -> None:
        tell(cp, update.action, "Installed", update.more)
        security_event(cp, "FirmwareUpdated")

    cp.after_boot = tell_the_end
    cp.reset("FirmwareUpdate", patience_s=VERIFY_S)


def _after(version: str) -> str:
    head, _, last = version.rpartition(".")
    return f"{head}.{int(last) + 1}" if last.isdecimal() else f"{version}.1"
