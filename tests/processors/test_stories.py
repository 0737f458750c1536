"""Stories that other systems' users complain about, told to the processors, with the end they should have."""

from typing import Any

from domain.models import IdToken, Transaction
from ocppj.frames import Call, CallResult, Frame
from ocppj.versions import V16, V201, Version
from tests.processors.house import House

CP = "CP-001"


def house_of(version: Version) -> House:
    house = House()
    house.register(CP, version)
    house.id_tokens.put(IdToken("abc"))
    return house


def tell(house: House, action: str, **payload: Any) -> dict[str, Any]:
    house.tick(1)
    [answer] = house.send(CP, Call("m", action, payload))
    return payload_of(answer)


def payload_of(answer: Frame) -> dict[str, Any]:
    assert isinstance(answer, CallResult)
    return answer.payload


def start(house: House, minute: int, meter_start: int, connector: int = 1) -> int:
    said = {"connectorId": connector, "idTag": "ABC", "meterStart": meter_start, "timestamp": at(minute)}
    started = tell(house, "StartTransaction", **said)
    return int(started["transactionId"])


def stop(house: House, transaction_id: int, minute: int, meter_stop: int) -> None:
    tell(house, "StopTransaction", transactionId=transaction_id, meterStop=meter_stop, timestamp=at(minute))


def sample(house: House, transaction_id: int, minute: int, wh: float) -> None:
    values = [{"timestamp": at(minute), "sampledValue": [{"value": str(wh)}]}]
    tell(house, "MeterValues", connectorId=1, transactionId=transaction_id, meterValue=values)


def event(house: House, kind: str, seq_no: int, minute: int, wh: float | None = None, tx: str = "tx-1") -> None:
    said: dict[str, Any] = {"evse": {"id": 1}} if kind == "Started" else {}
    if wh is not None:
        said["meterValue"] = [{"timestamp": at(minute), "sampledValue": [{"value": wh}]}]
    tell(
        house, "TransactionEvent", eventType=kind, timestamp=at(minute), triggerReason="MeterValuePeriodic",
        seqNo=seq_no, transactionInfo={"transactionId": tx}, **said,
    )  # fmt: skip


def at(minute: int) -> str:
    return f"2026-11-21T10:{minute:02}:00Z"


def stored(house: House, transaction_id: int | str = "tx-1") -> Transaction:
    transaction = house.transactions.find(CP, str(transaction_id))
    assert transaction is not None
    return transaction


def bill(house: House, transaction_id: int | str = "tx-1") -> tuple[int | None, tuple[str, ...]]:
    transaction = stored(house, transaction_id)
    return transaction.billed_wh, transaction.rules


# Wrong energy (citrineos-core#1060, #868)


def test_910_kwh_are_not_billed_for_83_wh() -> None:
    house = house_of(V16)

    transaction_id = start(house, 0, 0)
    sample(house, transaction_id, 1, 910_000)
    sample(house, transaction_id, 9, 910_080)
    stop(house, transaction_id, 10, 910_083)

    assert bill(house, transaction_id) == (83, ("zero_begin",))
    assert (stored(house, transaction_id).meter_start_wh, stored(house, transaction_id).meter_stop_wh) == (0, 910_083)


def test_an_odometer_in_2x_is_billed_from_its_first_reading() -> None:
    house = house_of(V201)

    event(house, "Started", 0, 0)
    event(house, "Updated", 1, 1, 910_000)
    event(house, "Ended", 2, 10, 910_083)

    assert bill(house) == (83, ())


def test_a_total_that_is_zeroed_at_the_end_is_not_lost() -> None:
    house = house_of(V16)

    transaction_id = start(house, 0, 5_000)
    sample(house, transaction_id, 1, 5_100)
    sample(house, transaction_id, 30, 15_000)
    stop(house, transaction_id, 31, 0)

    assert bill(house, transaction_id) == (10_000, ("zero_end",))


def test_values_that_go_on_after_the_stop_cost_nothing() -> None:
    house = house_of(V16)

    transaction_id = start(house, 0, 1_000)
    stop(house, transaction_id, 10, 2_000)
    sample(house, transaction_id, 40, 9_000)

    assert bill(house, transaction_id) == (1_000, ("values_after_stop",))


# Zombie transactions (steve#94, #651)


def test_a_transaction_whose_stop_was_lost_ends_with_the_next_on_its_connector() -> None:
    house = house_of(V16)

    zombie = start(house, 0, 1_000)
    sample(house, zombie, 10, 3_000)
    start(house, 20, 3_100)

    assert not stored(house, zombie).is_open
    assert bill(house, zombie) == (2_000, ("left_open",))


def test_one_on_another_connector_runs_on() -> None:
    house = house_of(V16)

    first = start(house, 0, 1_000)
    start(house, 20, 3_100, connector=2)

    assert stored(house, first).is_open


# Repeated starts (citrineos#172, steve#292)


def test_a_start_repeated_for_hours_is_one_transaction_and_one_bill() -> None:
    house = house_of(V16)

    ids = {start(house, 0, 1_000) for _ in range(20)}
    stop(house, ids.copy().pop(), 10, 2_000)
    again = start(house, 0, 1_000)

    assert ids == {again}
    assert [transaction.billed_wh for transaction in house.transactions.of(CP)] == [1_000]


def test_a_clock_that_stands_still_starts_every_session_at_the_same_second() -> None:
    house = house_of(V16)

    first = start(house, 0, 0)
    stop(house, first, 0, 0)
    second = start(house, 0, 0)

    assert first != second
    assert bill(house, second) == (None, ("frozen_clock",))


# Dropped ends (citrineos-core#1053)


def test_an_end_that_overtakes_everything_is_not_dropped() -> None:
    house = house_of(V201)

    event(house, "Ended", 3, 30, 4_000)
    event(house, "Updated", 2, 20, 3_000)
    event(house, "Started", 0, 0, 1_000)

    transaction = stored(house)
    assert (transaction.is_open, transaction.is_complete, transaction.event_numbers) == (False, False, "0,2..3")
    assert bill(house) == (3_000, ())


def test_a_client_that_numbers_nothing_is_understood() -> None:
    house = house_of(V201)

    for kind, minute, wh in (("Started", 0, 1_000), ("Updated", 10, 2_000), ("Ended", 20, 3_000), ("Ended", 20, 3_000)):
        event(house, kind, 0, minute, wh)

    assert bill(house) == (2_000, ())
    assert len(house.transactions.events(CP, "tx-1")) == 3


def test_what_a_charge_point_measured_for_somebody_else_is_kept() -> None:
    house = house_of(V16)

    sample(house, 999_999, 0, 1_000)

    assert len(house.transactions.told(CP, "999999")) == 1
    assert house.transactions.of(CP) == []


# Zombies of 2.x, and what a reconnect repeats (steve#651, citrineos#225)


def test_a_2x_transaction_whose_end_was_lost_ends_with_the_next_on_its_evse() -> None:
    house = house_of(V201)
    event(house, "Started", 0, 0, 1_000)
    event(house, "Updated", 1, 10, 1_500)

    event(house, "Started", 0, 30, 1_500, tx="tx-2")

    assert not stored(house).is_open
    assert stored(house, "tx-2").is_open
    assert bill(house) == (500, ("left_open",))


def test_a_whole_2x_session_repeated_after_a_reconnect_is_one_bill() -> None:
    house = house_of(V201)
    for _ in range(3):
        event(house, "Started", 0, 0, 1_000)
        event(house, "Updated", 1, 10, 1_500)
        event(house, "Ended", 2, 20, 1_900)

    assert len(house.transactions.of(CP)) == 1
    assert len(house.transactions.events(CP, "tx-1")) == 3
    assert bill(house) == (900, ())


def test_an_end_without_any_meter_value_is_billed_by_the_last_one_before() -> None:
    house = house_of(V201)
    event(house, "Started", 0, 0, 1_000)
    event(house, "Updated", 1, 10, 1_500)

    event(house, "Ended", 2, 20)

    assert not stored(house).is_open
    assert bill(house)[0] == 500
