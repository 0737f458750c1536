import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from ocppj.versions import V16
from tests.charge_point_sim.script import TIME, Wire

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}


@pytest.fixture
def wire() -> Wire:
    return Wire(V16, connectors=2).boot()


def _charge(wire: Wire, number: int = 1) -> None:
    wire.act(lambda: sessions.plug_in(wire.cp, wire.cp.connectors[number - 1], Token("TAG-1")))
    wire.run(3)
    assert wire.cp.connectors[number - 1].running


def test_a_remote_start_charges_with_that_tag(wire: Wire) -> None:
    answer = wire.order("RemoteStartTransaction", idTag="OPERATOR", connectorId=2)
    wire.run(3)

    assert answer == ACCEPTED
    assert wire.script.said() == ["2 Preparing", "StartTransaction", "2 Charging"]
    assert wire.script.payloads("StartTransaction")[0]["idTag"] == "OPERATOR"


def test_a_remote_start_without_connector_takes_a_free_one(wire: Wire) -> None:
    _charge(wire, 1)

    answers = [wire.order("RemoteStartTransaction", idTag="A") for _ in range(2)]
    wire.run(3)

    assert answers == [ACCEPTED, REJECTED]
    assert wire.cp.connectors[1].running


@pytest.mark.parametrize("connector_id", [0, 3, 99])
def test_a_remote_start_on_no_connector_is_rejected(wire: Wire, connector_id: int) -> None:
    assert wire.order("RemoteStartTransaction", idTag="A", connectorId=connector_id) == REJECTED


def test_a_remote_start_authorises_first_if_configured(wire: Wire) -> None:
    wire.order("ChangeConfiguration", key="AuthorizeRemoteTxRequests", value="true")
    wire.script.replies["Authorize"] = wire.script.with_token("Invalid")

    answer = wire.order("RemoteStartTransaction", idTag="A", connectorId=1)
    wire.run(60)

    assert answer == ACCEPTED
    assert wire.script.said() == ["Authorize"]


def test_a_remote_start_takes_only_a_profile_for_its_transaction(wire: Wire) -> None:
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]},
    }

    refused = wire.order("RemoteStartTransaction", idTag="A", connectorId=1, chargingProfile=profile)
    profile["chargingProfilePurpose"] = "TxProfile"
    taken = wire.order("RemoteStartTransaction", idTag="A", connectorId=1, chargingProfile=profile)

    assert (refused, taken) == (REJECTED, ACCEPTED)


def test_a_pending_charge_point_rejects_remote_starts_and_stops() -> None:
    wire = Wire(V16)
    wire.script.replies["BootNotification"] = {"status": "Pending", "currentTime": TIME, "interval": 60}
    wire.connect()

    assert wire.order("RemoteStartTransaction", idTag="A", connectorId=1) == REJECTED
    assert wire.order("RemoteStopTransaction", transactionId=1) == REJECTED


def test_a_remote_stop_ends_the_transaction_it_names(wire: Wire) -> None:
    _charge(wire)

    wrong = wire.order("RemoteStopTransaction", transactionId=99)
    right = wire.order("RemoteStopTransaction", transactionId=1)
    again = wire.order("RemoteStopTransaction", transactionId=1)

    stop = wire.script.payloads("StopTransaction")[0]
    assert (wrong, right, again) == (REJECTED, ACCEPTED, REJECTED)
    assert stop["reason"] == "Remote"
    assert "idTag" not in stop


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
def test_a_reset_ends_transactions_hangs_up_and_boots(wire: Wire, kind: str, reason: str) -> None:
    _charge(wire)

    answer = wire.order("Reset", type=kind)
    wire.run(1)
    was_online = wire.cp.is_online
    wire.run(5)
    wire.connect()

    assert answer == ACCEPTED
    assert not was_online
    assert [stop["reason"] for stop in wire.script.payloads("StopTransaction")] == [reason]
    assert "BootNotification" in wire.script.said()
    assert wire.script.said()[-1] in ("2 Available", "1 Available")


def test_a_stop_that_a_reset_cut_off_is_delivered_after_the_boot(wire: Wire) -> None:
    _charge(wire)
    wire.script.replies["StopTransaction"] = None
    wire.order("Reset", type="Hard")
    wire.run(1)
    wire.script.calls.clear()
    wire.script.replies["StopTransaction"] = {}

    wire.connect()

    assert wire.script.said()[0] == "BootNotification"
    assert wire.script.payloads("StopTransaction")[0]["transactionId"] == 1


def test_a_soft_reset_waits_for_its_stop_but_not_for_ever(wire: Wire) -> None:
    _charge(wire)
    wire.script.replies["StopTransaction"] = None

    wire.order("Reset", type="Soft")
    patient = not wire.hang_ups
    wire.run(15)

    assert patient
    assert wire.hang_ups


def test_configuration_can_be_read_whole_or_by_key(wire: Wire) -> None:
    everything = wire.order("GetConfiguration")
    some = wire.order("GetConfiguration", key=["heartbeatinterval", "NumberOfConnectors", "Nonsense"])

    keys = {entry["key"] for entry in everything["configurationKey"]}
    assert {"HeartbeatInterval", "MeterValueSampleInterval", "AuthorizationKey", "SupportedFeatureProfiles"} <= keys
    assert some == {
        "configurationKey": [
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
        ],
        "unknownKey": ["Nonsense"],
    }


def test_the_authorization_key_can_be_written_and_never_read(wire: Wire) -> None:
    entry = wire.order("GetConfiguration", key=["AuthorizationKey"])["configurationKey"][0]
    statuses = [
        wire.order("ChangeConfiguration", key="AuthorizationKey", value=value)["status"]
        for value in ("no hex", "00" * 15, "00" * 21, "AB" * 20)
    ]
    wire.run(1)

    assert entry == {"key": "AuthorizationKey", "readonly": False}
    assert statuses == ["Rejected", "Rejected", "Rejected", "Accepted"]
    assert wire.cp.password == b"\xab" * 20
    assert [hang_up.offline_s for hang_up in wire.hang_ups] == [0]


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "10", "Accepted"),
        ("MeterValueSampleInterval", "-1", "Rejected"),
        ("MeterValueSampleInterval", "soon", "Rejected"),
        ("MeterValuesSampledData", "SoC", "Accepted"),
        ("MeterValuesSampledData", "Happiness", "Rejected"),
        ("StopTransactionOnInvalidId", "FALSE", "Accepted"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("WebSocketPingInterval", "60", "RebootRequired"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
def test_a_configuration_key_is_changed_or_the_reason_told(wire: Wire, key: str, value: str, status: str) -> None:
    assert wire.order("ChangeConfiguration", key=key, value=value) == {"status": status}


def test_a_value_that_needs_a_reboot_is_read_after_it(wire: Wire) -> None:
    wire.order("ChangeConfiguration", key="WebSocketPingInterval", value="60")
    before = wire.order("GetConfiguration", key=["WebSocketPingInterval"])["configurationKey"][0]["value"]
    wire.order("Reset", type="Soft")
    wire.run(6)
    wire.connect()

    after = wire.order("GetConfiguration", key=["WebSocketPingInterval"])["configurationKey"][0]["value"]

    assert (before, after) == ("20", "60")


def test_a_changed_heartbeat_interval_takes_effect_at_once(wire: Wire) -> None:
    wire.order("ChangeConfiguration", key="HeartbeatInterval", value="10")

    wire.run(25)

    assert wire.script.said() == ["Heartbeat"] * 2


def test_a_changed_sample_interval_takes_effect_at_once(wire: Wire) -> None:
    _charge(wire)
    wire.order("ChangeConfiguration", key="MeterValueSampleInterval", value="1")

    wire.run(3)
    wire.order("ChangeConfiguration", key="MeterValueSampleInterval", value="0")
    wire.run(60)

    assert len(wire.script.payloads("MeterValues")) == 3


def test_only_the_configured_measurands_are_sampled(wire: Wire) -> None:
    wire.order("ChangeConfiguration", key="MeterValuesSampledData", value="SoC")
    _charge(wire)

    wire.run(5)

    values = wire.script.payloads("MeterValues")[0]["meterValue"][0]["sampledValue"]
    assert [value["measurand"] for value in values] == ["Energy.Active.Import.Register", "SoC"]


def test_an_idle_connector_is_put_out_of_operation_and_back(wire: Wire) -> None:
    out = wire.order("ChangeAvailability", connectorId=1, type="Inoperative")
    refused = wire.order("RemoteStartTransaction", idTag="A", connectorId=1)
    back = wire.order("ChangeAvailability", connectorId=1, type="Operative")

    assert (out, refused, back) == (ACCEPTED, REJECTED, ACCEPTED)
    assert wire.script.said() == ["1 Unavailable", "1 Available"]


def test_a_busy_connector_goes_out_of_operation_when_the_car_has_left(wire: Wire) -> None:
    _charge(wire)

    answer = wire.order("ChangeAvailability", connectorId=0, type="Inoperative")
    wire.order("RemoteStopTransaction", transactionId=1)
    wire.run(5)

    assert answer == {"status": "Scheduled"}
    assert wire.script.said()[-1] == "1 Unavailable"
    assert {"0 Unavailable", "2 Unavailable"} <= set(wire.script.said())


def test_an_unknown_connector_has_no_availability(wire: Wire) -> None:
    assert wire.order("ChangeAvailability", connectorId=7, type="Inoperative") == REJECTED


def test_unlocking_ends_the_transaction(wire: Wire) -> None:
    _charge(wire)

    answers = [wire.order("UnlockConnector", connectorId=number) for number in (1, 2, 3)]

    assert [answer["status"] for answer in answers] == ["Unlocked", "Unlocked", "NotSupported"]
    assert wire.script.payloads("StopTransaction")[0]["reason"] == "UnlockCommand"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"requestedMessage": "Heartbeat"}, ["Heartbeat"]),
        ({"requestedMessage": "StatusNotification"}, ["0 Available", "1 Available", "2 Available"]),
        ({"requestedMessage": "StatusNotification", "connectorId": 2}, ["2 Available"]),
        ({"requestedMessage": "MeterValues"}, ["MeterValues", "MeterValues"]),
        ({"requestedMessage": "MeterValues", "connectorId": 1}, ["MeterValues"]),
        ({"requestedMessage": "FirmwareStatusNotification"}, ["FirmwareStatusNotification"]),
        ({"requestedMessage": "DiagnosticsStatusNotification"}, ["DiagnosticsStatusNotification"]),
    ],
    ids=str,
)
def test_a_triggered_message_follows_the_answer(wire: Wire, payload: dict[str, object], said: list[str]) -> None:
    answer = wire.order("TriggerMessage", **payload)

    assert answer == ACCEPTED
    assert wire.script.said() == said


def test_triggers_that_make_no_sense_are_rejected(wire: Wire) -> None:
    boot = wire.order("TriggerMessage", requestedMessage="BootNotification")
    nowhere = wire.order("TriggerMessage", requestedMessage="StatusNotification", connectorId=3)

    assert [boot, nowhere] == [REJECTED, REJECTED]
    assert not wire.script.calls


def test_the_extended_trigger_means_the_signed_firmware_status(wire: Wire) -> None:
    wire.order("ExtendedTriggerMessage", requestedMessage="FirmwareStatusNotification")
    wire.order("ExtendedTriggerMessage", requestedMessage="LogStatusNotification")

    assert wire.script.said() == ["SignedFirmwareStatusNotification", "LogStatusNotification"]


def test_a_pending_charge_point_boots_when_triggered() -> None:
    wire = Wire(V16)
    wire.script.replies["BootNotification"] = {"status": "Pending", "currentTime": TIME, "interval": 600}
    wire.connect()

    answer = wire.order("TriggerMessage", requestedMessage="BootNotification")

    assert answer == ACCEPTED
    assert wire.script.said() == ["BootNotification"] * 2


def test_the_local_list_is_replaced_and_changed(wire: Wire) -> None:
    def send(version: int, kind: str, **tags: str | None) -> str:
        entries = [
            {"idTag": tag, **({"idTagInfo": {"status": status}} if status else {})} for tag, status in tags.items()
        ]
        answer = wire.order("SendLocalList", listVersion=version, updateType=kind, localAuthorizationList=entries)
        return str(answer["status"])

    statuses = [
        send(5, "Full", A="Accepted", B="Blocked"),
        send(6, "Differential", B=None, C="Accepted"),
        send(6, "Differential", D="Accepted"),
        send(7, "Full", E=None),
    ]

    assert statuses == ["Accepted", "Accepted", "VersionMismatch", "Failed"]
    assert wire.cp.local_list == {"A": "Accepted", "C": "Accepted"}
    assert wire.order("GetLocalListVersion") == {"listVersion": 6}


def test_a_token_of_the_local_list_charges_offline(wire: Wire) -> None:
    entries = [{"idTag": "A", "idTagInfo": {"status": "Accepted"}}]
    wire.order("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=entries)
    wire.cut()

    wire.act(lambda: sessions.arrive(wire.cp, wire.cp.connectors[0], Token("A")))

    assert wire.cp.connectors[0].session


def test_simple_commands_are_answered(wire: Wire) -> None:
    assert wire.order("ClearCache") == ACCEPTED
    assert wire.order("DataTransfer", vendorId="nobody") == {"status": "UnknownVendorId"}


def test_what_is_in_operation_already_is_accepted_whoever_charges(wire: Wire) -> None:
    _charge(wire)

    already = wire.order("ChangeAvailability", connectorId=1, type="Operative")
    out = wire.order("ChangeAvailability", connectorId=1, type="Inoperative")
    after_all = wire.order("ChangeAvailability", connectorId=1, type="Operative")

    assert (already, out, after_all) == (ACCEPTED, {"status": "Scheduled"}, ACCEPTED)


def test_a_local_list_and_a_cache_that_are_switched_off_are_none(wire: Wire) -> None:
    for key in ("LocalAuthListEnabled", "AuthorizationCacheEnabled"):
        wire.order("ChangeConfiguration", key=key, value="false")

    assert wire.order("SendLocalList", listVersion=3, updateType="Full") == {"status": "NotSupported"}
    assert wire.order("GetLocalListVersion") == {"listVersion": -1}
    assert wire.order("ClearCache") == REJECTED


@pytest.mark.parametrize("authorize", ["true", "false"])
def test_the_profile_of_a_remote_start_that_came_to_nothing_is_forgotten(wire: Wire, authorize: str) -> None:
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 2000}]}
    profile = {
        "chargingProfileId": 3, "stackLevel": 0, "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative", "chargingSchedule": schedule,
    }  # fmt: skip
    wire.order("ChangeConfiguration", key="AuthorizeRemoteTxRequests", value=authorize)
    wire.script.replies["Authorize"] = wire.script.with_token("Invalid")

    wire.order("RemoteStartTransaction", idTag="A", connectorId=1, chargingProfile=profile)
    wire.act(lambda: sessions.stop(wire.cp, wire.cp.connectors[0], "unplugged"))

    assert wire.cp.profiles == []


def test_meters_are_read_at_the_full_quarter_if_configured(wire: Wire) -> None:
    wire.order("ChangeConfiguration", key="MeterValueSampleInterval", value="0")
    wire.order("ChangeConfiguration", key="MeterValuesAlignedData", value="Voltage")
    wire.order("ChangeConfiguration", key="HeartbeatInterval", value="0")  # the time they tell here never changes
    wire.run(60)
    wire.order("ChangeConfiguration", key="ClockAlignedDataInterval", value="900")
    _charge(wire)

    wire.run(1800)
    told = wire.script.payloads("MeterValues")
    wire.order("ChangeConfiguration", key="ClockAlignedDataInterval", value="0")
    wire.run(1800)

    times = [value["meterValue"][0]["timestamp"][11:19] for value in told]
    assert times == ["12:15:00", "12:15:00", "12:30:00", "12:30:00"]
    assert [value.get("transactionId") for value in told] == [1, None, 1, None]
    values = told[0]["meterValue"][0]["sampledValue"]
    assert [value["measurand"] for value in values] == ["Energy.Active.Import.Register", "Voltage"]
    assert {value["context"] for value in values} == {"Sample.Clock"}
    assert len(wire.script.payloads("MeterValues")) == len(told)


def test_what_is_sampled_at_the_end_is_told_with_the_stop_if_configured(wire: Wire) -> None:
    wire.order("ChangeConfiguration", key="StopTxnSampledData", value="Energy.Active.Import.Register,SoC")
    _charge(wire)

    wire.order("RemoteStopTransaction", transactionId=1)

    (data,) = wire.script.payloads("StopTransaction")[0]["transactionData"]
    assert [(each["measurand"], each["context"]) for each in data["sampledValue"]] == [
        ("Energy.Active.Import.Register", "Transaction.End"),
        ("SoC", "Transaction.End"),
    ]


def test_a_local_list_beyond_what_it_takes_fails(wire: Wire) -> None:
    def send(version: int, kind: str, tags: range) -> str:
        entries = [{"idTag": f"{tag}", "idTagInfo": {"status": "Accepted"}} for tag in tags]
        answer = wire.order("SendLocalList", listVersion=version, updateType=kind, localAuthorizationList=entries)
        return str(answer["status"])

    too_many_at_once = send(1, "Full", range(101))
    enough = [send(number + 1, "Differential", range(number * 100, number * 100 + 100)) for number in range(10)]
    too_many = send(99, "Differential", range(5000, 5001))

    assert (too_many_at_once, set(enough), too_many) == ("Failed", {"Accepted"}, "Failed")
    assert wire.order("GetLocalListVersion") == {"listVersion": 10}
