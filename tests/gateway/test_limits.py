"""Limits per charge point and per source address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits import SourceLimit, Throttle, TrafficLimits, Turns


def test_a_burst_passes_and_what_follows_waits() -> None:
    throttle = Throttle(rate=10, burst=3)

    assert [throttle.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert throttle.take(0.0) == 0.1
    assert throttle.take(0.0) == 0.2


def test_who_keeps_to_the_rate_never_waits() -> None:
    throttle = Throttle(rate=10, burst=1)

    assert not any(throttle.take(step / 8) for step in range(1000))


def test_who_stays_in_debt_is_hopeless_and_a_break_mends_it() -> None:
    traffic = TrafficLimits(frames_per_s=1, patience_s=5).traffic()
    assert traffic is not None

    for step in range(6):
        traffic.take(float(step), 8, 0)
    still = traffic.is_hopeless(5.0)
    later = traffic.is_hopeless(6.1)
    traffic.take(100.0, 1, 0)

    assert (still, later, traffic.is_hopeless(200.0)) == (False, True, False)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_over_any_stretch_no_more_than_burst_and_rate_pass_without_waiting(gaps: list[float]) -> None:
    throttle = Throttle(rate=5, burst=4)
    now, passed = 0.0, 0

    for gap in gaps:
        now += gap
        passed += throttle.take(now) == 0.0

    assert passed <= 4 + 5 * now + 1e-6


def test_one_address_does_not_use_up_the_handshakes_of_another() -> None:
    limit = SourceLimit(rate=1, burst=2)

    first = [limit.wait("192.0.2.1", 0.0) for _ in range(4)]
    other = limit.wait("192.0.2.2", 0.0)

    assert first == [0.0, 0.0, 1.0, 1.0]
    assert other == 0.0
    assert limit.wait("192.0.2.1", 1.0) == 0.0


def test_only_the_addresses_seen_last_are_remembered() -> None:
    limit = SourceLimit(rate=1, burst=1, remembered=10)

    for number in range(1000):
        limit.wait(f"192.0.2.{number}", 0.0)

    assert len(limit._sources) == 10


def test_either_limit_slows_a_charge_point_down() -> None:
    many, large = (TrafficLimits(frames_per_s=10, bytes_per_s=1_000).traffic() for _ in range(2))

    assert many is not None and large is not None
    assert many.take(0.0, 50, 50) == 0.0
    assert many.take(0.0, 5, 50) == 0.5
    assert large.take(0.0, 1, 6_000) == 1.0


@pytest.mark.parametrize(("frames", "is_closed"), [(1, False), (16, True)])
def test_who_waits_for_each_answer_is_slowed_down_and_never_given_up_on(frames: int, is_closed: bool) -> None:
    traffic = TrafficLimits(frames_per_s=10, patience_s=5).traffic()
    assert traffic is not None
    now, taken = 0.0, 0

    while now < 60 and not traffic.is_hopeless(now):
        now += traffic.take(now, frames, 100)
        taken += frames

    assert (now < 60) is is_closed
    assert taken <= 50 + 10 * now + frames


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20), st.integers(0, 3_000)), min_size=1, max_size=200))
def test_over_any_stretch_no_more_than_a_burst_and_the_rate_is_read(reads: list[tuple[float, int, int]]) -> None:
    traffic = TrafficLimits(frames_per_s=10, bytes_per_s=1_000).traffic()
    assert traffic is not None
    now = frames = octets = 0.0

    for gap, more, octets_more in reads:
        now += gap
        now += traffic.take(now, more, octets_more)
        frames, octets = frames + more, octets + octets_more
        assert frames <= 10 * 5 + 10 * now + 1e-6
        assert octets <= 1_000 * 5 + 1_000 * now + 1e-3


def test_without_limits_nothing_is_counted() -> None:
    assert TrafficLimits().traffic() is None


def test_turns_come_one_after_the_other_and_the_line_has_an_end() -> None:
    turns = Turns(rate=10, max_wait_s=0.25)

    assert [turns.take(0.0) for _ in range(5)] == [0.0, 0.1, 0.2, None, None]
    assert turns.take(0.31) == 0.0


def test_everybody_may_come_at_once_where_there_is_no_rate() -> None:
    turns = Turns(rate=0, max_wait_s=0)

    assert [turns.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
