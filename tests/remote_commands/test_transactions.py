from typing import Any

import pytest

from ocppj import schemas
from ocppj.versions import V16, V21, V201, Version
from remote_commands import neutral, transactions
from remote_commands.rendering import Making, Wanted
from remote_commands.transactions import RemoteStart, RemoteStop
from web import fields
from web.problems import InvalidRequestError

PROFILE_16 = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}]},
}


def start(version: Version, **body: object) -> Wanted:
    return rendered("remote-start", version, body)


def stop(version: Version, transaction_id: object) -> Wanted:
    return rendered("remote-stop", version, {"transactionId": transaction_id})


def rendered(name: str, version: Version, body: dict[str, object]) -> Wanted:
    making = Making(version, number=lambda: 7, limit=lambda _: None, now="2026-11-21T12:00:00.000Z")
    (wanted,) = neutral.render(name, neutral.read(name, body), making)
    return wanted


def pointers(kind: Any, given: object) -> list[str]:
    with pytest.raises(InvalidRequestError) as caught:
        fields.read(kind, given, transactions.wrong_together if kind is RemoteStart else None)
    return sorted(each["pointer"] for each in caught.value.members["errors"])


def test_a_start_in_1_6_names_tag_connector_and_profile() -> None:
    wanted = start(V16, idTag="ABC", connectorId=2, chargingProfile=PROFILE_16)

    schemas.check(V16, wanted.action, "request", wanted.payload)
    assert wanted.action == "RemoteStartTransaction"
    assert wanted.payload == {"idTag": "ABC", "connectorId": 2, "chargingProfile": PROFILE_16}


@pytest.mark.parametrize("version", [V201, V21])
def test_a_start_in_2_x_has_a_typed_token_and_a_number_of_ours(version: Version) -> None:
    wanted = start(version, idToken="ABC", evseId=2)

    schemas.check(version, wanted.action, "request", wanted.payload)
    assert wanted.action == "RequestStartTransaction"
    assert wanted.payload == {"idToken": {"idToken": "ABC", "type": "Central"}, "remoteStartId": 7, "evseId": 2}


@pytest.mark.parametrize(
    ("token", "rendered"),
    [
        ({"idTag": "A"}, {"idToken": "A", "type": "Central"}),
        ({"idToken": "A"}, {"idToken": "A", "type": "Central"}),
        ({"idToken": {"idToken": "A", "type": "ISO14443"}}, {"idToken": "A", "type": "ISO14443"}),
        ({"idToken": {"value": "A", "type": "eMAID"}}, {"idToken": "A", "type": "eMAID"}),
        ({"idToken": {"value": "A"}, "idTag": None}, {"idToken": "A", "type": "Central"}),
    ],
)
def test_every_spelling_of_a_token_is_understood_in_both_versions(
    token: dict[str, Any], rendered: dict[str, Any]
) -> None:
    assert start(V201, **token).payload["idToken"] == rendered
    assert start(V16, **token).payload["idTag"] == "A"


@pytest.mark.parametrize(
    ("version", "given", "field", "number"),
    [
        (V16, {"connectorId": 1, "evseId": 2}, "connectorId", 1),
        (V16, {"evseId": 2}, "connectorId", 2),
        (V201, {"connectorId": 1, "evseId": 2}, "evseId", 2),
        (V201, {"connectorId": 1}, "evseId", 1),
    ],
)
def test_connector_and_evse_stand_in_for_each_other(version: Version, given: Any, field: str, number: int) -> None:
    assert start(version, idTag="A", **given).payload[field] == number


def test_without_connector_or_evse_the_charge_point_chooses() -> None:
    assert start(V16, idTag="A").payload == {"idTag": "A"}
    assert "evseId" not in start(V201, idTag="A").payload


def test_a_stop_carries_the_id_as_the_version_has_it() -> None:
    assert stop(V16, 42) == stop(V16, "42")
    assert stop(V16, 42).payload == {"transactionId": 42}
    assert stop(V201, "tx-9").payload == {"transactionId": "tx-9"}
    assert stop(V201, 42).payload == {"transactionId": "42"}


@pytest.mark.parametrize("transaction_id", ["tx-9", "4294967296", "99999999999999999999", "٤٢", "-1"])
def test_a_stop_in_1_6_needs_a_number_that_fits(transaction_id: Any) -> None:
    with pytest.raises(InvalidRequestError, match="/transactionId"):
        stop(V16, transaction_id)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"idTag": "A"}, ["/chargePointId"]),
        ({"chargePointId": "CP1"}, ["/idTag"]),
        ({"chargePointId": "CP1", "idTag": "A", "idToken": "A"}, ["/idTag", "/idToken"]),
        ({"chargePointId": "", "idTag": ""}, ["/chargePointId", "/idTag"]),
        ({"chargePointId": "CP1", "idToken": ""}, ["/idToken"]),
        ({"chargePointId": "CP1", "idToken": 7}, ["/idToken"]),
        ({"chargePointId": "CP1", "idToken": {"type": "Central"}}, ["/idToken/idToken"]),
        ({"chargePointId": "CP1", "idToken": {"value": "A", "colour": 1}}, ["/idToken/colour"]),
        ({"chargePointId": "CP1", "idTag": "A", "connectorId": "1"}, ["/connectorId"]),
        ({"chargePointId": "CP1", "idTag": "A", "connectorId": True, "evseId": 0}, ["/connectorId", "/evseId"]),
        ({"chargePointId": 1, "idTag": 2, "a/b": 3}, ["/a~1b", "/chargePointId", "/idTag"]),
        ({"chargePointId": "CP1", "idTag": "A", "chargingProfile": []}, ["/chargingProfile"]),
    ],
)
def test_every_wrong_field_of_a_start_is_named(given: Any, wrong: list[str]) -> None:
    assert pointers(RemoteStart, given) == wrong


@pytest.mark.parametrize("transaction_id", [None, True, 1.5, "", {}])
def test_a_transaction_id_is_a_number_or_a_text(transaction_id: Any) -> None:
    assert pointers(RemoteStop, {"chargePointId": "CP1", "transactionId": transaction_id}) == ["/transactionId"]


def test_a_start_takes_no_profile_but_one_for_a_transaction_to_come() -> None:
    profile = PROFILE_16 | {"chargingProfilePurpose": "TxDefaultProfile", "transactionId": 1}

    wrong = pointers(RemoteStart, {"chargePointId": "CP1", "idTag": "A", "chargingProfile": profile})

    assert wrong == ["/chargingProfile/chargingProfilePurpose", "/chargingProfile/transactionId"]
