"""Counting."""

from random import Random

import pytest

from charge_point_sim.tally import Histogram, Tally, Tick, merge, next_second


def test_percentiles_are_off_by_a_tenth_at_most() -> None:
    rng = Random(7)  # noqa: S311  # numbers, not secrets
    seconds = [rng.lognormvariate(-5, 1) for _ in range(2000)]
    histogram = Histogram()

    for each in seconds:
        histogram.add(each)

    for part in (0.5, 0.9, 0.99, 1):
        exact = sorted(seconds)[round(part * len(seconds)) - 1]
        found = histogram.percentile_s(part)
        assert found is not None
        assert exact <= found * 1.001 <= exact * 1.11


def test_nothing_counted_has_no_percentile() -> None:
    assert Histogram().percentile_s(0.5) is None


def test_latencies_of_two_processes_are_as_good_as_those_of_one() -> None:
    one, other, both = Histogram(), Histogram(), Histogram()
    one.add(0.001)
    other.add(0.1)

    both.merge(one.counts)
    both.merge(other.counts)

    assert both.total == 2
    assert both.percentile_s(1) == other.percentile_s(1)


def test_a_second_of_several_processes_is_added_up() -> None:
    ticks = [Tick(3, connected=2, errors={"x": 1}, latency={5: 1}), Tick(3, connected=4, errors={"x": 2, "y": 1})]

    whole = merge(3, ticks)

    assert (whole.connected, whole.errors, whole.latency) == (6, {"x": 3, "y": 1}, {5: 1})


def test_counting_begins_again_each_second_but_who_is_connected_stays() -> None:
    tally = Tally()
    tally.connected, tally.frames_out = 5, 7
    tally.errors["lost"] += 1
    tally.latency.add(0.1)

    first, second = tally.take(1, 0, 0, 0), tally.take(2, 0, 0, 0)

    assert (first.frames_out, first.errors, sum(first.latency.values())) == (7, {"lost": 1}, 1)
    assert (second.connected, second.frames_out, second.errors, second.latency) == (5, 0, {}, {})


@pytest.mark.parametrize(
    ("told", "elapsed_s", "following"),
    [(-1, 0.0, 1), (1, 1.001, 2), (1, 0.9996, 2), (1, 4.6, 5), (5, 4.6, 6)],
)
def test_a_second_is_told_once_even_if_its_timer_rings_early(told: int, elapsed_s: float, following: int) -> None:
    assert next_second(told, elapsed_s) == following
