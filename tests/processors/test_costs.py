"""What charge points are told of costs, and what is kept with the transaction."""

from typing import Any

import pytest

from domain.models import IdToken
from domain.tariffs import Tariff
from ocppj import timestamps
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V21, V201, Version
from tests.processors.house import NOW, House

CP = "CP-001"


def tariff(tariff_id: str = "T", price: str = "0.50", **terms: Any) -> Tariff:
    prices = [{"dimension": "energy", "price": price}]
    return Tariff.model_validate(
        {"tariffId": tariff_id, "currency": "EUR", "prices": prices, "taxPercent": 20, **terms}
    )


def house_of(version: Version = V201, *tariffs: Tariff, token: IdToken | None = None, **row: Any) -> House:
    house = House()
    house.register(CP, version, **{"tariff_id": "T", **row})
    house.id_tokens.put(token or IdToken("abc"))
    for one in tariffs or (tariff(),):
        assert house.tariffs.put(one)
    return house


def tell(house: House, action: str, **payload: Any) -> dict[str, Any]:
    [answer] = house.send(CP, Call("m-1", action, payload))
    assert isinstance(answer, CallResult)
    return answer.payload


def event(house: House, kind: str, seq_no: int, minute: int, wh: float, **fields: Any) -> dict[str, Any]:
    at = f"2026-11-21T11:{minute:02}:00Z"
    return tell(
        house, "TransactionEvent", eventType=kind, timestamp=at, triggerReason="MeterValuePeriodic", seqNo=seq_no,
        transactionInfo={"transactionId": "tx-1", "chargingState": "Charging"}, evse={"id": 1},
        meterValue=[{"timestamp": at, "sampledValue": [{"value": wh}]}], **fields,
    )  # fmt: skip


def kept(house: House, transaction_id: str = "tx-1") -> dict[str, Any] | None:
    transaction = house.transactions.find(CP, transaction_id)
    assert transaction is not None
    return transaction.cost


def start_16(house: House, **fields: Any) -> str:
    said = {"connectorId": 1, "idTag": "ABC", "meterStart": 1_000, "timestamp": "2026-11-21T11:00:00Z", **fields}
    return str(tell(house, "StartTransaction", **said)["transactionId"])


@pytest.mark.parametrize("version", [V201, V21])
def test_c70_an_update_is_told_the_cost_so_far_and_the_end_the_cost_with_its_tax(version: Version) -> None:
    house = house_of(version)

    answers = [
        event(house, "Started", 0, 0, 1_000),
        event(house, "Updated", 1, 20, 5_000),
        event(house, "Ended", 2, 40, 11_000),
    ]

    assert answers == [{}, {"totalCost": 2.4}, {"totalCost": 6.0}]
    cost = kept(house)
    assert cost is not None
    assert (cost["net"], cost["tax"], cost["total"], cost["isFinal"]) == ("5.00", "1.00", "6.00", True)


def test_c70_what_is_free_is_told_to_be_free_and_without_a_tariff_nothing_is_told() -> None:
    free, unknown, none = house_of(V201, tariff(price="0")), house_of(tariff_id="gone"), house_of(tariff_id=None)

    answers = [event(house, "Ended", 1, 20, 5_000) for house in (free, unknown, none)]
    told = [
        event(house, "Started", 0, 0, 1_000) | event(house, "Ended", 1, 20, 5_000) for house in (free, unknown, none)
    ]

    assert answers == [{}] * 3  # nobody knows when it began
    assert told == [{"totalCost": 0.0}, {}, {}]


def test_c70_an_end_that_overtakes_an_update_is_charged_the_same() -> None:
    in_order, disorderly = house_of(V201, timed()), house_of(V201, timed())
    trains = [("Started", 0, 0, 1_000), ("Updated", 1, 20, 9_000), ("Ended", 2, 40, 11_000)]

    for kind, seq_no, minute, wh in trains:
        event(in_order, kind, seq_no, minute, wh)
    for kind, seq_no, minute, wh in (trains[2], trains[0], trains[1]):
        event(disorderly, kind, seq_no, minute, wh)

    assert kept(disorderly) == kept(in_order)


def timed() -> Tariff:
    dear = {"dimension": "energy", "price": "1", "ends": "11:15"}
    return tariff(prices=[dear, {"dimension": "energy", "price": "0.10"}])


def test_c71_a_tariff_that_changes_meanwhile_is_told_with_the_next_update_and_counts_from_then_on() -> None:
    house = house_of()
    event(house, "Started", 0, 0, 1_000)
    before = event(house, "Updated", 1, 20, 5_000)

    house.tariffs.put(tariff(price="1.00", text="now 1.00", validFrom="2026-11-21T11:20:00Z"))
    after = event(house, "Updated", 2, 40, 6_000)

    assert before == {"totalCost": 2.4}
    assert after == {"totalCost": 3.6, "updatedPersonalMessage": {"format": "UTF8", "content": "now 1.00"}}


def test_a_driver_is_shown_the_tariff_that_is_valid_before_it_begins() -> None:
    later = tariff(text="later", validFrom=timestamps.write(NOW.replace(year=2027)))
    house = house_of(V201, tariff(text="0.50 a kWh"), later)

    known, unknown = (
        tell(house, "Authorize", idToken={"idToken": token, "type": "ISO14443"}) for token in ("ABC", "other")
    )

    assert known["idTokenInfo"]["personalMessage"] == {"format": "UTF8", "content": "0.50 a kWh"}
    assert unknown == {"idTokenInfo": {"status": "Unknown"}}


def test_the_tariff_of_a_token_counts_more_than_that_of_the_charge_point() -> None:
    house = house_of(V201, tariff(), tariff("OWN", "0.10"), token=IdToken("abc", tariff_id="OWN"))
    token = {"idToken": "ABC", "type": "ISO14443"}

    event(house, "Started", 0, 0, 1_000)
    answer = event(house, "Updated", 1, 20, 11_000, idToken=token)

    assert answer["totalCost"] == 1.2


def test_a_transaction_keeps_its_tariff_whatever_its_charge_point_gets_next() -> None:
    house = house_of(V201, tariff(), tariff("NEXT", "9"))
    event(house, "Started", 0, 0, 1_000)

    row = house.row(CP)
    house.registry = type(house.registry)([type(row)(CP, connection=row.connection, tariff_id="NEXT")])

    assert event(house, "Ended", 1, 20, 11_000) == {"totalCost": 6.0}


def test_in_1_6_the_cost_is_kept_and_values_that_come_late_are_worked_in() -> None:
    house = house_of(V16, timed())
    transaction_id = start_16(house)
    tell(
        house, "StopTransaction", transactionId=int(transaction_id), meterStop=11_000, timestamp="2026-11-21T11:30:00Z"
    )
    before = kept(house, transaction_id)

    values = [{"timestamp": "2026-11-21T11:15:00Z", "sampledValue": [{"value": "2000"}]}]
    tell(house, "MeterValues", connectorId=1, transactionId=int(transaction_id), meterValue=values)
    after = kept(house, transaction_id)

    assert before is not None
    assert after is not None
    assert (before["net"], after["net"]) == ("5.50", "1.90")


def test_a_transaction_that_was_left_open_is_charged_when_the_next_begins() -> None:
    house = house_of(V16)
    zombie = start_16(house)
    values = [{"timestamp": "2026-11-21T11:20:00Z", "sampledValue": [{"value": "5000"}]}]
    tell(house, "MeterValues", connectorId=1, transactionId=int(zombie), meterValue=values)

    start_16(house, timestamp="2026-11-21T11:40:00Z")

    cost = kept(house, zombie)
    assert cost is not None
    assert (cost["net"], cost["rules"], cost["isFinal"]) == ("2.00", ["left_open"], True)


def test_in_1_6_one_whose_start_comes_after_that_of_the_next_is_charged_too() -> None:
    house = house_of(V16, tariff(prices=[{"dimension": "session", "price": "1"}]))
    start_16(house, timestamp="2026-11-21T11:40:00Z")

    late = start_16(house)

    cost = kept(house, late)
    assert cost is not None
    assert (cost["net"], cost["isFinal"]) == ("1.00", True)


def test_one_left_open_is_charged_by_its_own_tariff_where_the_next_has_none() -> None:
    house = house_of(V16, token=IdToken("abc", tariff_id="T"), tariff_id=None)
    house.id_tokens.put(IdToken("guest"))
    zombie = start_16(house)
    values = [{"timestamp": "2026-11-21T11:20:00Z", "sampledValue": [{"value": "5000"}]}]
    tell(house, "MeterValues", connectorId=1, transactionId=int(zombie), meterValue=values)

    start_16(house, timestamp="2026-11-21T11:40:00Z", idTag="GUEST")

    cost = kept(house, zombie)
    assert cost is not None
    assert (cost["net"], cost["isFinal"]) == ("2.00", True)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0, 1), (0, 2, 1, 3), (3, 2, 1, 0)])
def test_in_2x_one_left_open_is_final_in_whatever_order_its_end_becomes_known(order: tuple[int, ...]) -> None:
    house = house_of()
    # The EVSE of the next one is told after its start.
    said = [
        ("tx-1", "Started", 0, 0, 1_000, {"evse": {"id": 1}}),
        ("tx-1", "Updated", 1, 20, 5_000, {}),
        ("tx-2", "Started", 0, 40, 5_000, {}),
        ("tx-2", "Updated", 1, 41, 5_100, {"evse": {"id": 1}}),
    ]

    for transaction_id, kind, seq_no, minute, wh, fields in (said[number] for number in order):
        at = f"2026-11-21T11:{minute:02}:00Z"
        tell(
            house, "TransactionEvent", eventType=kind, timestamp=at, triggerReason="MeterValuePeriodic", seqNo=seq_no,
            transactionInfo={"transactionId": transaction_id}, **fields,
            meterValue=[{"timestamp": at, "sampledValue": [{"value": wh}]}],
        )  # fmt: skip

    cost = kept(house)
    assert cost is not None
    assert (cost["net"], cost["isFinal"], cost["rules"]) == ("2.00", True, ["left_open"])
    running = kept(house, "tx-2")
    assert running is not None
    assert running["isFinal"] is False
