"""Partners: each has its own id tokens, and transactions say whose charge point they were at."""

from typing import Any

import pytest

from domain import unknown_tokens
from domain.models import IdToken
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V201
from processors.settings import Gate, Settings
from tests.processors.house import NOW, House


def house_of_two() -> House:
    house = House()
    house.register("A-1", V16, partner="acme")
    house.register("V-1", V16, partner="volt")
    house.register("H-1", V16)
    return house


def authorize(house: House, charge_point_id: str, id_tag: str) -> str:
    [answer] = house.send(charge_point_id, Call("m-1", "Authorize", {"idTag": id_tag}))
    assert isinstance(answer, CallResult)
    return str(answer.payload["idTagInfo"]["status"])


def test_a_token_counts_at_its_partners_charge_points_only() -> None:
    house = house_of_two()
    house.id_tokens.put(IdToken("CARD", partner="acme"))
    house.id_tokens.put(IdToken("CARD", status="Blocked", partner="volt"))

    assert [authorize(house, name, "CARD") for name in ("A-1", "V-1", "H-1")] == ["Accepted", "Blocked", "Invalid"]


def test_unknown_tokens_are_noted_for_whose_charge_point_it_is() -> None:
    house = house_of_two()

    for name, card in (("A-1", "X"), ("V-1", "Y"), ("A-1", "X")):
        authorize(house, name, card)

    noted = unknown_tokens.presented("acme", house.reports)
    assert [(each["idToken"], each["chargePointId"]) for each in noted] == [("x", "A-1")]
    assert [each["idToken"] for each in unknown_tokens.presented("volt", house.reports)] == ["y"]
    assert unknown_tokens.presented(None, house.reports) == []


@pytest.mark.parametrize(("kind", "noted"), [("KeyCode", []), ("ISO14443", ["1234"])])
def test_a_code_somebody_mistyped_is_not_noted(kind: str, noted: list[str]) -> None:
    house = House()
    house.register("CP-1", V201)

    house.send("CP-1", Call("m-1", "Authorize", {"idToken": {"idToken": "1234", "type": kind}}))

    assert [each["idToken"] for each in unknown_tokens.presented(None, house.reports)] == noted


def start_16(house: House, charge_point_id: str) -> dict[str, Any]:
    said = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-11-21T12:00:00Z"}
    [answer] = house.send(charge_point_id, Call("m-1", "StartTransaction", said))
    assert isinstance(answer, CallResult)
    return answer.payload


def test_a_transaction_of_1_6_says_whose_charge_point_it_was_at() -> None:
    house = house_of_two()

    begun = start_16(house, "A-1")

    found = house.transactions.find("A-1", str(begun["transactionId"]))
    assert found is not None and found.partner == "acme"


@pytest.mark.parametrize("kind", ["Started", "Updated", "Ended"])
def test_a_transaction_of_2_x_says_so_whichever_event_comes_first(kind: str) -> None:
    house = House()
    house.register("A-2", V201, partner="acme")
    said = {
        "eventType": kind, "timestamp": "2026-11-21T12:00:00Z", "triggerReason": "Authorized", "seqNo": 1,
        "transactionInfo": {"transactionId": "tx-1"},
    }  # fmt: skip

    house.send("A-2", Call("m-1", "TransactionEvent", said))

    found = house.transactions.find("A-2", "tx-1")
    assert found is not None and found.partner == "acme"


def test_the_same_token_of_another_partner_is_not_concurrent() -> None:
    house = House(settings=Settings(gate=Gate.REGISTERED, one_transaction_per_token=True))
    for name, partner in (("A-1", "acme"), ("A-2", "acme"), ("V-1", "volt")):
        house.register(name, V16, partner=partner)
        house.id_tokens.put(IdToken("CARD", partner=partner))

    started = {name: start_16(house, name)["idTagInfo"]["status"] for name in ("A-1", "V-1", "A-2")}

    assert started == {"A-1": "Accepted", "V-1": "Accepted", "A-2": "ConcurrentTx"}
    assert house.now == NOW
