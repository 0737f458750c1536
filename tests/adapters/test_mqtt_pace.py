"""How fast is fast enough: buckets and queues, on a clock of their own."""

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import pytest

from adapters.mqtt_pace import AWS_BYTE_RATE, AWS_PUBLISH_RATE, AWS_SUBSCRIBE_RATE, Bucket, Pace, PublishPace


@dataclass
class Clock:
    """A clock that a test turns."""

    now: float = 1_000.0
    went: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now


def most_in_a_second(times: list[float]) -> int:
    """How many of these fell into the fullest second."""
    return max(sum(1 for other in times if time <= other < time + 1) for time in times)


def go(bucket: Bucket | PublishPace, clock: Clock, count: int, size: int = 1) -> list[float]:
    """Have `count` go as soon as they may; when they went."""
    times = []
    for _ in range(count):
        while (wait_s := bucket.wait_s()) > 0:
            clock.now += wait_s
        bucket.take(size)
        times.append(clock.now)
    return times


def test_the_first_quarter_of_a_second_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = Clock()

    times = go(Bucket(80, clock), clock, 260)

    assert times[:20] == [1_000.0] * 20
    assert times[-1] == pytest.approx(1_003.0)
    assert most_in_a_second(times) <= 100


def test_idle_time_is_not_saved_up() -> None:
    clock = Clock()
    bucket = Bucket(80, clock)
    go(bucket, clock, 100)
    clock.now += 3_600

    times = go(bucket, clock, 200)

    assert most_in_a_second(times) <= 101


def test_what_went_anyway_is_waited_for() -> None:
    clock = Clock()
    bucket = Bucket(10, clock)

    bucket.take(32.5)
    wait_s = bucket.wait_s()

    assert wait_s == pytest.approx(3.1)


def test_a_rate_below_one_a_second_works() -> None:
    clock = Clock()

    times = go(Bucket(0.5, clock), clock, 3)

    assert times == pytest.approx([1_000.0, 1_002.0, 1_004.0])


def test_messages_and_bytes_are_bounded_together() -> None:
    clock = Clock()

    small = go(PublishPace(80, 409_600, clock), clock, 800, size=100)
    large = go(PublishPace(80, 409_600, clock), clock, 100, size=40_960)

    assert small[-1] - small[0] == pytest.approx(9.75, abs=0.05)
    assert large[-1] - large[0] == pytest.approx(9.6, abs=0.2)


def test_the_rates_for_aws_stay_below_its_limits() -> None:
    clock = Clock()

    messages = go(Bucket(AWS_PUBLISH_RATE, clock), clock, 500)
    octets = go(Bucket(AWS_BYTE_RATE, clock), clock, 1_000, size=4_096)
    filters = go(Bucket(AWS_SUBSCRIBE_RATE, clock), clock, 300, size=8)

    assert most_in_a_second(messages) <= 100
    assert most_in_a_second(octets) * 4_096 <= 524_288
    assert most_in_a_second(filters) * 8 <= 510


def test_a_thousand_links_share_one_pace_and_hardly_ask_in_vain() -> None:
    clock = Clock()
    pace = Pace(400, clock)
    asks = 0
    # Each has 45 filters, eight at a time, and comes when the last answer told it to.
    queue = [(clock.now, link, 6) for link in range(1_000)]
    heapify(queue)

    while queue:
        clock.now, link, left = heappop(queue)
        asks += 1
        wait_s = pace(8)
        if wait_s > 0:
            heappush(queue, (clock.now + wait_s, link, left))
        else:
            clock.went.append(clock.now)
            if left > 1:
                heappush(queue, (clock.now, link, left - 1))

    assert len(clock.went) == 6_000
    assert clock.went[-1] - 1_000.0 == pytest.approx(6_000 * 8 / 400, rel=0.1)
    assert asks < 4 * 6_000


def test_a_pace_that_nobody_waits_for_lets_go_at_once() -> None:
    clock = Clock()
    pace = Pace(500, clock)
    while pace(8) == 0:
        pass
    clock.now += 60

    wait_s = pace(8)

    assert wait_s == 0
