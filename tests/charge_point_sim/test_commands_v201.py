from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from ocppj.frames import Payload
from ocppj.versions import V201
from tests.charge_point_sim.script import TIME, Wire

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
TOKEN = {"idToken": "OPERATOR", "type": "Central"}


@pytest.fixture
def wire() -> Wire:
    return Wire(V201, connectors=2).boot()


def _charge(wire: Wire, number: int = 1) -> str:
    wire.act(lambda: sessions.plug_in(wire.cp, wire.cp.connectors[number - 1], Token("TAG-1")))
    wire.run(3)
    session = wire.cp.connectors[number - 1].running
    assert session
    return str(session.transaction_id)


def _item(component: str, variable: str, instance: str = "", **more: Any) -> Payload:
    named = {"name": variable, **({"instance": instance} if instance else {})}
    return {"component": {"name": component}, "variable": named, **more}


def test_a_requested_start_names_its_request_in_the_first_event(wire: Wire) -> None:
    answer = wire.order("RequestStartTransaction", idToken=TOKEN, remoteStartId=42, evseId=2)
    wire.run(3)

    started = wire.script.payloads("TransactionEvent")[0]
    assert answer == ACCEPTED
    assert (started["triggerReason"], started["transactionInfo"]["remoteStartId"]) == ("RemoteStart", 42)
    assert (started["evse"]["id"], started["idToken"]) == (2, TOKEN)


def test_a_requested_start_on_a_busy_or_missing_evse_is_rejected(wire: Wire) -> None:
    _charge(wire)

    answers = [
        wire.order("RequestStartTransaction", idToken=TOKEN, remoteStartId=1, evseId=evse_id) for evse_id in (1, 3)
    ]

    assert answers == [REJECTED, REJECTED]


def test_a_requested_start_authorises_first_if_configured(wire: Wire) -> None:
    wire.cp.variables.turn("authorize_remote", "true")

    wire.order("RequestStartTransaction", idToken=TOKEN, remoteStartId=42)
    wire.run(3)

    assert wire.script.said()[0] == "Authorize"
    assert wire.script.payloads("TransactionEvent")[0]["transactionInfo"]["remoteStartId"] == 42


def test_a_pending_station_rejects_requested_starts_and_stops() -> None:
    wire = Wire(V201)
    wire.script.replies["BootNotification"] = {"status": "Pending", "currentTime": TIME, "interval": 60}
    wire.connect()

    assert wire.order("RequestStartTransaction", idToken=TOKEN, remoteStartId=1) == REJECTED
    assert wire.order("RequestStopTransaction", transactionId="x") == REJECTED


def test_a_requested_stop_ends_the_transaction_it_names_in_any_case(wire: Wire) -> None:
    transaction_id = _charge(wire)

    wrong = wire.order("RequestStopTransaction", transactionId="another")
    right = wire.order("RequestStopTransaction", transactionId=transaction_id.upper())
    again = wire.order("RequestStopTransaction", transactionId=transaction_id)

    ended = wire.script.payloads("TransactionEvent")[-1]
    assert (wrong, right, again) == (REJECTED, ACCEPTED, REJECTED)
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")


def test_an_immediate_reset_ends_transactions_and_boots_with_its_reason(wire: Wire) -> None:
    _charge(wire)

    answer = wire.order("Reset", type="Immediate")
    wire.run(6)
    wire.connect()

    ended = wire.script.payloads("TransactionEvent")[-1]
    assert answer == ACCEPTED
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("ResetCommand", "ImmediateReset")
    assert wire.script.payloads("BootNotification")[-1]["reason"] == "RemoteReset"


def test_a_reset_on_idle_waits_for_the_car_to_leave(wire: Wire) -> None:
    transaction_id = _charge(wire)

    answer = wire.order("Reset", type="OnIdle")
    refused = wire.order("RequestStartTransaction", idToken=TOKEN, remoteStartId=1, evseId=2)
    wire.run(60)
    patient = not wire.hang_ups
    wire.order("RequestStopTransaction", transactionId=transaction_id)
    wire.run(5)
    wire.connect()

    assert answer == {"status": "Scheduled"}
    assert refused == REJECTED
    assert patient
    assert wire.script.payloads("BootNotification")[-1]["reason"] == "ScheduledReset"


def test_a_reset_on_idle_of_an_idle_station_is_done_at_once(wire: Wire) -> None:
    assert wire.order("Reset", type="OnIdle") == ACCEPTED
    assert wire.hang_ups


def test_a_single_evse_cannot_be_reset(wire: Wire) -> None:
    assert wire.order("Reset", type="Immediate", evseId=1) == REJECTED
    assert not wire.hang_ups


def test_every_variable_is_read_with_a_status_of_its_own(wire: Wire) -> None:
    asked = [
        _item("OCPPCommCtrlr", "HeartbeatInterval"),
        _item("ocppcommctrlr", "messageattempts", "transactionevent", attributeType="Actual"),
        _item("SecurityCtrlr", "BasicAuthPassword"),
        _item("SecurityCtrlr", "Nonsense"),
        _item("Nonsense", "HeartbeatInterval"),
        _item("OCPPCommCtrlr", "HeartbeatInterval", attributeType="Target"),
        _item("OCPPCommCtrlr", "MessageAttempts"),
    ]

    results = wire.order("GetVariables", getVariableData=asked)["getVariableResult"]

    assert [result["attributeStatus"] for result in results] == [
        "Accepted", "Accepted", "Rejected", "UnknownVariable", "UnknownComponent", "NotSupportedAttributeType",
        "UnknownVariable",
    ]  # fmt: skip
    assert [result.get("attributeValue") for result in results] == ["300", "3"] + [None] * 5
    assert [(result["component"], result["variable"]) for result in results] == [
        (item["component"], item["variable"]) for item in asked
    ]


def test_the_availability_of_an_evse_is_read_as_it_is_now(wire: Wire) -> None:
    _charge(wire)
    asked = [
        {"component": {"name": "EVSE", "evse": {"id": number}}, "variable": {"name": "AvailabilityState"}}
        for number in (1, 2)
    ]

    results = wire.order("GetVariables", getVariableData=asked)["getVariableResult"]

    assert [result["attributeValue"] for result in results] == ["Occupied", "Available"]


def test_every_variable_is_set_with_a_status_of_its_own(wire: Wire) -> None:
    asked = [
        _item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="10"),
        _item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="often", attributeType="Actual"),
        _item("OCPPCommCtrlr", "WebSocketPingInterval", attributeValue="60"),
        _item("ChargingStation", "Model", attributeValue="Other"),
        _item("SecurityCtrlr", "BasicAuthPassword", attributeValue="short"),
        _item("Nonsense", "Nonsense", attributeValue=""),
    ]

    results = wire.order("SetVariables", setVariableData=asked)["setVariableResult"]
    wire.run(25)

    assert [result["attributeStatus"] for result in results] == [
        "Accepted", "Rejected", "RebootRequired", "Rejected", "Rejected", "UnknownComponent",
    ]  # fmt: skip
    assert wire.script.said() == ["Heartbeat"] * 2


def test_a_base_report_comes_in_numbered_parts(wire: Wire) -> None:
    answer = wire.order("GetBaseReport", requestId=5, reportBase="FullInventory")

    parts = wire.script.payloads("NotifyReport")
    rows = [row for part in parts for row in part["reportData"]]
    assert answer == ACCEPTED
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part["requestId"] for part in parts} == {5}
    assert len(rows) == len(wire.cp.variables.items())
    secret = next(row for row in rows if row["variable"]["name"] == "BasicAuthPassword")
    assert secret["variableAttribute"][0]["mutability"] == "WriteOnly"
    assert "value" not in secret["variableAttribute"][0]


@pytest.mark.parametrize("base", ["ConfigurationInventory", "SummaryInventory"])
def test_the_smaller_base_reports_hold_less(wire: Wire, base: str) -> None:
    wire.order("GetBaseReport", requestId=5, reportBase=base)

    rows = [row for part in wire.script.payloads("NotifyReport") for row in part["reportData"]]
    assert 0 < len(rows) < len(wire.cp.variables.items())


def test_a_pending_station_reports_what_it_is_asked_for() -> None:
    wire = Wire(V201)
    wire.script.replies["BootNotification"] = {"status": "Pending", "currentTime": TIME, "interval": 60}
    wire.connect()

    wire.order("GetBaseReport", requestId=5, reportBase="SummaryInventory")
    wire.order("TriggerMessage", requestedMessage="BootNotification")

    assert wire.script.said() == ["BootNotification", "NotifyReport", "BootNotification"]
    assert wire.script.calls[-1].payload["reason"] == "Triggered"


def test_availability_is_changed_per_evse_or_for_the_station(wire: Wire) -> None:
    _charge(wire, 2)

    one = wire.order("ChangeAvailability", operationalStatus="Inoperative", evse={"id": 1, "connectorId": 1})
    back = wire.order("ChangeAvailability", operationalStatus="Operative", evse={"id": 1})
    everything = wire.order("ChangeAvailability", operationalStatus="Inoperative")
    unknown = wire.order("ChangeAvailability", operationalStatus="Inoperative", evse={"id": 3})

    assert [one, back, everything, unknown] == [ACCEPTED, ACCEPTED, {"status": "Scheduled"}, REJECTED]
    assert wire.script.said()[-3:] == ["1 Unavailable", "1 Available", "1 Unavailable"]


def test_unlocking_does_not_end_a_transaction(wire: Wire) -> None:
    _charge(wire)

    answers = [
        wire.order("UnlockConnector", evseId=evse_id, connectorId=connector_id)["status"]
        for evse_id, connector_id in ((1, 1), (2, 1), (2, 2), (3, 1))
    ]

    assert answers == ["OngoingAuthorizedTransaction", "Unlocked", "UnknownConnector", "UnknownConnector"]
    assert wire.cp.connectors[0].running


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"requestedMessage": "Heartbeat"}, ["Heartbeat"]),
        ({"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 1}}, ["2 Available"]),
        ({"requestedMessage": "MeterValues"}, ["MeterValues", "MeterValues"]),
        ({"requestedMessage": "MeterValues", "evse": {"id": 1}}, ["MeterValues"]),
        ({"requestedMessage": "TransactionEvent"}, ["Updated Trigger"]),
        ({"requestedMessage": "TransactionEvent", "evse": {"id": 1}}, ["Updated Trigger"]),
        ({"requestedMessage": "FirmwareStatusNotification"}, ["FirmwareStatusNotification"]),
        ({"requestedMessage": "LogStatusNotification"}, ["LogStatusNotification"]),
        ({"requestedMessage": "PublishFirmwareStatusNotification"}, ["PublishFirmwareStatusNotification"]),
    ],
    ids=str,
)
def test_a_triggered_message_follows_the_answer(wire: Wire, payload: dict[str, Any], said: list[str]) -> None:
    _charge(wire)
    wire.script.calls.clear()

    answer = wire.order("TriggerMessage", **payload)

    assert answer == ACCEPTED
    assert wire.script.said() == said


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"requestedMessage": "BootNotification"}, "Rejected"),
        ({"requestedMessage": "StatusNotification"}, "Rejected"),
        ({"requestedMessage": "StatusNotification", "evse": {"id": 1}}, "Rejected"),
        ({"requestedMessage": "MeterValues", "evse": {"id": 9}}, "Rejected"),
        ({"requestedMessage": "TransactionEvent", "evse": {"id": 1}}, "Rejected"),
        ({"requestedMessage": "SignV2GCertificate"}, "NotImplemented"),
        ({"requestedMessage": "SignCombinedCertificate"}, "NotImplemented"),
    ],
    ids=str,
)
def test_a_trigger_that_makes_no_sense_says_so(wire: Wire, payload: dict[str, Any], status: str) -> None:
    assert wire.order("TriggerMessage", **payload) == {"status": status}
    assert not wire.script.calls


def test_the_state_of_a_transaction_can_be_asked(wire: Wire) -> None:
    transaction_id = _charge(wire)

    answers = [
        wire.order("GetTransactionStatus"),
        wire.order("GetTransactionStatus", transactionId=transaction_id),
        wire.order("GetTransactionStatus", transactionId="another"),
    ]

    assert answers == [
        {"messagesInQueue": False},
        {"messagesInQueue": False, "ongoingIndicator": True},
        {"messagesInQueue": False, "ongoingIndicator": False},
    ]


def test_the_local_list_is_replaced_and_cleared(wire: Wire) -> None:
    entries = [{"idToken": {"idToken": "A", "type": "Central"}, "idTokenInfo": {"status": "Accepted"}}]

    taken = wire.order("SendLocalList", versionNumber=3, updateType="Full", localAuthorizationList=entries)
    version = wire.order("GetLocalListVersion")
    cleared = wire.order("SendLocalList", versionNumber=4, updateType="Full")

    assert (taken, version, cleared) == (ACCEPTED, {"versionNumber": 3}, ACCEPTED)
    assert wire.cp.local_list == {}


def test_simple_commands_are_answered(wire: Wire) -> None:
    assert wire.order("ClearCache") == ACCEPTED
    assert wire.order("DataTransfer", vendorId="nobody") == {"status": "UnknownVendorId"}


def test_a_transaction_is_asked_about_its_own_messages(wire: Wire) -> None:
    transaction_id = _charge(wire)
    wire.script.replies["TransactionEvent"] = None
    wire.run(10)

    answers = [wire.order("GetTransactionStatus", transactionId=each) for each in (transaction_id, "another")]

    assert [answer["messagesInQueue"] for answer in answers] == [True, False]


def test_every_status_is_told_after_a_long_time_offline_and_none_after_a_short_one(wire: Wire) -> None:
    def said_after(seconds: float) -> list[str]:
        wire.cut()
        wire.run(seconds)
        wire.script.calls.clear()
        wire.connect()
        return wire.script.said()

    assert (said_after(59), said_after(61)) == ([], ["1 Available", "2 Available"])


def test_the_entries_of_the_local_list_are_counted(wire: Wire) -> None:
    entries = [{"idToken": {"idToken": "A", "type": "Central"}, "idTokenInfo": {"status": "Accepted"}}]
    wire.order("SendLocalList", versionNumber=3, updateType="Full", localAuthorizationList=entries)

    asked = [{"component": {"name": "LocalAuthListCtrlr"}, "variable": {"name": "Entries"}}]
    answer = wire.order("GetVariables", getVariableData=asked)

    assert answer["getVariableResult"][0]["attributeValue"] == "1"


def test_a_local_list_and_a_cache_that_are_switched_off_are_none(wire: Wire) -> None:
    for component in ("LocalAuthListCtrlr", "AuthCacheCtrlr"):
        item = {"component": {"name": component}, "variable": {"name": "Enabled"}, "attributeValue": "false"}
        wire.order("SetVariables", setVariableData=[item])

    assert wire.order("SendLocalList", versionNumber=3, updateType="Full") == {"status": "Failed"}
    assert wire.order("GetLocalListVersion") == {"versionNumber": 0}
    assert wire.order("ClearCache") == REJECTED


def _turn(wire: Wire, component: str, variable: str, value: str) -> None:
    item = {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value}
    wire.order("SetVariables", setVariableData=[item])


def test_meters_are_read_at_the_full_quarter_if_configured(wire: Wire) -> None:
    _turn(wire, "AlignedDataCtrlr", "Interval", "900")
    _charge(wire)
    wire.run(900)
    before = wire.script.said().count("MeterValues")
    _turn(wire, "AlignedDataCtrlr", "Enabled", "true")

    wire.run(900)

    assert (before, wire.script.said().count("MeterValues")) == (0, 1)
    assert wire.script.payloads("MeterValues")[0]["evseId"] == 2
    assert wire.script.said().count("Updated MeterValueClock") == 1


def test_what_is_sampled_at_both_ends_of_a_transaction_can_be_configured(wire: Wire) -> None:
    _turn(wire, "SampledDataCtrlr", "TxStartedMeasurands", "SoC")
    _turn(wire, "SampledDataCtrlr", "TxEndedMeasurands", "Voltage")
    wire.order("RequestStopTransaction", transactionId=_charge(wire))

    events = wire.script.payloads("TransactionEvent")

    ends = [[each["measurand"] for each in event["meterValue"][0]["sampledValue"]] for event in (events[0], events[-1])]
    assert ends == [["Energy.Active.Import.Register", "SoC"], ["Energy.Active.Import.Register", "Voltage"]]


def test_a_station_that_is_out_of_operation_says_so_as_a_whole(wire: Wire) -> None:
    asked = [_item("ChargingStation", "AvailabilityState")]

    before = wire.order("GetVariables", getVariableData=asked)
    wire.order("ChangeAvailability", operationalStatus="Inoperative")
    after = wire.order("GetVariables", getVariableData=asked)

    assert before["getVariableResult"][0]["attributeValue"] == "Available"
    assert after["getVariableResult"][0]["attributeValue"] == "Unavailable"


def test_the_device_model_tells_what_smart_charging_takes(wire: Wire) -> None:
    names = ("PeriodsPerSchedule", "ProfileStackLevel", "RateUnit")
    asked = [_item("SmartChargingCtrlr", name) for name in names]
    asked += [_item("SmartChargingCtrlr", "Entries", "ChargingProfiles"), _item("OCPPCommCtrlr", "QueueAllMessages")]

    answer = wire.order("GetVariables", getVariableData=asked)

    told = [each["attributeValue"] for each in answer["getVariableResult"]]
    assert told == ["100", "9", "A,W", "0", "false"]  # what is no transaction's is not queued


def test_two_firmwares_are_published_beside_each_other(wire: Wire) -> None:
    for number, checksum in enumerate(("a" * 32, "b" * 32), 1):
        wire.order("PublishFirmware", location="https://x", checksum=checksum, requestId=number)
    wire.run(30)

    told = wire.script.payloads("PublishFirmwareStatusNotification")

    assert [each["requestId"] for each in told if each["status"] == "Published"] == [1, 2]
