"""Who is woken when."""

from datetime import datetime, timedelta

from charge_point_sim.wheel import Wheel
from tests.charge_point_sim.script import NOW


class _Sleeper:
    wakes_at: datetime | None = None


def _at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_sleepers_wake_in_order_of_their_wishes() -> None:
    wheel, early, late = Wheel(), _Sleeper(), _Sleeper()
    wheel.wish(late, _at(2))
    wheel.wish(early, _at(1))

    assert list(wheel.due(_at(0))) == []
    assert list(wheel.due(_at(3))) == [early, late]


def test_an_earlier_wish_replaces_a_later_one() -> None:
    wheel, sleeper = Wheel(), _Sleeper()
    wheel.wish(sleeper, _at(5))
    wheel.wish(sleeper, _at(1))

    assert list(wheel.due(_at(1))) == [sleeper]
    assert list(wheel.due(_at(9))) == []


def test_a_later_wish_waits_until_the_sleeper_is_awake() -> None:
    wheel, sleeper = Wheel(), _Sleeper()
    wheel.wish(sleeper, _at(1))
    wheel.wish(sleeper, _at(5))

    assert list(wheel.due(_at(1))) == [sleeper]
    assert sleeper.wakes_at is None


def test_no_wish_wakes_nobody() -> None:
    wheel, sleeper = Wheel(), _Sleeper()

    wheel.wish(sleeper, None)

    assert list(wheel.due(_at(1e6))) == []
