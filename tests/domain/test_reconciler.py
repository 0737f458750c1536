"""One test for each rule that makes a bill of what charge points say, and some that none is used without need."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import reconciler
from domain.models import Transaction
from ocppj.versions import V16

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

SOUND = Transaction(
    "CP-001", "1", V16, connector="1", started_at=NOON, meter_start_wh=910_000, ended_at=NOON + HOUR,
    meter_stop_wh=910_083, start_received_at=NOON, stop_received_at=NOON + HOUR,
)  # fmt: skip


def billed(**facts: Any) -> tuple[int | None, tuple[str, ...]]:
    reconciled = reconciler.reconciled(replace(SOUND, **facts))
    return reconciled.billed_wh, reconciled.rules


def readings(first: float, last: float) -> dict[str, Any]:
    return {
        "first_energy_wh": first, "first_sampled_at": NOON + MINUTE, "energy_wh": last,
        "sampled_at": NOON + HOUR - MINUTE,
    }  # fmt: skip


def test_a_sound_transaction_needs_no_rule() -> None:
    assert billed() == (83, ())
    assert billed(**readings(910_001, 910_082)) == (83, ())


def test_what_was_said_stays_as_it_was() -> None:
    reconciled = reconciler.reconciled(replace(SOUND, meter_start_wh=0, **readings(910_000, 910_083)))

    assert (reconciled.meter_start_wh, reconciled.meter_stop_wh) == (0, 910_083)


def test_zero_begin_910_kwh_are_not_billed_for_83_wh() -> None:
    assert billed(meter_start_wh=0, **readings(910_000, 910_083)) == (83, ("zero_begin",))


def test_zero_begin_without_readings_is_nobodys_guess() -> None:
    assert billed(meter_start_wh=0) == (None, ("implausible",))


def test_a_meter_that_begins_anew_with_every_transaction_is_believed() -> None:
    assert billed(meter_start_wh=0, meter_stop_wh=42_000, **readings(500, 41_500)) == (42_000, ())
    assert billed(meter_start_wh=0, meter_stop_wh=42_000) == (42_000, ())


def test_odometer_begin_the_lifetime_of_the_meter_is_no_begin() -> None:
    assert billed(meter_stop_wh=7_000) == (7_000, ("odometer_begin",))
    assert billed(meter_stop_wh=7_000, **readings(10, 6_900)) == (7_000, ("odometer_begin",))


@pytest.mark.parametrize(
    ("begin", "end", "energy_wh"),
    [(999_990, 15, 25), (99_999_000, 4_000, 5_000), (2**32 - 100, 900, 1_000)],
)
def test_register_rollover_the_register_went_on_from_zero(begin: int, end: int, energy_wh: int) -> None:
    assert billed(meter_start_wh=begin, meter_stop_wh=end) == (energy_wh, ("register_rollover",))


def test_register_rollover_is_seen_between_readings_too() -> None:
    rolled = billed(meter_start_wh=999_000, meter_stop_wh=4_000, **readings(999_100, 3_900))

    assert rolled == (5_000, ("register_rollover",))


@pytest.mark.parametrize(
    ("begin", "end", "energy_wh"),
    [(910, 910_083, 83), (910_000, 911, 1_000)],
    ids=["begin", "end"],
)
def test_kwh_slip_begin_or_end_is_in_kwh(begin: int, end: int, energy_wh: int) -> None:
    assert billed(meter_start_wh=begin, meter_stop_wh=end) == (energy_wh, ("kwh_slip",))


@pytest.mark.parametrize(("begin", "end"), [(910, 911_500), (910_400, 911), (910, 911)])
def test_kwh_slip_readings_know_it_better_than_whole_kwh(begin: int, end: int) -> None:
    energy_wh, rules = billed(meter_start_wh=begin, meter_stop_wh=end, **readings(910_400, 911_500))

    assert (energy_wh, rules) == (1_100, ("kwh_slip",))


def test_zero_end_the_last_reading_counts() -> None:
    assert billed(meter_stop_wh=0, **readings(910_001, 915_000)) == (5_000, ("zero_end",))


def test_implausible_what_nothing_explains_is_not_billed() -> None:
    assert billed(meter_start_wh=5_000, meter_stop_wh=900_000) == (None, ("implausible",))


def test_readings_of_another_meter_spoil_no_bill_that_may_be_right() -> None:
    assert billed(**readings(1.5, 1.6)) == (83, ())


def test_clock_wrong_before_2000_or_ahead_of_us() -> None:
    unset = datetime(1970, 1, 1, tzinfo=UTC)

    assert billed(started_at=unset, ended_at=unset + HOUR) == (83, ("clock_wrong",))
    assert billed(started_at=unset) == (83, ("clock_wrong",))
    assert billed(ended_at=NOON + 24 * HOUR) == (83, ("clock_wrong",))


def test_end_before_start() -> None:
    assert billed(ended_at=NOON - MINUTE) == (83, ("end_before_start",))


def test_stop_without_start() -> None:
    assert billed(started_at=None, meter_start_wh=None) == (None, ("stop_without_start",))
    assert billed(started_at=None, meter_start_wh=None, **readings(910_000, 910_083)) == (83, ("stop_without_start",))


def test_left_open_is_billed_up_to_the_last_reading() -> None:
    lost = {"ended_at": None, "meter_stop_wh": None, "stop_received_at": None, "next_started_at": NOON + 2 * HOUR}

    assert billed(**lost, **readings(910_000, 912_000)) == (2_000, ("left_open",))
    assert billed(**lost) == (None, ("left_open",))


def test_values_after_stop_do_not_count() -> None:
    late = readings(910_001, 950_000) | {"sampled_at": NOON + 2 * HOUR}

    assert billed(**late) == (83, ("values_after_stop",))
    assert billed(meter_stop_wh=None, **late) == (None, ("values_after_stop",))


def test_frozen_clock_is_told_of_a_start_that_looks_like_another() -> None:
    assert billed(start_number=2) == (83, ("frozen_clock",))


def test_one_that_runs_is_billed_so_far() -> None:
    running = {"ended_at": None, "meter_stop_wh": None, "stop_received_at": None}

    assert billed(**running, **readings(910_000, 912_000)) == (2_000, ())
    assert billed(**running) == (None, ())


@given(st.integers(0, 10**9), st.integers(0, 350_000), st.integers(1, 40))
def test_no_rule_touches_an_honest_meter(begin: int, energy_wh: int, hours: int) -> None:
    honest = {
        "meter_start_wh": begin, "meter_stop_wh": begin + energy_wh, "ended_at": NOON + hours * HOUR,
        "first_energy_wh": float(begin), "first_sampled_at": NOON, "energy_wh": float(begin + energy_wh),
        "sampled_at": NOON + hours * HOUR, "stop_received_at": NOON + hours * HOUR,
    }  # fmt: skip

    assert billed(**honest) == (energy_wh, ())


@given(
    st.integers(0, 2**33), st.integers(0, 2**33), st.none() | st.floats(0, 1e12), st.none() | st.floats(0, 1e12),
    st.integers(-10**9, 10**9).map(lambda s: NOON + timedelta(seconds=s)),
)  # fmt: skip
def test_nothing_is_ever_billed_that_no_charge_point_delivers(
    begin: int, end: int, first: float | None, last: float | None, ended: datetime
) -> None:
    taken = {"first_energy_wh": first, "first_sampled_at": NOON, "energy_wh": last, "sampled_at": NOON}

    energy_wh, _ = billed(meter_start_wh=begin, meter_stop_wh=end, ended_at=ended, **taken)

    seconds = max((ended - NOON).total_seconds(), 0)
    most = max(reconciler.DOUBTFUL_WH, reconciler.SLACK_WH + reconciler.MAX_POWER_W * seconds / 3600)
    assert energy_wh is None or 0 <= energy_wh <= most
