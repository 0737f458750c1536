"""The policy that a token runs one transaction at a time: off unless it is asked for, and never against itself."""

from typing import Any

import pytest

from domain.models import IdToken
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V201, Version
from processors.settings import Gate, Settings
from tests.processors.house import House


def house_of(version: Version, *, is_policy: bool = True) -> House:
    house = House(settings=Settings(gate=Gate.REGISTERED, one_transaction_per_token=is_policy))
    for name in ("CP-001", "CP-002"):
        house.register(name, version)
    house.id_tokens.put(IdToken("abc", group_id="FAM"))
    return house


def start_16(house: House, charge_point_id: str = "CP-001", **fields: Any) -> dict[str, Any]:
    said = {"connectorId": 1, "idTag": "ABC", "meterStart": 0, "timestamp": "2026-11-21T11:59:00Z", **fields}
    [answer] = house.send(charge_point_id, Call("m-1", "StartTransaction", said))
    assert isinstance(answer, CallResult)
    return answer.payload


def stop_16(house: House, transaction_id: int) -> dict[str, Any]:
    said = {"transactionId": transaction_id, "meterStop": 9, "timestamp": "2026-11-21T12:00:00Z", "idTag": "ABC"}
    [answer] = house.send("CP-001", Call("m-2", "StopTransaction", said))
    assert isinstance(answer, CallResult)
    return answer.payload


def event(house: House, charge_point_id: str, kind: str, seq_no: int, transaction_id: str = "T-1") -> str:
    said = {
        "eventType": kind, "timestamp": f"2026-11-21T11:59:0{seq_no}Z", "triggerReason": "Authorized", "seqNo": seq_no,
        "transactionInfo": {"transactionId": transaction_id}, "idToken": {"idToken": "ABC", "type": "ISO14443"},
        "evse": {"id": 1},
    }  # fmt: skip
    [answer] = house.send(charge_point_id, Call("m-1", "TransactionEvent", said))
    assert isinstance(answer, CallResult)
    status: str = answer.payload["idTokenInfo"]["status"]
    return status


@pytest.mark.parametrize(("is_policy", "status"), [(True, "ConcurrentTx"), (False, "Accepted")])
def test_c52_a_second_transaction_elsewhere_is_concurrent_if_that_is_the_policy(is_policy: bool, status: str) -> None:
    house = house_of(V16, is_policy=is_policy)

    first, second = start_16(house), start_16(house, "CP-002")

    assert first["idTagInfo"]["status"] == "Accepted"
    assert second["idTagInfo"] == {"status": status, "parentIdTag": "FAM"}


def test_c44_c52_a_start_is_not_concurrent_with_its_own_retry() -> None:
    house = house_of(V16)

    assert start_16(house) == start_16(house)


def test_c47_a_stop_is_not_concurrent_with_what_it_stops_and_then_the_token_is_free() -> None:
    house = house_of(V16)
    started = start_16(house)

    stopped = stop_16(house, started["transactionId"])
    elsewhere = start_16(house, "CP-002")

    assert stopped["idTagInfo"]["status"] == "Accepted"
    assert elsewhere["idTagInfo"]["status"] == "Accepted"


def test_c50_c52_a_transaction_that_was_left_open_here_does_not_stand_in_the_way() -> None:
    house = house_of(V16)
    start_16(house)

    again = start_16(house, timestamp="2026-11-21T12:30:00Z")

    assert again["idTagInfo"]["status"] == "Accepted"


def test_c20_authorize_stays_accepted_while_a_transaction_runs() -> None:
    house = house_of(V16)
    start_16(house)

    [answer] = house.send("CP-002", Call("m-3", "Authorize", {"idTag": "ABC"}))

    assert isinstance(answer, CallResult)
    assert answer.payload["idTagInfo"]["status"] == "Accepted"


def test_c52_in_2x_too() -> None:
    house = house_of(V201)

    statuses = [
        event(house, "CP-001", "Started", 0),
        event(house, "CP-001", "Started", 0),
        event(house, "CP-001", "Updated", 1),
        event(house, "CP-002", "Started", 0),
        event(house, "CP-001", "Started", 2, "T-2"),
        event(house, "CP-001", "Ended", 3, "T-2"),
        event(house, "CP-002", "Updated", 1),
    ]

    assert statuses == ["Accepted"] * 3 + ["ConcurrentTx"] + ["Accepted"] * 3
