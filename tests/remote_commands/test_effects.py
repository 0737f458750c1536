"""Whether a command had its effect: from the answer to the message that shows it (conformance D.3)."""

from datetime import timedelta
from typing import Any

import pytest

from domain import delivery
from domain.models import Connection, Proven
from domain.ports import NOTHING_PROVEN
from ocppj.frames import Call, CallError, CallResult
from ocppj.versions import V16, V201, Version
from tests.processors.house import House
from tests.remote_commands.desk import EPOCH, NOON, Desk

AT = "2026-11-21T12:00:01Z"


class Journey:
    """A desk and the processors on the same stores."""

    def __init__(self, version: Version, **facts: Any) -> None:
        self.desk = Desk()
        self.version = version
        self.desk.connect("CP1", version, **facts)
        self.house = House(
            registry=self.desk.registry,
            commands=self.desk.commands,
            command_lines=self.desk.lines,
            outbound=self.desk.sent,
            now=NOON,
        )

    def command(self, action: str, payload: Any) -> None:
        reply = self.desk.post(f"/charge-points/CP1/commands/{action}", payload)
        assert reply.status == 202, reply.body

    def answer(self, payload: dict[str, Any], command_id: str = "cmd-1") -> None:
        self.house.send("CP1", CallResult(command_id, payload), epoch=EPOCH)

    def says(self, action: str, **payload: Any) -> None:
        self.tick(1)
        answers = self.house.send("CP1", Call(f"m-{self.house.now}", action, payload), epoch=EPOCH)
        assert all(isinstance(answer, CallResult) for answer in answers), answers

    def reconnect(self, epoch: int, proven: Proven = NOTHING_PROVEN, serial: str | None = None) -> None:
        self.tick(1)
        connection = Connection(self.version, "gw1", 3, epoch, self.house.now, certificate_serial=serial)
        self.desk.registry.connect("CP1", connection, self.desk.row("CP1").credential_version, proven)
        self.house.process({"event": "connected", "chargePointId": "CP1", "epoch": epoch})

    def tick(self, seconds: float) -> None:
        self.house.tick(seconds)
        self.desk.clock.now = self.house.now

    @property
    def effect(self) -> str:
        return str(self.desk.get("/commands/cmd-1").body["effect"])

    @property
    def evidence(self) -> Any:
        return self.desk.get("/commands/cmd-1").body["evidence"]


START_16: dict[str, Any] = {"connectorId": 1, "idTag": "abc", "meterStart": 0, "timestamp": AT}
BOOT_16 = {"chargePointVendor": "Acme", "chargePointModel": "One"}


def event(event_type: str, trigger: str, **info: Any) -> dict[str, Any]:
    transaction = {"transactionId": "tx-1"} | info
    return {
        "eventType": event_type,
        "triggerReason": trigger,
        "timestamp": AT,
        "seqNo": 0,
        "transactionInfo": transaction,
        "evse": {"id": 1, "connectorId": 1},
    }


def status_16(connector: int, status: str) -> dict[str, Any]:
    return {"connectorId": connector, "status": status, "errorCode": "NoError", "timestamp": AT}


def reservation(reservation_id: int, status: str) -> dict[str, Any]:
    return {"reservationId": reservation_id, "reservationUpdateStatus": status}


def status_201(evse: int, status: str) -> dict[str, Any]:
    return {"evseId": evse, "connectorId": 1, "connectorStatus": status, "timestamp": AT}


REMOTE_START = {"idTag": "ABC", "connectorId": 1}
REQUEST_START = {"idToken": {"idToken": "ABC", "type": "Central"}, "remoteStartId": 5}
FIRMWARE = {"requestId": 5, "firmware": {"location": "https://x", "retrieveDateTime": AT}}
LOG = {"logType": "SecurityLog", "requestId": 5, "log": {"remoteLocation": "https://x"}}
OUT_201 = {"operationalStatus": "Inoperative", "evse": {"id": 2}}
RESERVE_16 = {"connectorId": 1, "expiryDate": "2026-11-21T13:00:00Z", "idTag": "ABC", "reservationId": 5}
RESERVE_201 = {"id": 5, "expiryDateTime": "2026-11-21T13:00:00Z", "idToken": {"idToken": "ABC", "type": "Central"}}
REPORT: dict[str, Any] = {"requestId": 5, "generatedAt": AT, "seqNo": 0}
NOTIFIED = {
    "generatedAt": AT,
    "seqNo": 0,
    "eventData": [
        {
            "eventId": 1,
            "timestamp": AT,
            "trigger": "Delta",
            "actualValue": "Unavailable",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "Connector", "evse": {"id": 2, "connectorId": 1}},
            "variable": {"name": "AvailabilityState"},
        }
    ],
}

# version, command, its payload, what shows nothing, what shows the effect, and which effect that is
FOLLOWED: list[tuple[Version, str, Any, tuple[str, Any] | None, tuple[str, Any], str]] = [
    (V16, "RemoteStartTransaction", REMOTE_START, ("StartTransaction", START_16 | {"connectorId": 2}),
     ("StartTransaction", START_16), "confirmed"),
    (V201, "RequestStartTransaction", REQUEST_START, ("TransactionEvent", event("Started", "CablePluggedIn")),
     ("TransactionEvent", event("Started", "RemoteStart", remoteStartId=5)), "confirmed"),
    (V201, "RequestStartTransaction", REQUEST_START, None,
     ("TransactionEvent", event("Ended", "EVConnectTimeout", remoteStartId=5)), "not_observed"),
    (V16, "RemoteStopTransaction", {"transactionId": 7}, None,
     ("StopTransaction", {"transactionId": 7, "meterStop": 9, "timestamp": AT, "reason": "Remote"}), "confirmed"),
    (V201, "RequestStopTransaction", {"transactionId": "TX-1"},
     ("TransactionEvent", event("Updated", "MeterValuePeriodic")),
     ("TransactionEvent", event("Ended", "RemoteStop", stoppedReason="Remote") | {"seqNo": 1}), "confirmed"),
    (V16, "ChangeAvailability", {"connectorId": 1, "type": "Inoperative"},
     ("StatusNotification", status_16(2, "Unavailable")),
     ("StatusNotification", status_16(1, "Unavailable")), "confirmed"),
    (V16, "ChangeAvailability", {"connectorId": 0, "type": "Operative"},
     ("StatusNotification", status_16(1, "Unavailable")),
     ("StatusNotification", status_16(1, "Available")), "confirmed"),
    (V201, "ChangeAvailability", OUT_201, ("StatusNotification", status_201(1, "Unavailable")),
     ("StatusNotification", status_201(2, "Unavailable")), "confirmed"),
    (V201, "ChangeAvailability", OUT_201, None, ("NotifyEvent", NOTIFIED), "confirmed"),
    (V16, "TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1},
     ("StatusNotification", status_16(2, "Available")), ("StatusNotification", status_16(1, "Available")), "confirmed"),
    (V16, "TriggerMessage", {"requestedMessage": "Heartbeat"}, ("StatusNotification", status_16(0, "Available")),
     ("Heartbeat", {}), "confirmed"),
    (V201, "TriggerMessage", {"requestedMessage": "TransactionEvent"},
     ("TransactionEvent", event("Updated", "MeterValuePeriodic")),
     ("TransactionEvent", event("Updated", "Trigger") | {"seqNo": 1}), "confirmed"),
    (V201, "UpdateFirmware", FIRMWARE, ("FirmwareStatusNotification", {"status": "Downloaded", "requestId": 5}),
     ("FirmwareStatusNotification", {"status": "Installed", "requestId": 5}), "confirmed"),
    (V201, "UpdateFirmware", FIRMWARE, ("FirmwareStatusNotification", {"status": "Installed", "requestId": 4}),
     ("FirmwareStatusNotification", {"status": "InvalidSignature", "requestId": 5}), "not_observed"),
    (V16, "GetDiagnostics", {"location": "https://x"}, ("DiagnosticsStatusNotification", {"status": "Uploading"}),
     ("DiagnosticsStatusNotification", {"status": "Uploaded"}), "confirmed"),
    (V201, "GetLog", LOG, None, ("LogStatusNotification", {"status": "UploadFailure", "requestId": 5}), "not_observed"),
    (V201, "GetBaseReport", {"requestId": 5, "reportBase": "FullInventory"}, ("NotifyReport", REPORT | {"tbc": True}),
     ("NotifyReport", REPORT | {"seqNo": 1}), "confirmed"),
    (V16, "ReserveNow", RESERVE_16, ("StatusNotification", status_16(2, "Reserved")),
     ("StatusNotification", status_16(1, "Reserved")), "confirmed"),
    (V16, "ReserveNow", RESERVE_16 | {"connectorId": 0}, ("StatusNotification", status_16(2, "Available")),
     ("StatusNotification", status_16(2, "Reserved")), "confirmed"),
    (V16, "ReserveNow", RESERVE_16, ("StartTransaction", START_16 | {"reservationId": 4}),
     ("StartTransaction", START_16 | {"reservationId": 5}), "confirmed"),
    (V201, "ReserveNow", RESERVE_201 | {"evseId": 2}, ("StatusNotification", status_201(1, "Reserved")),
     ("StatusNotification", status_201(2, "Reserved")), "confirmed"),
    (V201, "ReserveNow", RESERVE_201, ("ReservationStatusUpdate", reservation(4, "Removed")),
     ("ReservationStatusUpdate", reservation(5, "Removed")), "not_observed"),
    (V201, "CancelReservation", {"reservationId": 5}, ("StatusNotification", status_201(2, "Available")),
     ("ReservationStatusUpdate", reservation(5, "Removed")), "confirmed"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "action", "payload", "nothing", "shows", "effect"), FOLLOWED)
def test_an_effect_is_what_a_message_of_the_charge_point_shows(
    version: Version, action: str, payload: Any, nothing: Any, shows: tuple[str, Any], effect: str
) -> None:
    journey = Journey(version)
    journey.command(action, payload)
    journey.answer({} if action in ("UpdateFirmware", "GetDiagnostics") and version is V16 else {"status": "Accepted"})
    if nothing:
        journey.says(nothing[0], **nothing[1])
    before = journey.effect, journey.evidence

    journey.says(shows[0], **shows[1])

    assert before == ("pending", None)
    assert journey.effect == effect
    assert journey.evidence["action"] == shows[0]
    assert list(journey.desk.lines.waiting("effect#CP1")) == []


def test_a_reset_is_confirmed_by_a_boot_on_a_new_connection() -> None:
    journey = Journey(V16)
    journey.command("Reset", {"type": "Soft"})
    journey.answer({"status": "Accepted"})
    journey.says("BootNotification", **BOOT_16)
    before = journey.effect

    journey.reconnect(EPOCH + 1)
    journey.says("BootNotification", **BOOT_16)

    assert (before, journey.effect) == ("pending", "confirmed")
    assert journey.evidence == {"action": "BootNotification", "receivedAt": "2026-11-21T12:00:03.000Z"}


def test_the_boot_of_a_connect_that_a_reset_has_waited_for_is_not_its_effect() -> None:
    journey = Journey(V16)
    journey.desk.registry.disconnected("CP1", EPOCH, NOON)
    journey.command("reset", {"ttlSeconds": 600})
    journey.reconnect(EPOCH + 1)
    journey.tick(1)
    delivery.release("CP1", journey.desk.row("CP1"), journey.house.ports().delivery())
    journey.answer({"status": "Accepted"})

    journey.says("BootNotification", **BOOT_16)
    before = journey.effect
    journey.reconnect(EPOCH + 2)
    journey.says("BootNotification", **BOOT_16)

    assert (before, journey.effect) == ("pending", "confirmed")


def test_the_evidence_of_a_start_names_the_transaction() -> None:
    journey = Journey(V16)
    journey.command("RemoteStartTransaction", REMOTE_START)

    journey.says("StartTransaction", **START_16)

    assert journey.evidence["transactionId"] == 1


def test_d03_what_follows_may_come_before_the_answer() -> None:
    journey = Journey(V16)
    journey.command("RemoteStartTransaction", REMOTE_START)

    journey.says("StartTransaction", **START_16)
    journey.answer({"status": "Accepted"})

    assert journey.effect == "confirmed"
    assert journey.desk.get("/commands/cmd-1").body["state"] == "accepted"


def test_d02_an_answer_alone_confirms_nothing_and_in_the_end_nothing_was_observed() -> None:
    journey = Journey(V16)
    journey.command("RemoteStartTransaction", REMOTE_START)
    journey.answer({"status": "Accepted"})

    journey.tick(330)
    before = journey.effect
    journey.tick(1)

    assert (before, journey.effect) == ("pending", "not_observed")


def test_a_command_that_was_refused_has_no_effect() -> None:
    journey = Journey(V16)
    journey.command("RemoteStartTransaction", REMOTE_START)
    journey.answer({"status": "Rejected"})

    journey.says("StartTransaction", **START_16)

    assert (journey.effect, journey.evidence) == ("none", None)


def test_what_was_on_its_way_before_the_command_shows_nothing() -> None:
    journey = Journey(V16)
    journey.tick(10)
    journey.command("TriggerMessage", {"requestedMessage": "Heartbeat"})
    journey.house.now = NOON

    journey.says("Heartbeat")

    journey.desk.clock.now = NOON + timedelta(seconds=11)
    assert journey.effect == "pending"


@pytest.mark.parametrize(("action", "payload"), [("ClearCache", {}), ("Reset", {"type": "Immediate", "evseId": 1})])
def test_where_nothing_is_to_follow_there_is_no_effect(action: str, payload: Any) -> None:
    journey = Journey(V201)
    journey.command(action, payload)

    assert journey.effect == "none"
    assert list(journey.desk.lines.waiting("effect#CP1")) == []


def test_a_scheduled_change_has_until_the_transaction_ends() -> None:
    journey = Journey(V16)
    journey.command("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    journey.answer({"status": "Scheduled"})

    journey.tick(6 * 3600)

    assert journey.effect == "pending"


def test_a_reservation_has_until_it_expires() -> None:
    journey = Journey(V16)
    journey.command("ReserveNow", RESERVE_16)
    journey.answer({"status": "Accepted"})

    journey.tick(3600)
    before = journey.effect
    journey.tick(1)

    assert (before, journey.effect) == ("pending", "not_observed")


def test_a_cancelled_reservation_shows_where_a_connector_was_reserved() -> None:
    journey = Journey(V16)
    journey.says("StatusNotification", **status_16(1, "Available"))
    journey.says("StatusNotification", **status_16(2, "Reserved"))
    journey.command("CancelReservation", {"reservationId": 5})
    journey.answer({"status": "Accepted"})
    journey.says("StatusNotification", **status_16(1, "Available"))
    before = journey.effect

    journey.says("StatusNotification", **status_16(2, "Available"))

    assert (before, journey.effect) == ("pending", "confirmed")


@pytest.mark.parametrize(("reason", "effects"), [("closed", ("pending", "confirmed")), ("busy", ("none", "none"))])
def test_a_reset_without_a_word_is_shown_by_its_boot_and_one_that_was_never_sent_is_not(
    reason: str, effects: tuple[str, str]
) -> None:
    journey = Journey(V16)
    journey.command("Reset", {"type": "Hard"})
    gone = {"reason": reason, "gateway": "gw1", "epoch": EPOCH}
    journey.house.send("CP1", CallError("cmd-1", "GenericError", "", gone), epoch=EPOCH)
    before = journey.effect

    journey.reconnect(EPOCH + 1)
    journey.house.send("CP1", Call("m-1", "BootNotification", BOOT_16), epoch=EPOCH + 1)

    assert journey.desk.get("/commands/cmd-1").body["state"] == "error"
    assert (before, journey.effect) == effects
