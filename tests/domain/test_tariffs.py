"""What transactions cost, in numbers worked out by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain import courses, tariffs
from domain.models import Transaction
from domain.reconciler import reconciled
from domain.tariffs import Tariff
from ocppj import timestamps
from ocppj.versions import V16, V201

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday
KWH = {"dimension": "energy", "price": "0.49"}

Payload = dict[str, Any]


def tariff(*prices: Payload, **terms: Any) -> Tariff:
    said = {"tariffId": "T", "currency": "EUR", "prices": prices, "taxPercent": "19", **terms}
    return Tariff.model_validate(said)


def charged(begin: datetime = NOON, hours: float = 1, wh: int = 10_000, **facts: Any) -> Transaction:
    plain = Transaction(
        "CP-001", "1", V16, connector="1", started_at=begin, meter_start_wh=1_000, start_received_at=begin,
        ended_at=begin + timedelta(hours=hours), meter_stop_wh=1_000 + wh, stop_received_at=begin + timedelta(days=2),
    )  # fmt: skip
    return reconciled(replace(plain, **facts))


def read(begin: datetime, *minutes_and_wh: tuple[float, float]) -> list[Payload]:
    """Meter values of 1.6, so many minutes after the beginning."""
    return [
        {"timestamp": timestamps.write(begin + timedelta(minutes=minute)), "sampledValue": [{"value": str(1_000 + wh)}]}
        for minute, wh in minutes_and_wh
    ]


def state(begin: datetime, minute: float, state: str) -> Payload:
    at = timestamps.write(begin + timedelta(minutes=minute))
    return {"timestamp": at, "transactionInfo": {"transactionId": "1", "chargingState": state}}


def cost(transaction: Transaction, told: list[Payload], *versions: Tariff) -> Payload:
    found = tariffs.cost(transaction, told, versions)
    assert found is not None
    return found


def amounts(found: Payload) -> list[tuple[str, str, str]]:
    return [(line["dimension"], line["quantity"], line["amount"]) for line in found["lines"]]


def test_a_kwh_a_minute_and_a_session_add_up_and_are_taxed() -> None:
    terms = tariff(KWH, {"dimension": "time", "price": "0.05"}, {"dimension": "session", "price": "1.00"})

    found = cost(charged(), [], terms)

    assert amounts(found) == [("session", "1", "1"), ("energy", "10", "4.9"), ("time", "60", "3")]
    assert (found["net"], found["tax"], found["total"]) == ("8.90", "1.69", "10.59")
    assert found["isFinal"]


def test_what_is_free_costs_nothing_which_is_said() -> None:
    found = cost(charged(), [], tariff({"dimension": "energy", "price": "0"}))

    assert (found["total"], amounts(found)) == ("0.00", [("energy", "10", "0")])


def test_the_first_minutes_may_be_free_and_the_rest_is_not() -> None:
    parking = {"dimension": "time", "price": "0.10", "free": "45"}

    found = cost(charged(), [], tariff(parking, taxPercent="0"))

    [line] = found["lines"]
    assert (line["quantity"], line["free"], line["amount"], found["total"]) == ("60", "45", "1.5", "1.50")


def test_free_minutes_are_free_once_though_the_price_changes() -> None:
    day = {"dimension": "time", "price": "0.10", "free": "45", "ends": "12:30"}
    night = {"dimension": "time", "price": "0.20", "free": "45", "begins": "12:30"}

    found = cost(charged(), [], tariff(day, night, taxPercent="0"))

    assert [(line["quantity"], line["free"], line["amount"]) for line in found["lines"]] == [
        ("30", "30", "0"), ("30", "15", "3"),
    ]  # fmt: skip


def test_who_stays_when_it_is_full_pays_for_idling_after_a_grace() -> None:
    told = read(NOON, (10, 5_000), (20, 10_000), (40, 10_000), (60, 10_000))
    idle = {"dimension": "idle", "price": "0.20", "free": "10"}

    found = cost(charged(), told, tariff(KWH, {"dimension": "time", "price": "0.05"}, idle, taxPercent="0"))

    assert amounts(found) == [("energy", "10", "4.9"), ("time", "20", "1"), ("idle", "40", "6")]
    assert (found["chargingS"], found["idleS"]) == ("1200", "2400")


def test_a_meter_that_counts_in_steps_is_not_idle_between_them() -> None:
    told = read(NOON, *((minute / 6, minute // 60 * 100) for minute in range(361)))  # every 10 s, 100 Wh a step

    found = cost(charged(wh=600), told, tariff({"dimension": "idle", "price": "1"}))

    assert (found["chargingS"], found["idleS"]) == ("3600", "0")


def test_a_charge_point_that_holds_back_costs_its_driver_no_minute() -> None:
    told = [state(NOON, 0, "Charging"), state(NOON, 20, "SuspendedEVSE"), state(NOON, 50, "SuspendedEV")]
    timed = ({"dimension": "time", "price": "0.10"}, {"dimension": "idle", "price": "1.00"})

    found = cost(charged(version=V201), told, tariff(*timed, taxPercent="0"))

    assert amounts(found) == [("time", "20", "2"), ("idle", "10", "10")]


def test_at_midnight_the_price_of_another_day_begins() -> None:
    late = datetime(2026, 11, 20, 22, tzinfo=UTC)  # Friday, 23:00 in Berlin
    weekday = {"dimension": "energy", "price": "0.60", "days": [1, 2, 3, 4, 5]}
    weekend = {"dimension": "energy", "price": "0.30"}
    told = read(late, (30, 2_000), (60, 4_000), (90, 9_000))

    found = cost(charged(late, 2), told, tariff(weekday, weekend, timeZone="Europe/Berlin", taxPercent="0"))

    assert [(line["price"], line["quantity"], line["to"]) for line in found["lines"]] == [
        ("0.60", "4", "2026-11-20T23:00:00.000Z"), ("0.30", "6", "2026-11-21T00:00:00.000Z"),
    ]  # fmt: skip
    assert found["total"] == "4.20"


@pytest.mark.parametrize(
    ("begin", "night", "day", "net"),
    [
        (datetime(2026, 3, 29, 0, tzinfo=UTC), "120", "180", "10.20"),  # 01:00 to 07:00 in Berlin: an hour is left out
        (datetime(2026, 10, 24, 23, tzinfo=UTC), "240", "60", "5.40"),  # 01:00 to 05:00: an hour comes twice
    ],
)
def test_a_night_is_an_hour_shorter_or_longer_when_the_clocks_change(
    begin: datetime, night: str, day: str, net: str
) -> None:
    at_night = {"dimension": "time", "price": "0.01", "begins": "22:00", "ends": "04:00"}
    by_day = {"dimension": "time", "price": "0.05"}

    found = cost(charged(begin, 5, 50_000), [], tariff(at_night, by_day, timeZone="Europe/Berlin"))

    assert [line["quantity"] for line in found["lines"]] == [night, day]
    assert found["net"] == net  # a cent a minute at night, five by day


@pytest.mark.parametrize(
    ("currency", "net", "tax", "total"),
    [("EUR", "0.33", "0.06", "0.39"), ("JPY", "0", "0", "0"), ("KWD", "0.333", "0.063", "0.396")],
)  # fmt: skip
def test_it_is_rounded_once_to_what_the_currency_has(currency: str, net: str, tax: str, total: str) -> None:
    thirds = ({"dimension": "energy", "price": "0.111"}, {"dimension": "time", "price": "0.0037"})

    found = cost(charged(wh=1_000), [], tariff(*thirds, currency=currency))

    assert (found["net"], found["tax"], found["total"]) == (net, tax, total)


def test_what_the_reconciler_put_right_is_what_is_paid_for_and_said() -> None:
    wrong = charged(meter_start_wh=0, meter_stop_wh=910_083, first_energy_wh=910_000, energy_wh=910_080)
    told = [
        {"timestamp": timestamps.write(NOON + timedelta(minutes=minute)), "sampledValue": [{"value": str(wh)}]}
        for minute, wh in ((1, 910_000), (50, 910_080))
    ]

    found = cost(wrong, told, tariff(KWH, {"dimension": "idle", "price": "0"}))

    assert (found["rules"], found["energyWh"], found["total"]) == (["zero_begin"], 83, "0.05")


@pytest.mark.parametrize(
    "facts",
    [
        {"started_at": None, "start_received_at": None, "ended_at": None},
        {"meter_start_wh": 0, "meter_stop_wh": 9_999_999},
    ],
    ids=["nobody knows when", "implausible"],
)  # fmt: skip
def test_what_nobody_can_say_has_no_cost(facts: dict[str, Any]) -> None:
    assert tariffs.cost(charged(**facts), [], [tariff(KWH)]) is None


def test_by_a_clock_that_cannot_be_used_only_energy_and_session_cost_something() -> None:
    lost = charged(datetime(1970, 1, 1, tzinfo=UTC), start_received_at=NOON)
    terms = tariff(KWH, {"dimension": "time", "price": "9"}, {"dimension": "session", "price": "1"}, taxPercent="0")

    found = cost(lost, [], terms)

    assert (found["rules"], found["total"]) == (["clock_wrong"], "5.90")


def test_a_new_version_counts_from_when_it_is_valid() -> None:
    dearer = tariff({"dimension": "energy", "price": "1"}, validFrom=timestamps.write(NOON + timedelta(minutes=30)))

    found = cost(charged(), [], tariff(KWH), dearer)

    assert [(line["quantity"], line["amount"]) for line in found["lines"]] == [("5", "2.45"), ("5", "5")]


def test_one_that_still_runs_costs_what_it_took_so_far() -> None:
    running = charged(
        ended_at=None,
        meter_stop_wh=None,
        stop_received_at=None,
        energy_wh=3_000,
        sampled_at=NOON + timedelta(minutes=20),
    )

    found = cost(running, read(NOON, (20, 2_000)), tariff(KWH, {"dimension": "time", "price": "0.1"}, taxPercent="0"))

    assert (amounts(found), found["isFinal"]) == ([("energy", "2", "0.98"), ("time", "20", "2")], False)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"prices": [KWH | {"price": "-1"}]}, "prices.0.price"),
        ({"prices": [KWH | {"begins": "12:10"}]}, "prices.0.begins"),
        ({"prices": [KWH | {"days": [0]}]}, "prices.0.days.0"),
        ({"timeZone": "Europe/Nowhere"}, "timeZone"),
        ({"currency": "euro"}, "currency"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(wrong: Payload, named: str) -> None:
    with pytest.raises(ValidationError) as refused:
        tariff(KWH, **wrong) if "prices" not in wrong else tariff(*wrong["prices"])

    assert named in {".".join(map(str, error["loc"])) for error in refused.value.errors()}


def test_terms_come_back_from_json_as_they_were() -> None:
    terms = tariff(KWH | {"begins": "22:00", "days": [6]}, timeZone="Europe/Berlin", text="0.49/kWh")

    assert Tariff.model_validate_json(terms.model_dump_json(by_alias=True, exclude_defaults=True)) == terms


_minutes = st.floats(0, 300)


@given(
    st.lists(st.tuples(_minutes, st.integers(0, 60_000)), max_size=8),
    st.lists(st.tuples(_minutes, st.sampled_from(["Charging", "SuspendedEV", "SuspendedEVSE"])), max_size=4),
    st.integers(0, 100_000),
)
def test_whatever_the_readings_say_the_energies_add_up_to_the_bill_and_the_times_to_the_whole(
    said: list[tuple[float, int]], states: list[tuple[float, str]], wh: int
) -> None:
    transaction = charged(hours=4, wh=wh)
    told = read(NOON, *said) + [state(NOON, *one) for one in states]
    windowed = tariff(*({"dimension": "energy", "price": p, **w} for p, w in (("1", {"ends": "13:15"}), ("1", {}))))

    course = courses.of(transaction, told)
    found = cost(transaction, told, windowed)

    assert sum(stretch.wh for stretch in course) == wh
    assert all(stretch.wh >= 0 for stretch in course)
    assert sum((stretch.length for stretch in course), timedelta()) == timedelta(hours=4)
    assert sum(Decimal(line["quantity"]) for line in found["lines"]) == Decimal(wh) / 1000
