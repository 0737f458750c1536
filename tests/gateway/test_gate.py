"""Who has to come back later, and who is let in after a while."""

from gateway.gate import Arrivals, Gate, Pulse


def _gate(pulse: Pulse | None = None, **arrivals: float) -> Gate:
    return Gate(Arrivals(**arrivals), pulse or Pulse(5.0))  # type: ignore[arg-type]


def test_without_limits_everybody_may_come() -> None:
    gate = _gate()

    assert not any(gate.refusal("192.0.2.1", number, 0.0) for number in range(1_000))
    assert not any(gate.turn(0.0) for _ in range(1_000))


def test_an_address_that_keeps_trying_is_told_when_to_come_back() -> None:
    gate = _gate(handshakes_per_source_s=0.5)

    first = [gate.refusal("192.0.2.1", 0, 0.0) for _ in range(2)]
    third = gate.refusal("192.0.2.1", 0, 0.0)
    other = gate.refusal("192.0.2.2", 0, 0.0)

    assert [*first, other] == [None, None, None]
    assert third is not None
    assert (third.status, third.reason, third.headers) == (429, "too_many_handshakes", (("Retry-After", "1"),))


def test_a_full_gateway_says_so() -> None:
    gate = _gate(max_connections=2)

    refusal = gate.refusal("192.0.2.1", 2, 0.0)

    assert gate.refusal("192.0.2.1", 1, 0.0) is None
    assert refusal is not None
    assert (refusal.status, refusal.reason) == (503, "full")


def test_who_comes_at_the_end_of_a_long_line_comes_back_later() -> None:
    gate = _gate(subscribe_rate=10, max_wait_s=0.1)

    turns = [gate.turn(0.0) for _ in range(3)]

    assert turns[:2] == [0.0, 0.1]
    assert not isinstance(turns[2], float) and (turns[2].status, turns[2].reason) == (503, "storm")


def test_nobody_is_let_in_while_one_answer_in_ten_is_slow() -> None:
    pulse = Pulse(5.0)
    gate = _gate(pulse)

    for number in range(40):
        pulse.observe(6.0 if number % 8 == 0 else 0.1)
    refusal = gate.refusal("192.0.2.1", 0, 1.0)

    assert refusal is not None
    assert (refusal.status, refusal.reason) == (503, "backend_slow")


def test_a_few_slow_answers_are_no_slow_backend() -> None:
    few, many = Pulse(5.0), Pulse(5.0)

    for _ in range(10):
        few.observe(60.0)
    for number in range(100):
        many.observe(60.0 if number < 10 else 0.1)

    assert not few.is_slow(0.0)
    assert not many.is_slow(0.0)


def test_what_was_slow_long_ago_is_forgotten() -> None:
    pulse = Pulse(5.0)

    for _ in range(40):
        pulse.observe(6.0)

    assert [pulse.is_slow(now) for now in (9.0, 11.0, 19.0, 22.0, 40.0)] == [True, True, True, False, False]


def test_a_pulse_that_is_not_wanted_is_never_slow() -> None:
    pulse = Pulse(0.0)

    for _ in range(40):
        pulse.observe(60.0)

    assert not pulse.is_slow(0.0)
