"""The emulator's broker: who hears what, and who is not even asked."""

from collections.abc import Iterator

import pytest
from ministack.services import iot

from infra.local import subscriptions

ACCOUNT, REGION = "000000000000", "us-east-1"


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The emulator's broker with our subscriptions, in this process, and as it was afterwards."""
    for name in ("broker_publish", "_subscriptions"):
        monkeypatch.setattr(iot, name, getattr(iot, name))
    subscriptions.find_subscribers_by_topic()
    yield
    iot.broker_reset()


class Subscriber:
    """Remembers the topics it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def hear(self, topic: str, payload: bytes, qos: int) -> None:
        self.heard.append(topic)


async def _subscribe(topic_filter: str) -> tuple[Subscriber, str]:
    subscriber = Subscriber()
    return subscriber, await iot.broker_subscribe(ACCOUNT, REGION, topic_filter, subscriber.hear)


async def _publish(*topics: str) -> None:
    for topic in topics:
        await iot.broker_publish(ACCOUNT, REGION, topic, b"{}")


async def test_topics_and_wildcards_hear_what_is_theirs() -> None:
    exact, _ = await _subscribe("CP1/out")
    one_level, _ = await _subscribe("+/out")
    below, _ = await _subscribe("CP1/#")

    await _publish("CP1/out", "CP2/out", "CP1/in")

    assert exact.heard == ["CP1/out"]
    assert one_level.heard == ["CP1/out", "CP2/out"]
    assert below.heard == ["CP1/out", "CP1/in"]


async def test_two_subscribers_of_a_topic_both_hear_until_one_unsubscribes() -> None:
    first, its_id = await _subscribe("CP1/out")
    second, _ = await _subscribe("CP1/out")
    every, their_id = await _subscribe("+/out")

    await _publish("CP1/out")
    await iot.broker_unsubscribe(its_id)
    await iot.broker_unsubscribe(their_id)
    await _publish("CP1/out")

    assert (len(first.heard), len(second.heard), len(every.heard)) == (1, 2, 1)


async def test_who_publishes_while_it_hears_is_heard_too() -> None:
    last, _ = await _subscribe("second")

    async def repeat(topic: str, payload: bytes, qos: int) -> None:
        await _publish("second")

    await iot.broker_subscribe(ACCOUNT, REGION, "first", repeat)
    also, _ = await _subscribe("first")

    await _publish("first")

    assert (last.heard, also.heard) == (["second"], ["first"])


async def test_a_message_is_held_against_the_subscriptions_of_its_topic_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100):
        await _subscribe(f"CP{number}/out")
    asked: list[str] = []

    def matches(topic_filter: str, topic: str) -> bool:
        asked.append(topic_filter)
        return topic_filter == topic

    monkeypatch.setattr(iot, "_subscription_matches", matches)

    await _publish("CP7/out")

    assert asked == ["CP7/out"]
