"""How much power charging profiles leave."""

from datetime import timedelta
from typing import Any

import pytest

from charge_point_sim.profiles import Profile, composite, limit_w, next_change, read
from ocppj import timestamps
from tests.charge_point_sim.script import NOW

DAY = timedelta(days=1)


def profile(
    *periods: tuple[int, float], where: int = 0, purpose: str = "TxDefaultProfile", kind: str = "Absolute",
    level: int = 0, unit: str = "W", **more: Any,
) -> Profile:  # fmt: skip
    schedule = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
        "startSchedule": timestamps.write(NOW),
    }
    schedule |= {key: more.pop(key) for key in ("duration", "startSchedule") if key in more}
    payload = {
        "chargingProfileId": len(periods) * 10 + level,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }
    return read(payload, where)


def test_a_schedule_changes_from_period_to_period_and_ends() -> None:
    night = profile((0, 1000), (60, 2000), duration=120)

    limits = [night.limit_w(NOW + timedelta(seconds=at_s), None) for at_s in (-1, 0, 59, 60, 119, 120)]

    assert limits == [None, 1000, 1000, 2000, 2000, None]


def test_a_relative_schedule_begins_with_the_transaction() -> None:
    slow_start = profile((0, 500), (300, 9000), kind="Relative")

    assert slow_start.limit_w(NOW, None) is None
    assert slow_start.limit_w(NOW, NOW - timedelta(seconds=299)) == 500
    assert slow_start.limit_w(NOW, NOW - timedelta(seconds=301)) == 9000


def test_a_daily_schedule_comes_again_every_day() -> None:
    daily = profile((0, 1000), (3600, 5000), kind="Recurring", recurrencyKind="Daily")

    assert [daily.limit_w(NOW + days * DAY, None) for days in (0, 1, 400)] == [1000] * 3
    assert daily.limit_w(NOW - timedelta(hours=1), None) == 5000


def test_amperes_are_watts_at_the_voltage_of_the_meter() -> None:
    assert profile((0, 10), unit="A").limit_w(NOW, None) == 4000


def test_a_profile_counts_only_while_it_is_valid() -> None:
    bounded = profile((0, 1), validFrom=timestamps.write(NOW + DAY), validTo=timestamps.write(NOW + 2 * DAY))

    limits = [bounded.limit_w(NOW + days * DAY, None) for days in (0.9, 1, 1.9, 2)]

    assert limits == [None, 1, 1, None]


@pytest.mark.parametrize(
    ("profiles", "left_w"),
    [
        ([], None),
        ([profile((0, 100), level=0), profile((0, 900), level=1)], 900),
        ([profile((0, 100)), profile((0, 900), purpose="TxProfile", where=1)], 900),
        ([profile((0, 50), purpose="ChargePointMaxProfile"), profile((0, 900), purpose="TxProfile", where=1)], 50),
        ([profile((0, 50), purpose="TxProfile", where=2)], None),
    ],
)
def test_the_highest_of_each_purpose_and_the_least_of_all_count(profiles: list[Profile], left_w: float | None) -> None:
    assert limit_w(profiles, 1, NOW, NOW) == left_w


def test_the_next_change_is_the_next_edge_of_anybody() -> None:
    both = [profile((0, 1), (100, 2), duration=500), profile((0, 3), (70, 4))]

    changes = [next_change(both, NOW + timedelta(seconds=at_s), None) for at_s in (0, 70, 100, 500)]

    assert changes == [NOW + timedelta(seconds=at_s) for at_s in (70, 100, 500)] + [None]


def test_the_composite_schedule_is_the_course_of_what_is_left() -> None:
    both = [profile((0, 4000), (100, 9000), duration=500), profile((0, 6000), purpose="ChargePointMaxProfile")]

    course = composite(both, 1, NOW, 1000, NOW, 50_000)

    assert course == [(0, 4000), (100, 6000)]


def test_without_profiles_everything_is_left() -> None:
    assert composite([], 1, NOW, 10**12, NOW, 50_000) == [(0, 50_000)]


def test_numbers_beyond_any_calendar_break_nothing() -> None:
    odd = profile((-(10**6), 1.0), (10**18, 2.0), duration=10**18)

    assert odd.limit_w(NOW, None) == 1
    assert composite([odd], 1, NOW, 10**18, NOW, 5.0)[0] == (0, 1.0)
