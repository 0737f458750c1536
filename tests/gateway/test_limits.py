"""Limits per charge point and per source address."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.limits import SourceLimit, Throttle, TrafficLimits, Turns


def test_a_burst_passes_and_what_follows_waits() -> None:
    throttle = Throttle(rate=10, burst=3, patience_s=5)

    assert [throttle.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert throttle.take(0.0) == 0.1
    assert throttle.take(0.0) == 0.2


def test_who_keeps_to_the_rate_never_waits() -> None:
    throttle = Throttle(rate=10, burst=1, patience_s=5)

    assert not any(throttle.take(step / 8) for step in range(1000))


def test_a_rate_of_nothing_limits_nothing() -> None:
    throttle = Throttle(rate=0, burst=0, patience_s=0)

    assert not any(throttle.take(0.0) for _ in range(10_000))
    assert not throttle.is_hopeless(1e9)


def test_who_stays_in_debt_is_hopeless_and_a_break_mends_it() -> None:
    throttle = Throttle(rate=1, burst=1, patience_s=5)

    for step in range(6):
        throttle.take(float(step), 2)
    still = throttle.is_hopeless(5.0)
    later = throttle.is_hopeless(6.1)
    throttle.take(100.0)

    assert (still, later, throttle.is_hopeless(200.0)) == (False, True, False)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_over_any_stretch_no_more_than_burst_and_rate_pass_without_waiting(gaps: list[float]) -> None:
    throttle = Throttle(rate=5, burst=4, patience_s=5)
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


def test_without_limits_nothing_is_counted() -> None:
    assert TrafficLimits().traffic() is None


def test_turns_come_one_after_the_other_and_the_line_has_an_end() -> None:
    turns = Turns(rate=10, max_wait_s=0.25)

    assert [turns.take(0.0) for _ in range(5)] == [0.0, 0.1, 0.2, None, None]
    assert turns.take(0.31) == 0.0


def test_everybody_may_come_at_once_where_there_is_no_rate() -> None:
    turns = Turns(rate=0, max_wait_s=0)

    assert [turns.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
