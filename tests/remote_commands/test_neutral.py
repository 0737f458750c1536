from typing import Any

import pytest

from ocppj import schemas
from ocppj.versions import V16, V21, V201, VERSIONS, Version
from remote_commands import neutral
from remote_commands.errors import ProblemError
from remote_commands.rendering import Making, Wanted
from web.problems import InvalidRequestError

NOW = "2026-11-21T12:00:00.000Z"
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "01"}
PROFILE = {"id": 1, "purpose": "tx_default", "periods": [{"startSeconds": 0, "limit": 16.1, "phases": 3}]}
LOG = {"location": "https://logs.example/up", "oldest": "2026-11-20T00:00:00Z", "retries": 2}

# command, body, what it is in 1.6, what it is in 2.x; None where the version has no words for it
TABLE: list[tuple[str, dict[str, Any], tuple[str, dict[str, Any]] | None, tuple[str, dict[str, Any]] | None]] = [
    (
        "remote-start",
        {"idToken": "ABC", "connectorId": 1},
        ("RemoteStartTransaction", {"idTag": "ABC", "connectorId": 1}),
        (
            "RequestStartTransaction",
            {"idToken": {"idToken": "ABC", "type": "Central"}, "remoteStartId": 7, "evseId": 1},
        ),
    ),
    (
        "remote-stop",
        {"transactionId": 42},
        ("RemoteStopTransaction", {"transactionId": 42}),
        ("RequestStopTransaction", {"transactionId": "42"}),
    ),
    ("reset", {}, ("Reset", {"type": "Soft"}), ("Reset", {"type": "OnIdle"})),
    ("reset", {"type": "force"}, ("Reset", {"type": "Hard"}), ("Reset", {"type": "Immediate"})),
    ("reset", {"evseId": 2}, None, ("Reset", {"type": "OnIdle", "evseId": 2})),
    (
        "unlock",
        {"connectorId": 2},
        ("UnlockConnector", {"connectorId": 2}),
        ("UnlockConnector", {"evseId": 2, "connectorId": 1}),
    ),
    (
        "unlock",
        {"connectorId": 2, "evseId": 3},
        ("UnlockConnector", {"connectorId": 2}),
        ("UnlockConnector", {"evseId": 3, "connectorId": 2}),
    ),
    (
        "change-availability",
        {"status": "inoperative"},
        ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
        ("ChangeAvailability", {"operationalStatus": "Inoperative"}),
    ),
    (
        "change-availability",
        {"status": "operative", "evseId": 2, "connectorId": 1},
        ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
        ("ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": 2, "connectorId": 1}}),
    ),
    (
        "get-configuration",
        {"keys": ["HeartbeatInterval", "TxCtrlr.EVConnectionTimeOut"]},
        ("GetConfiguration", {"key": ["HeartbeatInterval", "ConnectionTimeOut"]}),
        (
            "GetVariables",
            {
                "getVariableData": [
                    {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}},
                    {"component": {"name": "TxCtrlr"}, "variable": {"name": "EVConnectionTimeOut"}},
                ]
            },
        ),
    ),
    (
        "get-configuration",
        {},
        ("GetConfiguration", {}),
        ("GetBaseReport", {"requestId": 7, "reportBase": "ConfigurationInventory"}),
    ),
    ("get-configuration", {"keys": ["VendorKey"]}, ("GetConfiguration", {"key": ["VendorKey"]}), None),
    (
        "get-configuration",
        {"keys": [{"component": {"name": "Tariff"}, "variable": {"name": "Enabled"}}]},
        None,
        (
            "GetVariables",
            {"getVariableData": [{"component": {"name": "Tariff"}, "variable": {"name": "Enabled"}}]},
        ),
    ),
    (
        "set-configuration",
        {"values": {"TransactionMessageAttempts": 5}},
        ("ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": "5"}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "5",
                        "component": {"name": "OCPPCommCtrlr"},
                        "variable": {"name": "MessageAttempts", "instance": "TransactionEvent"},
                    }
                ]
            },
        ),
    ),
    (
        "set-configuration",
        {"values": {"AuthorizationKey": "736563726574"}},
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "736563726574"}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeValue": "secret",
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                    }
                ]
            },
        ),
    ),
    (
        "trigger-message",
        {"message": "StatusNotification", "connectorId": 2},
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 2}),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 1}}),
    ),
    (
        "trigger-message",
        {"message": "LogStatusNotification"},
        ("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"}),
        ("TriggerMessage", {"requestedMessage": "LogStatusNotification"}),
    ),
    (
        "trigger-message",
        {"message": "SignChargePointCertificate"},
        ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
        ("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}),
    ),
    (
        "trigger-message",
        {"message": "TransactionEvent", "evseId": 1},
        None,
        ("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}),
    ),
    ("clear-cache", {}, ("ClearCache", {}), ("ClearCache", {})),
    (
        "update-firmware",
        {"location": "https://fw.example/1", "retries": 3},
        ("UpdateFirmware", {"location": "https://fw.example/1", "retrieveDate": NOW, "retries": 3}),
        (
            "UpdateFirmware",
            {"requestId": 7, "firmware": {"location": "https://fw.example/1", "retrieveDateTime": NOW}, "retries": 3},
        ),
    ),
    (
        "update-firmware",
        {"location": "https://fw.example/1", "signingCertificate": "PEM", "signature": "sig"},
        (
            "SignedUpdateFirmware",
            {
                "requestId": 7,
                "firmware": {
                    "location": "https://fw.example/1",
                    "retrieveDateTime": NOW,
                    "signingCertificate": "PEM",
                    "signature": "sig",
                },
            },
        ),
        (
            "UpdateFirmware",
            {
                "requestId": 7,
                "firmware": {
                    "location": "https://fw.example/1",
                    "retrieveDateTime": NOW,
                    "signingCertificate": "PEM",
                    "signature": "sig",
                },
            },
        ),
    ),
    (
        "get-log",
        LOG,
        (
            "GetDiagnostics",
            {"location": LOG["location"], "startTime": "2026-11-20T00:00:00.000Z", "retries": 2},
        ),
        (
            "GetLog",
            {
                "logType": "DiagnosticsLog",
                "requestId": 7,
                "log": {"remoteLocation": LOG["location"], "oldestTimestamp": "2026-11-20T00:00:00.000Z"},
                "retries": 2,
            },
        ),
    ),
    (
        "get-log",
        {"location": "https://x", "type": "security"},
        ("GetLog", {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": "https://x"}}),
        ("GetLog", {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": "https://x"}}),
    ),
    ("get-local-list-version", {}, ("GetLocalListVersion", {}), ("GetLocalListVersion", {})),
    (
        "send-local-list",
        {"version": 3, "update": "full"},
        ("SendLocalList", {"listVersion": 3, "updateType": "Full"}),
        ("SendLocalList", {"versionNumber": 3, "updateType": "Full"}),
    ),
    (
        "send-local-list",
        {
            "version": 4,
            "update": "differential",
            "entries": [
                {"idToken": "A", "groupId": "G"},
                {"idToken": {"value": "B", "type": "ISO14443"}, "remove": True},
            ],
        },
        (
            "SendLocalList",
            {
                "listVersion": 4,
                "updateType": "Differential",
                "localAuthorizationList": [
                    {"idTag": "A", "idTagInfo": {"status": "Accepted", "parentIdTag": "G"}},
                    {"idTag": "B"},
                ],
            },
        ),
        (
            "SendLocalList",
            {
                "versionNumber": 4,
                "updateType": "Differential",
                "localAuthorizationList": [
                    {
                        "idToken": {"idToken": "A", "type": "Central"},
                        "idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "G", "type": "Central"}},
                    },
                    {"idToken": {"idToken": "B", "type": "ISO14443"}},
                ],
            },
        ),
    ),
    (
        "set-charging-profile",
        PROFILE | {"evseId": 1},
        (
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": {
                    "chargingProfileId": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Absolute",
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1, "numberPhases": 3}],
                    },
                },
            },
        ),
        (
            "SetChargingProfile",
            {
                "evseId": 1,
                "chargingProfile": {
                    "id": 1,
                    "stackLevel": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "chargingProfileKind": "Absolute",
                    "chargingSchedule": [
                        {
                            "id": 7,
                            "chargingRateUnit": "A",
                            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1, "numberPhases": 3}],
                        }
                    ],
                },
            },
        ),
    ),
    (
        "clear-charging-profile",
        {"purpose": "station_max"},
        ("ClearChargingProfile", {"chargingProfilePurpose": "ChargePointMaxProfile"}),
        (
            "ClearChargingProfile",
            {"chargingProfileCriteria": {"chargingProfilePurpose": "ChargingStationMaxProfile"}},
        ),
    ),
    (
        "clear-charging-profile",
        {"id": 5},
        ("ClearChargingProfile", {"id": 5}),
        ("ClearChargingProfile", {"chargingProfileId": 5}),
    ),
    ("clear-charging-profile", {}, ("ClearChargingProfile", {}), None),
    (
        "get-composite-schedule",
        {"durationSeconds": 60, "rateUnit": "W"},
        ("GetCompositeSchedule", {"connectorId": 0, "duration": 60, "chargingRateUnit": "W"}),
        ("GetCompositeSchedule", {"duration": 60, "chargingRateUnit": "W", "evseId": 0}),
    ),
    (
        "reserve",
        {"idToken": "A", "expiresAt": "2026-11-21T13:00:00+01:00"},
        ("ReserveNow", {"connectorId": 0, "expiryDate": NOW, "idTag": "A", "reservationId": 7}),
        ("ReserveNow", {"id": 7, "expiryDateTime": NOW, "idToken": {"idToken": "A", "type": "Central"}}),
    ),
    (
        "cancel-reservation",
        {"reservationId": 9},
        ("CancelReservation", {"reservationId": 9}),
        ("CancelReservation", {"reservationId": 9}),
    ),
    (
        "data-transfer",
        {"vendorId": "v", "data": {"b": 1, "a": 2}},
        ("DataTransfer", {"vendorId": "v", "data": '{"b": 1, "a": 2}'}),
        ("DataTransfer", {"vendorId": "v", "data": {"b": 1, "a": 2}}),
    ),
    (
        "install-certificate",
        {"type": "csms_root", "certificate": "PEM"},
        ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"}),
        ("InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": "PEM"}),
    ),
    (
        "install-certificate",
        {"type": "mo_root", "certificate": "PEM"},
        None,
        ("InstallCertificate", {"certificateType": "MORootCertificate", "certificate": "PEM"}),
    ),
    (
        "list-certificates",
        {},
        ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
        ("GetInstalledCertificateIds", {}),
    ),
    (
        "delete-certificate",
        HASHES,
        ("DeleteCertificate", {"certificateHashData": HASHES}),
        ("DeleteCertificate", {"certificateHashData": HASHES}),
    ),
]


def rendered(name: str, version: Version, body: object, limit: int | None = None) -> list[Wanted]:
    making = Making(version, number=lambda: 7, limit=lambda name: None if name.startswith("Bytes") else limit, now=NOW)
    return neutral.render(name, neutral.read(name, body), making)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "body", "in_16", "in_2x"), TABLE)
def test_e01_a_neutral_command_is_said_in_the_words_of_each_version(
    name: str, body: Any, in_16: Any, in_2x: Any, version: Version
) -> None:
    expected = in_16 if version is V16 else in_2x

    if expected is None:
        with pytest.raises(ProblemError) as caught:
            rendered(name, version, body)
        assert (caught.value.code, caught.value.status) == ("unsupported-by-version", 409)
        return
    (wanted,) = rendered(name, version, body)

    assert (wanted.version, wanted.action, wanted.payload) == (version, *expected)
    schemas.check(version, wanted.action, "request", wanted.payload)


def test_every_neutral_command_is_in_the_table_above() -> None:
    assert {name for name, *_ in TABLE} == set(neutral.COMMANDS)


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("reset", {"type": "Soft"}, "/type"),
        ("reset", {"colour": "red"}, "/colour"),
        ("unlock", {}, ""),
        ("unlock", {"connectorId": 0}, "/connectorId"),
        ("change-availability", {}, "/status"),
        ("set-configuration", {"values": {}}, "/values"),
        ("trigger-message", {"message": "Nonsense"}, "/message"),
        ("update-firmware", {"location": "https://x", "signature": "s"}, ""),
        ("get-log", {"location": "https://x", "oldest": "yesterday"}, "/oldest"),
        ("send-local-list", {"version": 1, "update": "full", "entries": [{"idToken": "A", "remove": True}]}, ""),
        ("send-local-list", {"version": 0, "update": "full"}, "/version"),
        ("set-charging-profile", PROFILE | {"periods": []}, "/periods"),
        ("set-charging-profile", PROFILE | {"purpose": "tx", "connectorId": 1}, "/transactionId"),
        ("set-charging-profile", PROFILE | {"purpose": "tx", "transactionId": 7, "connectorId": 0}, "/connectorId"),
        ("set-charging-profile", PROFILE | {"purpose": "station_max", "evseId": 1}, "/purpose"),
        ("set-charging-profile", PROFILE | {"kind": "Recurring"}, "/recurrency"),
        ("set-charging-profile", PROFILE | {"periods": [{"startSeconds": 1, "limit": 6}]}, "/periods/0/startSeconds"),
        ("reserve", {"idToken": "", "expiresAt": NOW}, "/idToken"),
        ("clear-cache", {"ttlSeconds": -1}, "/ttlSeconds"),
    ],
)
def test_what_is_wrong_with_a_body_is_named(name: str, body: Any, pointer: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        neutral.read(name, body)

    assert [each["pointer"] for each in caught.value.members["errors"]] == [pointer]


def test_in_1_6_every_key_is_a_message_of_its_own() -> None:
    wanted = rendered("set-configuration", V16, {"values": {"A": 1, "B": True, "OCPPCommCtrlr.HeartbeatInterval": "9"}})

    assert [each.payload for each in wanted] == [
        {"key": "A", "value": "1"},
        {"key": "B", "value": "true"},
        {"key": "HeartbeatInterval", "value": "9"},
    ]


@pytest.mark.parametrize("version", [V201, V21])
def test_d06_what_exceeds_the_charge_points_limit_is_cut(version: Version) -> None:
    keys = [f"C.V{number}" for number in range(5)]

    got = rendered("get-configuration", version, {"keys": keys}, limit=4)
    put = rendered("set-configuration", version, {"values": dict.fromkeys(keys, "1")}, limit=4)

    assert [len(each.payload["getVariableData"]) for each in got] == [4, 1]
    assert [len(each.payload["setVariableData"]) for each in put] == [4, 1]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_long_local_list_is_one_full_and_then_differentials(version: Version) -> None:
    body = {"version": 10, "update": "full", "entries": [{"idToken": f"T{number}"} for number in range(5)]}

    wanted = rendered("send-local-list", version, body, limit=2)

    number = "listVersion" if version is V16 else "versionNumber"
    told = [(each.payload[number], each.payload["updateType"]) for each in wanted]
    assert told == [(10, "Full"), (11, "Differential"), (12, "Differential")]
    assert [len(each.payload["localAuthorizationList"]) for each in wanted] == [2, 2, 1]
    for each in wanted:
        schemas.check(version, each.action, "request", each.payload)


def test_d07_a_variable_under_two_names_is_refused() -> None:
    values = {"HeartbeatInterval": 1, "OCPPCommCtrlr.HeartbeatInterval": 2}

    with pytest.raises(InvalidRequestError, match="the same variable"):
        rendered("set-configuration", V201, {"values": values})


@pytest.mark.parametrize("name", ["SecurityProfile", "SecurityCtrlr.SecurityProfile"])
def test_the_security_profile_is_a_setting_in_1_6_and_a_network_profile_in_2x(name: str) -> None:
    (wanted,) = rendered("set-configuration", V16, {"values": {name: 2}})
    (read,) = rendered("get-configuration", V201, {"keys": [name]})

    with pytest.raises(ProblemError, match="SetNetworkProfile"):
        rendered("set-configuration", V201, {"values": {name: 2}})
    assert wanted.payload == {"key": "SecurityProfile", "value": "2"}
    assert read.payload["getVariableData"][0]["variable"] == {"name": "SecurityProfile"}


def test_a_plain_password_is_hexadecimal_in_1_6() -> None:
    (wanted,) = rendered("set-configuration", V16, {"values": {"SecurityCtrlr.BasicAuthPassword": "secret"}})

    assert wanted.payload == {"key": "AuthorizationKey", "value": "736563726574"}


def test_2_x_wants_to_know_whose_status_is_triggered() -> None:
    with pytest.raises(InvalidRequestError, match="/evseId"):
        rendered("trigger-message", V201, {"message": "StatusNotification"})
