"""When a broker is pinged and when it is given up."""

from adapters.mqtt_keepalive import Keepalive

NOTHING = (None, None)


def test_a_busy_connection_is_not_pinged() -> None:
    keepalive = Keepalive(30)

    pings = [keepalive.is_ping_due(has_sent=True, has_received=True) for _ in range(10)]

    assert not any(pings)


def test_two_ticks_of_silence_are_the_end() -> None:
    keepalive = Keepalive(30)

    first = keepalive.verdict(False, NOTHING)
    is_pinged = keepalive.is_ping_due(has_sent=True, has_received=False)
    second = keepalive.verdict(False, NOTHING)

    assert first is None
    assert is_pinged
    assert second == "the broker does not answer"


def test_a_broker_that_answers_pings_lives() -> None:
    keepalive = Keepalive(30)

    verdicts = []
    for _ in range(10):
        verdicts.append(keepalive.verdict(True, NOTHING))
        keepalive.is_ping_due(has_sent=False, has_received=True)

    assert verdicts == [None] * 10


def test_a_publish_without_acknowledgement_for_a_whole_keepalive_is_the_end() -> None:
    keepalive = Keepalive(30)
    publish = object()

    verdicts = [keepalive.verdict(True, (publish, None)) for _ in range(6)]

    assert verdicts == [None] * 5 + ["the broker does not acknowledge"]


def test_acknowledgements_that_flow_are_fine_however_many_wait() -> None:
    keepalive = Keepalive(30)

    verdicts = [keepalive.verdict(True, (object(), object())) for _ in range(12)]

    assert verdicts == [None] * 12
