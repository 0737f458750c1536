"""Authorize, and what is said of id tokens everywhere."""

from datetime import timedelta
from typing import Any

import pytest

from domain.models import Command, CommandState, ConnectorState, IdToken
from ocppj import timestamps
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V201, Version
from processors.id_tokens import masked
from tests.processors.house import NOW, House

CP = "CP-001"
TOMORROW = NOW + timedelta(days=1)
YESTERDAY = NOW - timedelta(days=1)


def house_with(*id_tokens: IdToken, version: Version = V16) -> House:
    house = House()
    house.register(CP, version)
    for id_token in id_tokens:
        house.id_tokens.put(id_token)
    return house


def authorize_16(house: House, id_tag: str = "ABC") -> dict[str, Any]:
    [answer] = house.send(CP, Call("m-1", "Authorize", {"idTag": id_tag}))
    assert isinstance(answer, CallResult)
    info: dict[str, Any] = answer.payload["idTagInfo"]
    return info


def authorize_201(house: House, value: str = "ABC", kind: str = "ISO14443", **more: Any) -> dict[str, Any]:
    [answer] = house.send(CP, Call("m-1", "Authorize", {"idToken": {"idToken": value, "type": kind}, **more}))
    assert isinstance(answer, CallResult)
    return answer.payload


def remote_start(house: House, id_token: str, *, age_s: float, state: CommandState, charge_point_id: str = CP) -> None:
    created_at = house.now - timedelta(seconds=age_s)
    house.commands.add(
        Command(
            "c-1", charge_point_id, "RemoteStartTransaction", {"idTag": id_token}, V16, state, created_at, created_at
        )
    )


@pytest.mark.parametrize(
    ("id_token", "in_16", "in_201"),
    [
        (IdToken("other"), "Invalid", "Unknown"),
        (IdToken("abc"), "Accepted", "Accepted"),
        (IdToken("abc", "Blocked"), "Blocked", "Blocked"),
        (IdToken("abc", "Invalid"), "Invalid", "Invalid"),
        *((IdToken("abc", said), "Invalid", said) for said in ("NoCredit", "NotAllowedTypeEVSE", "NotAtThisTime")),
        (IdToken("abc", expires_at=YESTERDAY), "Expired", "Expired"),
        (IdToken("abc", "Blocked", expires_at=YESTERDAY), "Blocked", "Blocked"),
    ],
)
def test_c20_c25_the_status_of_a_token(id_token: IdToken, in_16: str, in_201: str) -> None:
    of_16, of_201 = house_with(id_token), house_with(id_token, version=V201)

    answers = authorize_16(of_16)["status"], authorize_201(of_201)["idTokenInfo"]["status"]

    assert answers == (in_16, in_201)


def test_b24_tokens_compare_without_case() -> None:
    house = house_with(IdToken("aBc"))

    statuses = [authorize_16(house, id_tag)["status"] for id_tag in ("abc", "ABC", "AbC")]

    assert statuses == ["Accepted"] * 3


def test_c21_an_expiry_still_to_come_is_told_and_one_past_is_not() -> None:
    future = house_with(IdToken("abc", expires_at=TOMORROW))
    past = house_with(IdToken("abc", expires_at=YESTERDAY))

    told, kept_back = authorize_16(future), authorize_16(past)

    assert told == {"status": "Accepted", "expiryDate": "2026-11-22T12:00:00.000Z"}
    assert kept_back == {"status": "Expired"}


def test_c22_c23_the_parent_goes_with_every_tag_of_the_group() -> None:
    house = house_with(IdToken("abc", group_id="FAM"), IdToken("def", group_id="FAM"))

    parents = [authorize_16(house, id_tag)["parentIdTag"] for id_tag in ("ABC", "DEF")]

    assert parents == ["FAM", "FAM"]


def test_c22_a_group_too_long_for_16_is_left_out() -> None:
    house = house_with(IdToken("abc", group_id="G" * 21))

    info = authorize_16(house)

    assert info == {"status": "Accepted"}


def test_c24_authorize_has_no_side_effects() -> None:
    house = house_with(IdToken("abc"))

    authorize_16(house)

    assert house.transactions.of(CP) == []
    assert house.shadows.reported == {}


def test_c26_in_2x_the_group_is_a_central_token() -> None:
    house = house_with(IdToken("abc", expires_at=TOMORROW, group_id="FAM"), version=V201)

    answer = authorize_201(house)

    assert answer["idTokenInfo"] == {
        "status": "Accepted",
        "cacheExpiryDateTime": "2026-11-22T12:00:00.000Z",
        "groupIdToken": {"idToken": "FAM", "type": "Central"},
    }


def test_c28_no_authorization_is_always_accepted() -> None:
    house = house_with(version=V201)

    answer = authorize_201(house, "", "NoAuthorization")

    assert answer == {"idTokenInfo": {"status": "Accepted"}}


def test_c31_a_contract_certificate_that_nobody_verified_is_not_accepted() -> None:
    house = house_with(IdToken("abc"), version=V201)

    answer = authorize_201(house, "ABC", "eMAID", certificate="-----BEGIN CERTIFICATE-----")

    assert answer == {"idTokenInfo": {"status": "Invalid"}, "certificateStatus": "CertChainError"}


@pytest.mark.parametrize("state", [CommandState.QUEUED, CommandState.SENT, CommandState.ACCEPTED, CommandState.TIMEOUT])
def test_a_token_an_operator_started_with_is_accepted(state: CommandState) -> None:
    house = house_with()
    remote_start(house, "guest-1", age_s=599, state=state)

    status = authorize_16(house, "GUEST-1")["status"]

    assert status == "Accepted"


def test_a_2x_token_an_operator_started_with_is_accepted() -> None:
    house = house_with(version=V201)
    payload = {"idToken": {"idToken": "guest-1", "type": "Central"}, "remoteStartId": 1}
    house.commands.add(
        Command("c-1", CP, "RequestStartTransaction", payload, V201, CommandState.SENT, house.now, house.now)
    )

    answer = authorize_201(house, "GUEST-1", "Central")

    assert answer == {"idTokenInfo": {"status": "Accepted"}}


@pytest.mark.parametrize(
    ("token", "age_s", "state", "charge_point_id"),
    [
        ("guest-1", 601, CommandState.ACCEPTED, CP),
        ("guest-1", 1, CommandState.REJECTED, CP),
        ("guest-1", 1, CommandState.NOT_CONNECTED, CP),
        ("guest-1", 1, CommandState.ACCEPTED, "CP-002"),
        ("guest-2", 1, CommandState.ACCEPTED, CP),
    ],
    ids=["long ago", "refused", "never sent", "elsewhere", "another token"],
)
def test_an_unknown_token_stays_unknown_after_a_remote_start(
    token: str, age_s: float, state: CommandState, charge_point_id: str
) -> None:
    house = house_with()
    remote_start(house, token, age_s=age_s, state=state, charge_point_id=charge_point_id)

    status = authorize_16(house, "GUEST-1")["status"]

    assert status == "Invalid"


def test_a_start_that_waited_for_its_charge_point_counts_from_when_it_was_sent() -> None:
    house = house_with()
    remote_start(house, "guest-1", age_s=3600, state=CommandState.ACCEPTED)
    house.commands.note("c-1", sent_at=house.now - timedelta(seconds=599))

    assert authorize_16(house, "GUEST-1")["status"] == "Accepted"


def test_a_blocked_token_stays_blocked_after_a_remote_start() -> None:
    house = house_with(IdToken("guest-1", "Blocked"))
    remote_start(house, "guest-1", age_s=1, state=CommandState.ACCEPTED)

    status = authorize_16(house, "GUEST-1")["status"]

    assert status == "Blocked"


def test_logs_show_no_token_that_could_be_used() -> None:
    shown = [masked(id_token) for id_token in ("04A2B3C4D5E6F7", "123456", "", None)]

    assert shown == ["***6F7", "***", "***", None]


@pytest.mark.parametrize(
    ("kind", "presented", "status"),
    [
        ("MacAddress", "MacAddress", "Accepted"),
        ("eMAID", "eMAID", "Accepted"),
        ("eMAID", "ISO14443", "Unknown"),
        (None, "Central", "Accepted"),
    ],
)
def test_b24_in_2x_a_token_of_another_type_is_another_token(kind: str | None, presented: str, status: str) -> None:
    house = house_with(IdToken("abc", kind=kind), version=V201)

    assert authorize_201(house, kind=presented)["idTokenInfo"]["status"] == status


def test_c28_an_unknown_key_code_is_invalid_and_never_logged() -> None:
    house = house_with(version=V201)

    answer = authorize_201(house, "12345678", "KeyCode")

    assert answer["idTokenInfo"]["status"] == "Invalid"
    assert masked("12345678", "KeyCode") == "***"


@pytest.mark.parametrize(
    ("allowed", "info"),
    [
        ((), {"status": "Accepted"}),
        ((CP,), {"status": "Accepted"}),
        ((f"{CP}/2", "CP-002"), {"status": "Accepted", "evseId": [2]}),
        (("CP-002", "CP-002/1"), {"status": "NotAtThisLocation"}),
    ],
)
def test_c27_a_token_may_be_limited_to_places(allowed: tuple[str, ...], info: dict[str, Any]) -> None:
    house = house_with(IdToken("abc", allowed=allowed), version=V201)

    assert authorize_201(house)["idTokenInfo"] == info


def test_c27_elsewhere_is_invalid_in_1_6() -> None:
    house = house_with(IdToken("abc", allowed=("CP-002",)))

    assert authorize_16(house) == {"status": "Invalid"}


def test_c30_a_prepaid_token_is_kept_out_of_the_cache() -> None:
    house = house_with(IdToken("abc", is_prepaid=True), version=V201)

    info = authorize_201(house)["idTokenInfo"]

    assert (info["status"], info["cacheExpiryDateTime"] < timestamps.write(NOW)) == ("Accepted", True)


def test_c32_a_master_pass_is_accepted_with_its_group() -> None:
    house = house_with(IdToken("abc", group_id="MASTER"), version=V201)

    info = authorize_201(house)["idTokenInfo"]

    assert info == {"status": "Accepted", "groupIdToken": {"idToken": "MASTER", "type": "Central"}}


@pytest.mark.parametrize(
    ("started_with", "connectors", "status"),
    [("blocked", ["1.1"], "NotAtThisTime"), ("blocked", ["1.1", "2.1"], "Accepted"), ("abc", ["1.1"], "Accepted")],
    ids=["unauthorised", "another EVSE may be meant", "authorised"],
)
def test_c29_who_comes_while_an_unauthorised_transaction_runs_has_to_wait(
    started_with: str, connectors: list[str], status: str
) -> None:
    house = House()
    house.register(CP, V201)
    for connector in connectors:
        house.registry.connector(CP, connector, ConnectorState("Occupied", house.now))
    for token in (IdToken("abc"), IdToken("other"), IdToken("blocked", status="Blocked")):
        house.id_tokens.put(token)
    said = {
        "eventType": "Started", "timestamp": "2026-11-21T11:59:00Z", "triggerReason": "Authorized", "seqNo": 0,
        "transactionInfo": {"transactionId": "T-1"}, "idToken": {"idToken": started_with, "type": "ISO14443"},
        "evse": {"id": 1},
    }  # fmt: skip
    house.send(CP, Call("m-1", "TransactionEvent", said))

    [answer] = house.send(CP, Call("m-2", "Authorize", {"idToken": {"idToken": "other", "type": "ISO14443"}}))

    assert isinstance(answer, CallResult)
    assert answer.payload["idTokenInfo"]["status"] == status
