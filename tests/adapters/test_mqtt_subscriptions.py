"""Subscribing, leaving and coming back in every order: in the end the broker knows what is wanted."""

import mqtt5
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt5 import SubAckPacket, SubAckReasonCode, SubscribePacket, UnsubscribePacket

from adapters.mqtt_subscriptions import Subscription, Subscriptions

TOPICS = ["a/out", "b/out", "c/out"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "remove"]), st.sampled_from(TOPICS)),
        st.tuples(st.sampled_from(["unsubscribe", "subscribe", "answer", "refuse", "reconnect"]), st.just("")),
    ),
    max_size=60,
)


class Broker:
    """Takes packets in order, and answers when it is told to."""

    def __init__(self) -> None:
        self.granted: set[str] = set()
        self.unanswered: list[SubscribePacket | UnsubscribePacket] = []

    def take(self, data: bytes) -> None:
        packet, _ = mqtt5.read(memoryview(data))
        assert isinstance(packet, SubscribePacket | UnsubscribePacket)
        assert packet.packet_id not in [one.packet_id for one in self.unanswered]
        self.unanswered.append(packet)

    def answer(self, subscriptions: Subscriptions, code: SubAckReasonCode) -> None:
        packet = self.unanswered.pop(0)
        if isinstance(packet, UnsubscribePacket):
            self.granted -= set(packet.patterns)
            subscriptions.forget(packet.packet_id)
            return
        topics = [topic_filter.pattern for topic_filter in packet.topic_filters]
        is_refused = code != SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
        self.granted = self.granted - set(topics) if is_refused else self.granted | set(topics)
        answered = subscriptions.answered(SubAckPacket(packet.packet_id, [code] * len(topics)))
        assert answered is not None
        for subscription, _ in answered:
            if is_refused:
                subscriptions.again(subscription)


def settle(broker: Broker, subscriptions: Subscriptions) -> None:
    """Send and answer until there is nothing left to do, unsubscribing first, as the link does."""
    while broker.unanswered or subscriptions.due():
        while (data := subscriptions.next_unsubscribe()) is not None:
            broker.take(data)
        while subscriptions.due():
            broker.take(subscriptions.next_subscribe())
        if broker.unanswered:
            broker.answer(subscriptions, SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE)
    while (data := subscriptions.next_unsubscribe()) is not None:
        broker.take(data)
        broker.answer(subscriptions, SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE)


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_in_the_end_the_broker_knows_what_is_wanted(steps: list[tuple[str, str]]) -> None:
    subscriptions, broker = Subscriptions(filters_per_packet=2), Broker()
    for step, topic in steps:
        if step == "add":
            subscriptions.add(Subscription(topic, print, None))
        elif step == "remove":
            subscriptions.remove(topic)
        elif step in ("unsubscribe", "subscribe"):
            while (data := subscriptions.next_unsubscribe()) is not None:
                broker.take(data)
            if step == "subscribe" and subscriptions.due():
                broker.take(subscriptions.next_subscribe())
        elif step == "reconnect":
            broker = Broker()
            subscriptions.connected()
        elif broker.unanswered:
            refusal, grant = SubAckReasonCode.QUOTA_EXCEEDED, SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
            broker.answer(subscriptions, refusal if step == "refuse" else grant)

    settle(broker, subscriptions)

    assert broker.granted == set(subscriptions.wanted)
    assert subscriptions.oldest() is None


def test_an_outage_remembers_no_departures() -> None:
    subscriptions = Subscriptions(filters_per_packet=8)
    subscriptions.connected()
    for number in range(1_000):
        subscriptions.add(Subscription(f"CP-{number}/out", print, None))
        subscriptions.remove(f"CP-{number}/out")

    subscriptions.connected()

    assert subscriptions.next_unsubscribe() is None
    assert subscriptions.due() == 0
