from datetime import UTC, datetime, timedelta

import pytest

from charge_point_sim.meter import Meter, Vehicle, readings

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def _car(state_of_charge: float) -> Vehicle:
    return Vehicle(capacity_wh=50_000, max_power_w=50_000, state_of_charge=state_of_charge)


def test_power_is_full_until_80_percent_and_falls_to_a_twentieth() -> None:
    powers = [_car(soc).power_w() for soc in (0.1, 0.8, 0.9, 0.999999, 1.0)]

    assert powers == pytest.approx([50_000, 50_000, 26_250, 2_500, 0], rel=1e-3)


def test_the_register_counts_what_the_car_takes() -> None:
    meter, car = Meter(), _car(0.1)
    meter.switch_on(NOON)

    meter.advance(car, NOON + timedelta(minutes=6))

    assert meter.energy_wh == pytest.approx(5_000)
    assert car.state_of_charge == pytest.approx(0.2)
    assert readings(meter, car)["SoC"] == (20.0, "Percent")


def test_a_car_never_takes_more_than_it_holds() -> None:
    meter, car = Meter(), _car(0.99)
    meter.switch_on(NOON)

    meter.advance(car, NOON + timedelta(hours=9))

    assert meter.energy_wh == pytest.approx(500)
    assert car.is_full
    assert meter.power_w == 0


def test_nothing_flows_when_it_is_off_or_time_goes_backwards() -> None:
    meter, car = Meter(energy_wh=100), _car(0.5)
    meter.advance(car, NOON + timedelta(hours=1))
    meter.switch_on(NOON)

    meter.advance(car, NOON - timedelta(hours=1))

    assert meter.energy_wh == 100


def test_without_a_car_there_is_no_state_of_charge() -> None:
    assert "SoC" not in readings(Meter(), None)
