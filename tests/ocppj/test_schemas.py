"""Payloads against the schemas, and the defect each mistake is (conformance B.3, E9-E17)."""

from typing import Any

import pytest

from ocppj import actions, schemas
from ocppj.errors import Defect, OcppError, PayloadError
from ocppj.versions import V16, V21, V201, VERSIONS, Version

BOOT_16 = {"chargePointVendor": "Acme", "chargePointModel": "One"}
STATUS_16 = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
STATUS_201 = {"timestamp": "2026-11-21T10:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}

MISTAKES = [
    # row, version, action, payload, pointer, code
    ("e11_16", V16, "BootNotification", {"chargePointVendor": "A"}, "/chargePointModel", "ProtocolError"),
    ("e11_201", V201, "BootNotification", {"reason": "PowerUp"}, "/chargingStation", "OccurrenceConstraintViolation"),
    ("e12_16", V16, "BootNotification", {**BOOT_16, "colour": "red"}, "/colour", "FormationViolation"),
    ("e12_201", V201, "Heartbeat", {"colour": "red"}, "/colour", "FormatViolation"),
    ("e13_16", V16, "StatusNotification", {**STATUS_16, "connectorId": "1"}, "/connectorId", "TypeConstraintViolation"),
    ("e13_201", V201, "StatusNotification", {**STATUS_201, "evseId": "1"}, "/evseId", "TypeConstraintViolation"),
    ("e14_16", V16, "StatusNotification", {**STATUS_16, "status": "Broken"}, "/status", "PropertyConstraintViolation"),
    ("e15_16", V16, "Authorize", {"idTag": "x" * 21}, "/idTag", "TypeConstraintViolation"),
    ("e15_201", V201, "Authorize", {"idToken": {"idToken": "x" * 37, "type": "Central"}}, "/idToken/idToken",
     "PropertyConstraintViolation"),
    ("e16_16", V16, "StatusNotification", {**STATUS_16, "timestamp": "222222017-10-27T19:10:11Z"}, "/timestamp",
     "TypeConstraintViolation"),
    ("e17_201", V201, "MeterValues", {"evseId": 1, "meterValue": []}, "/meterValue", "OccurrenceConstraintViolation"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "version", "action", "payload", "pointer", "code"), MISTAKES, ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_in_a_payload_is_named_with_its_place_and_code(
    row: str, version: Version, action: str, payload: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(PayloadError) as raised:
        schemas.check(version, action, "request", payload)

    assert raised.value.pointer == pointer
    assert pointer in raised.value.description
    assert raised.value.defect.code(version) == code


@pytest.mark.parametrize("action", ["heartbeat", "HeartbeatRequest", "Foo", ""])
def test_b18_an_action_is_spelled_exactly(action: str) -> None:
    with pytest.raises(OcppError) as raised:
        schemas.check(V201, action, "request", {})

    assert raised.value.defect is Defect.UNKNOWN_ACTION


def test_b19_custom_data_of_a_vendor_is_let_through_in_2_x() -> None:
    schemas.check(V201, "Heartbeat", "request", {"customData": {"vendorId": "x", "foo": 1}})


@pytest.mark.parametrize("unit", ["Celsius", "Celcius"])
def test_b20_both_spellings_of_celsius_are_a_unit(unit: str) -> None:
    sampled = [{"value": "21", "unit": unit, "measurand": "Temperature"}]
    payload = {"connectorId": 1, "meterValue": [{"timestamp": "2026-11-21T10:00:00Z", "sampledValue": sampled}]}

    schemas.check(V16, "MeterValues", "request", payload)


def test_b20_a_stop_needs_no_reason() -> None:
    schemas.check(
        V16, "StopTransaction", "request", {"transactionId": 1, "timestamp": "2026-11-21T10:00:00Z", "meterStop": 5}
    )


@pytest.mark.parametrize("limit", [21.4, 7.1, 0.3, 32.0, 16])
def test_b22_a_limit_in_tenths_is_a_multiple_of_a_tenth(limit: float) -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    profile = {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute", "chargingSchedule": schedule,
    }  # fmt: skip

    schemas.check(V16, "SetChargingProfile", "request", {"connectorId": 1, "csChargingProfiles": profile})


@pytest.mark.parametrize("text", ["2026-11-21T10:00:00.1234567+02:00", "2026-11-21T10:00:00+02", "2026-11-21T10:00:00"])
def test_b21_timestamps_of_the_field_are_let_through(text: str) -> None:
    schemas.check(V16, "StatusNotification", "request", {**STATUS_16, "timestamp": text})


def test_b25_string_lengths_are_maxima() -> None:
    schemas.check(V16, "Authorize", "request", {"idTag": "x"})
    schemas.check(V16, "Authorize", "request", {"idTag": "x" * 20})


def test_the_numbers_of_actions_are_those_of_the_specifications() -> None:
    assert [len(actions.sent_by_charge_point(version)) for version in VERSIONS] == [14, 25, 37]
    assert [len(actions.commands(version)) for version in VERSIONS] == [26, 40, 55]


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_every_action_has_a_schema_for_what_is_asked_and_answered(version: Version) -> None:
    for action in schemas.actions(version):
        assert schemas.schema(version, action, "request")
        if action != "NotifyPeriodicEventStream":  # 2.1 SEND: never answered
            assert schemas.schema(version, action, "response")


def test_only_data_transfer_goes_both_ways() -> None:
    for version in VERSIONS:
        both = actions.sent_by_charge_point(version) & actions.commands(version)
        assert both == {"DataTransfer"}


def test_2_1_has_its_own_schemas() -> None:
    schemas.check(V21, "VatNumberValidation", "request", {"vatNumber": "DE123456789"})
