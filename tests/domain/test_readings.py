"""Meter values of both shapes, as charge points send them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import readings
from ocppj import timestamps

T1 = "2026-11-21T12:00:00Z"
T2 = "2026-11-21T12:01:00Z"


def meter_value(*sampled_values: dict[str, Any], at: str = T1) -> dict[str, Any]:
    return {"timestamp": at, "sampledValue": list(sampled_values)}


def test_c54_a_bare_value_is_imported_energy_in_wh() -> None:
    [sample] = readings.samples([meter_value({"value": "100"})])

    assert sample == readings.Sample(
        "Energy.Active.Import.Register",
        100.0,
        "Wh",
        None,
        "Sample.Periodic",
        "Outlet",
        datetime(2026, 11, 21, 12, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("sampled_value", "value", "unit"),
    [
        ({"value": "1.5", "unit": "kWh"}, 1500.0, "Wh"),
        ({"value": "11", "unit": "kW", "measurand": "Power.Active.Import"}, 11000.0, "W"),
        ({"value": "50", "measurand": "Frequency"}, 50.0, "Hz"),
        ({"value": "0.98", "measurand": "Power.Factor"}, 0.98, ""),
        ({"value": "31", "unit": "Celcius", "measurand": "Temperature"}, 31.0, "Celsius"),
        ({"value": "31", "unit": "Celsius", "measurand": "Temperature"}, 31.0, "Celsius"),
        ({"value": "80", "measurand": "SoC", "unit": "Percent"}, 80.0, "Percent"),
        ({"value": "7000", "measurand": "Power.Active.Import"}, 7000.0, "W"),
        ({"value": 2153, "unitOfMeasure": {"unit": "Wh", "multiplier": -2}}, 21.53, "Wh"),
        ({"value": 1.5, "unitOfMeasure": {"unit": "kWh", "multiplier": 1}}, 15000.0, "Wh"),
        ({"value": 7, "unitOfMeasure": {}}, 7.0, "Wh"),
        ({"value": 7}, 7.0, "Wh"),
        ({"value": -3.25, "measurand": "Current.Import"}, -3.25, "A"),
    ],
)
def test_c55_units_are_completed_and_kilos_worked_in(sampled_value: dict[str, Any], value: float, unit: str) -> None:
    [sample] = readings.samples([meter_value(sampled_value)])

    assert (sample.value, sample.unit) == (value, unit)


@pytest.mark.parametrize(
    "odd",
    [
        {"value": "OCMF|{}", "format": "SignedData"},
        {"value": "n/a"},
        {"value": "nan"},
        {"value": "1_000"},
        {"value": True},
        {"value": 1e308, "unitOfMeasure": {"multiplier": 9}},
        {"value": 1, "unitOfMeasure": {"multiplier": 400}},
        {},
        "100",
    ],
)
def test_an_odd_sample_is_left_out_and_its_neighbours_are_read(odd: Any) -> None:
    taken = readings.samples([meter_value(odd, {"value": "7"})])

    assert [sample.value for sample in taken] == [7.0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(JSON | st.fixed_dictionaries({"timestamp": st.just(T1) | JSON, "sampledValue": JSON}), max_size=3))
def test_nothing_a_charge_point_sends_raises(meter_values: list[Any]) -> None:
    taken = readings.samples(meter_values)

    readings.newest(taken)


FIELDS = ("value", "unit", "unitOfMeasure", "measurand", "phase", "context", "location", "format")


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(FIELDS, JSON),
    )
)
def test_no_sampled_value_raises(sampled_value: dict[str, Any]) -> None:
    taken = readings.samples([meter_value(sampled_value)])

    assert len(taken) <= 1


def test_the_newest_of_each_measurand_counts() -> None:
    taken = readings.samples(
        [
            meter_value({"value": "120"}, {"value": "42", "measurand": "SoC"}, at=T2),
            meter_value({"value": "100"}, {"value": "7", "unit": "kW", "measurand": "Power.Active.Import"}),
        ]
    )

    newest = readings.newest(taken)

    assert newest == readings.Readings(120.0, 7000.0, 42.0, datetime(2026, 11, 21, 12, 1, tzinfo=UTC))


def test_a_total_counts_and_not_its_phases() -> None:
    power = {"measurand": "Power.Active.Import"}
    taken = readings.samples(
        [
            meter_value(
                {"value": "9", **power}, {"value": "3", "phase": "L1", **power}, {"value": "6", "phase": "L2", **power}
            )
        ]
    )

    newest = readings.newest(taken)

    assert newest.power_w == 9.0


def test_phases_without_a_total_are_summed() -> None:
    power = {"measurand": "Power.Active.Import"}
    taken = readings.samples(
        [
            meter_value(*({"value": "50", "phase": line, **power} for line in ("L1", "L2", "L3")), at=T1),
            meter_value(*({"value": "10", "phase": line, **power} for line in ("L1-N", "L2-N", "L3-N")), at=T2),
        ]
    )

    newest = readings.newest(taken)

    assert newest.power_w == 30.0


def test_the_register_of_the_outlet_goes_before_the_cars() -> None:
    taken = readings.samples([meter_value({"value": "100"}), meter_value({"value": "9", "location": "EV"}, at=T2)])

    newest = readings.newest(taken)

    assert newest.energy_wh == 100.0


def test_the_state_of_charge_is_the_cars() -> None:
    taken = readings.samples([meter_value({"value": "55", "measurand": "SoC", "location": "EV"})])

    newest = readings.newest(taken)

    assert newest.soc_percent == 55.0


def test_begin_and_end_are_found_by_their_context() -> None:
    taken = readings.samples(
        [
            meter_value({"value": 100, "context": "Transaction.Begin"}, {"value": 250, "context": "Transaction.End"}),
            meter_value({"value": 90, "context": "Sample.Periodic"}),
        ]
    )

    begin, end = (readings.energy_at(taken, f"Transaction.{which}") for which in ("Begin", "End"))

    assert (begin, end) == (100.0, 250.0)


def test_without_a_context_the_oldest_reading_is_first() -> None:
    taken = readings.samples([meter_value({"value": 120}, at=T2), meter_value({"value": 100}, at=T1)])

    first = readings.oldest_energy(taken)

    assert first == (100.0, timestamps.parse(T1))


def test_no_samples_say_nothing() -> None:
    newest = readings.newest([])

    assert newest == readings.Readings()
