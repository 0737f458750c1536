"""Who is looked at when."""

from gateway.wheel import Wheel


def test_a_wish_is_found_when_its_time_has_come_and_only_once() -> None:
    wheel = Wheel(0.5)
    wheel.put("CP1", 10.2)

    looks = [wheel.due(now) for now in (10.0, 10.2, 10.5, 11.0)]

    assert looks == [[], [], ["CP1"], []]
    assert len(wheel) == 0


def test_a_wish_for_a_time_that_is_over_is_found_at_the_next_look() -> None:
    wheel = Wheel(0.5)
    wheel.due(20.0)

    wheel.put("CP1", 3.0)

    assert wheel.due(20.1) == []
    assert wheel.due(20.5) == ["CP1"]


def test_after_a_pause_all_are_found_in_order() -> None:
    wheel = Wheel(0.5)
    wheel.put("CP2", 2.0)
    wheel.put("CP1", 1.0)
    wheel.put("CP3", 2_000.0)

    assert wheel.due(1_000.0) == ["CP1", "CP2"]
    assert len(wheel) == 1
