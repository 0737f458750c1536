"""What the native link promises beyond the port, packet by packet."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import mqtt5
import pytest
import structlog
import uvloop
from mqtt5 import DisconnectReasonCode, PubAckReasonCode, QoS, SubAckReasonCode

from adapters.mqtt_link import MqttLink
from domain.ports import Message, PacketTooLargeError
from tests.adapters.labs import until
from tests.adapters.scripted_broker import QUICK, ScriptedBroker, grant, link_to, numbers, scripted_broker


@pytest.fixture
async def broker() -> AsyncIterator[ScriptedBroker]:
    """A broker to play."""
    async with scripted_broker() as listening:
        yield listening


async def test_connect_says_what_the_settings_say(broker: ScriptedBroker) -> None:
    settings: dict[str, Any] = {"username": "u", "password": b"p", "keepalive_s": 45, "receive_maximum": 50}

    async with link_to(broker, will=("gateways/g/down", b"{}"), max_packet_size=131_072, **settings):
        connect = await (await broker.connection()).accept()

    assert connect.client_id == "gw-1"
    assert connect.clean_start
    assert (connect.username, connect.password) == ("u", b"p")
    assert (connect.keep_alive, connect.receive_max, connect.max_packet_size) == (45, 50, 131_072)
    assert connect.will is not None
    assert (connect.will.topic, connect.will.payload, connect.will.retain) == ("gateways/g/down", b"{}", False)


async def test_packets_may_come_in_pieces(broker: ScriptedBroker) -> None:
    received: list[bytes] = []

    async with link_to(broker) as link:
        link.subscribe("a/out", lambda message: received.append(message.payload))
        peer = await broker.connection()
        await peer.receive(mqtt5.ConnectPacket)
        for byte in mqtt5.ConnAckPacket().write():
            peer.send_bytes(bytes([byte]))
            await asyncio.sleep(0.001)
        await grant(peer)
        packets = [mqtt5.PublishPacket("a/out", b"%d" % size + b"x" * size) for size in (0, 300, 40_000)]
        stream = b"".join(packet.write() for packet in packets)
        for start, end in ((0, 1), (1, 12), (12, 13), (13, 14), (14, 200), (200, 30_000), (30_000, len(stream))):
            peer.send_bytes(stream[start:end])
            await asyncio.sleep(0.001)
        await until(lambda: len(received) == 3)

    assert received == [packet.payload for packet in packets]


async def test_exactly_the_unacknowledged_are_sent_again_in_order(broker: ScriptedBroker) -> None:
    acknowledged: list[int] = []

    async with link_to(broker) as link:
        for number in range(6):
            link.publish("a/in", b"%d" % number, (), lambda number=number: acknowledged.append(number))  # type: ignore[misc]
        first = await broker.accepted(receive_max=4)
        sent = await first.receive_publishes(4)
        first.acknowledge(sent[2], sent[0])
        sent += await first.receive_publishes(2)
        await until(lambda: len(acknowledged) == 2)
        first.drop()
        await until(lambda: not link.is_connected)
        link.publish("a/in", b"6")
        second = await broker.accepted()
        again = await second.receive_publishes(5)
        is_all = await second.says_nothing_more()

    assert numbers(sent) == [0, 1, 2, 3, 4, 5]
    assert acknowledged == [2, 0]
    assert numbers(again) == [1, 3, 4, 5, 6]
    assert not any(publish.duplicate for publish in again)
    assert is_all


async def test_a_receive_maximum_of_one_is_one_at_a_time(broker: ScriptedBroker) -> None:
    order: list[int] = []

    async with link_to(broker) as link:
        for number in range(4):
            link.publish("a/in", b"%d" % number)
        peer = await broker.accepted(receive_max=1)
        for _ in range(4):
            publish = await peer.receive(mqtt5.PublishPacket)
            assert await peer.says_nothing_more()
            order += numbers([publish])
            peer.acknowledge(publish)

    assert order == [0, 1, 2, 3]


async def test_our_own_window_holds_when_the_broker_would_take_more(broker: ScriptedBroker) -> None:
    async with link_to(broker, window=2) as link:
        peer = await broker.accepted()
        for number in range(5):
            link.publish("a/in", b"%d" % number)
        sent = await peer.receive_publishes(2)
        is_all = await peer.says_nothing_more()

    assert numbers(sent) == [0, 1]
    assert is_all


async def test_the_brokers_keepalive_replaces_ours(broker: ScriptedBroker) -> None:
    async with link_to(broker, keepalive_s=600):
        peer = await broker.accepted(server_keep_alive=1)
        ping = await peer.receive(mqtt5.PingReqPacket)
        peer.send(mqtt5.PingRespPacket())

    assert ping is not None


async def test_a_refused_subscription_is_asked_for_again(broker: ScriptedBroker) -> None:
    subscribed: list[str] = []

    async with link_to(broker) as link:
        link.subscribe("a/out", print, lambda: subscribed.append("a"))
        link.subscribe("b/out", print, lambda: subscribed.append("b"))
        with structlog.testing.capture_logs() as logs:
            peer = await broker.accepted()
            first = await grant(peer, SubAckReasonCode.QUOTA_EXCEEDED, SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE)
            second = await grant(peer, SubAckReasonCode.NOT_AUTHORIZED)
            third = await grant(peer)
            await until(lambda: len(subscribed) == 2)

    assert (first, second, third) == (["a/out", "b/out"], ["a/out"], ["a/out"])
    assert subscribed == ["b", "a"]
    refused = [entry["reason"] for entry in logs if entry["event"] == "subscribe refused"]
    assert refused == ["QUOTA_EXCEEDED", "NOT_AUTHORIZED"]


async def test_a_subscription_given_up_meanwhile_is_not_asked_for_again(broker: ScriptedBroker) -> None:
    async with link_to(broker, retry_s=(0.03, 0.03)) as link:
        link.subscribe("a/out", print)
        peer = await broker.accepted()
        await grant(peer, SubAckReasonCode.UNSPECIFIED_ERROR)
        await peer.says_nothing_more()  # it has been told, and will ask again
        link.unsubscribe("a/out")
        left = await peer.receive(mqtt5.UnsubscribePacket)
        peer.send(mqtt5.UnsubAckPacket(left.packet_id, [mqtt5.UnsubAckReasonCode.SUCCESS]))
        await asyncio.sleep(0.04)
        is_all = await peer.says_nothing_more()

    assert left.patterns == ["a/out"]
    assert is_all


async def test_the_answer_to_a_subscription_given_up_says_nothing_about_the_next_one(broker: ScriptedBroker) -> None:
    subscribed: list[str] = []

    async with link_to(broker) as link:
        link.subscribe("a/out", print, lambda: subscribed.append("old"))
        peer = await broker.accepted()
        old = await peer.receive(mqtt5.SubscribePacket)
        link.unsubscribe("a/out")
        link.subscribe("a/out", print, lambda: subscribed.append("new"))
        left = await peer.receive(mqtt5.UnsubscribePacket)
        new = await peer.receive(mqtt5.SubscribePacket)
        peer.send(
            mqtt5.SubAckPacket(old.packet_id, [SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]),
            mqtt5.UnsubAckPacket(left.packet_id, [mqtt5.UnsubAckReasonCode.SUCCESS]),
        )
        await peer.says_nothing_more()
        too_early = list(subscribed)
        peer.send(mqtt5.SubAckPacket(new.packet_id, [SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]))
        await until(lambda: bool(subscribed))

    assert too_early == []
    assert subscribed == ["new"]


async def test_a_new_session_is_told_every_subscription(broker: ScriptedBroker) -> None:
    subscribed: list[str] = []

    async with link_to(broker) as link:
        link.subscribe("a/out", print, lambda: subscribed.append("a"))
        link.subscribe("b/out", print, lambda: subscribed.append("b"))
        first = await broker.accepted()
        await grant(first)
        await until(lambda: len(subscribed) == 2)
        first.drop()
        await until(lambda: not link.is_connected)
        link.unsubscribe("a/out")
        link.subscribe("c/out", print, lambda: subscribed.append("c"))
        second = await broker.accepted()
        asked = await grant(second)
        await until(lambda: len(subscribed) == 3)

    assert asked == ["b/out", "c/out"]
    assert subscribed == ["a", "b", "c"]


async def test_subscriptions_go_in_packets_of_eight_never_retained(broker: ScriptedBroker) -> None:
    async with link_to(broker) as link:
        for number in range(20):
            link.subscribe(f"{number}/out", print)
        peer = await broker.accepted()
        asked = [await peer.receive(mqtt5.SubscribePacket) for _ in range(3)]

    assert [len(packet.topic_filters) for packet in asked] == [8, 8, 4]
    filters = [topic_filter for packet in asked for topic_filter in packet.topic_filters]
    assert [topic_filter.pattern for topic_filter in filters] == [f"{number}/out" for number in range(20)]
    assert all(topic_filter.retain_handling == mqtt5.RetainHandling.SEND_NEVER for topic_filter in filters)
    assert all(topic_filter.max_qos == QoS.AT_LEAST_ONCE for topic_filter in filters)


async def test_subscriptions_wait_for_their_pace(broker: ScriptedBroker) -> None:
    asked: list[int] = []

    def pace(filters: int) -> float:
        asked.append(filters)
        return 0.01 if len(asked) % 2 else 0.0

    async with link_to(broker, pace=pace) as link:
        for number in range(10):
            link.subscribe(f"{number}/out", print)
        peer = await broker.accepted()
        granted = await grant(peer) + await grant(peer)

    assert len(granted) == 10
    assert asked == [8, 8, 2, 2]


async def test_a_message_is_acknowledged_after_the_callback_returned(broker: ScriptedBroker) -> None:
    received: list[Message] = []

    async with link_to(broker) as link:
        link.subscribe("a/out", received.append)
        peer = await broker.accepted()
        await grant(peer)
        peer.send(
            mqtt5.PublishPacket("a/out", b"0"),
            mqtt5.PublishPacket("a/out", b"1", qos=QoS.AT_LEAST_ONCE, packet_id=9, user_properties=[("epoch", "5")]),
            mqtt5.PublishPacket("nobody/out", b"2", qos=QoS.AT_LEAST_ONCE, packet_id=10),
        )
        acknowledged = [(await peer.receive(mqtt5.PubAckPacket)).packet_id for _ in range(2)]

    assert acknowledged == [9, 10]
    assert received == [Message("a/out", b"0", {}), Message("a/out", b"1", {"epoch": "5"})]


async def test_a_callback_that_fails_cuts_nobody_off(broker: ScriptedBroker) -> None:
    received: list[bytes] = []

    def fail(_message: Message) -> None:
        raise KeyError("a bug")

    async with link_to(broker) as link:
        link.subscribe("a/out", fail)
        link.subscribe("b/out", lambda message: received.append(message.payload))
        peer = await broker.accepted()
        await grant(peer)
        with structlog.testing.capture_logs() as logs:
            peer.send(
                mqtt5.PublishPacket("a/out", b"1", qos=QoS.AT_LEAST_ONCE, packet_id=1),
                mqtt5.PublishPacket("b/out", b"2", qos=QoS.AT_LEAST_ONCE, packet_id=2),
            )
            acknowledged = [(await peer.receive(mqtt5.PubAckPacket)).packet_id for _ in range(2)]

    assert acknowledged == [1, 2]
    assert received == [b"2"]
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("callback failed", "error")]


async def test_a_refused_publish_is_not_acknowledged_and_holds_up_nobody(broker: ScriptedBroker) -> None:
    acknowledged: list[str] = []

    async with link_to(broker) as link:
        link.publish("a/in", b"0", (), lambda: acknowledged.append("0"))
        link.publish("a/in", b"1", (), lambda: acknowledged.append("1"))
        peer = await broker.accepted(receive_max=1)
        (refused,) = await peer.receive_publishes(1)
        peer.send(mqtt5.PubAckPacket(refused.packet_id or 0, reason_code=PubAckReasonCode.NOT_AUTHORIZED))
        (taken,) = await peer.receive_publishes(1)
        peer.acknowledge(taken)
        await until(lambda: link.outstanding == 0)

    assert numbers([refused, taken]) == [0, 1]
    assert acknowledged == ["1"]


async def test_a_throttled_publish_is_sent_again_ahead_of_what_waits(broker: ScriptedBroker) -> None:
    acknowledged: list[int] = []

    async with link_to(broker) as link:
        for number in range(4):
            link.publish("a/in", b"%d" % number, (), lambda number=number: acknowledged.append(number))  # type: ignore[misc]
        peer = await broker.accepted(receive_max=2)
        first, second = await peer.receive_publishes(2)
        peer.send(mqtt5.PubAckPacket(first.packet_id or 0, reason_code=PubAckReasonCode.QUOTA_EXCEEDED))
        (again,) = await peer.receive_publishes(1)
        peer.acknowledge(again, second)
        rest = await peer.receive_publishes(2)
        peer.acknowledge(*rest)
        await until(lambda: link.outstanding == 0)

    assert numbers([first, second, again, *rest]) == [0, 1, 0, 2, 3]
    assert sorted(acknowledged) == [0, 1, 2, 3]


async def test_acknowledgements_of_what_is_not_in_flight_mean_nothing(broker: ScriptedBroker) -> None:
    acknowledged: list[int] = []

    async with link_to(broker, retry_s=(0.03, 0.03)) as link:
        for number in range(3):
            link.publish("a/in", b"%d" % number, (), lambda number=number: acknowledged.append(number))  # type: ignore[misc]
        peer = await broker.accepted(receive_max=1)
        (first,) = await peer.receive_publishes(1)
        throttled = mqtt5.PubAckPacket(first.packet_id or 0, reason_code=PubAckReasonCode.QUOTA_EXCEEDED)
        peer.send(throttled, mqtt5.PubAckPacket(first.packet_id or 0), *[mqtt5.PubAckPacket(i) for i in (2, 3, 500)])
        (again,) = await peer.receive_publishes(1)
        is_one_at_a_time = await peer.says_nothing_more()

    assert numbers([first, again]) == [0, 0]
    assert is_one_at_a_time
    assert acknowledged == []


async def test_what_expires_while_it_waits_is_never_sent(broker: ScriptedBroker) -> None:
    async with link_to(broker) as link:
        link.publish("a/in", b"1", expires_in_s=0)
        link.publish("a/in", b"2", [("epoch", "3")], expires_in_s=60)
        link.publish("a/in", b"3")
        peer = await broker.accepted()
        with_expiry, without = await peer.receive_publishes(2)

    assert numbers([with_expiry, without]) == [2, 3]
    assert with_expiry.message_expiry_interval is not None
    assert 1 <= with_expiry.message_expiry_interval <= 60
    assert with_expiry.user_properties == [("epoch", "3")]
    assert without.message_expiry_interval is None


async def test_the_brokers_maximum_packet_size_is_kept(broker: ScriptedBroker) -> None:
    async with link_to(broker) as link:
        link.publish("a/in", b"x" * 500)  # taken before the broker said how much it takes
        peer = await broker.accepted(max_packet_size=200)
        await until(lambda: link.is_connected)
        with pytest.raises(PacketTooLargeError):
            link.publish("a/in", b"x" * 190, [("epoch", "1")])
        link.publish("a/in", b"1")
        (sent,) = await peer.receive_publishes(1)

    assert numbers([sent]) == [1]


async def test_the_buffer_is_bounded_in_bytes(broker: ScriptedBroker) -> None:
    async with link_to(broker, max_bytes=10_000, max_packet_size=10_000) as link:
        taken = [link.publish("a/in", b"x" * 3_000) for _ in range(5)]
        peer = await broker.accepted()
        peer.acknowledge(*await peer.receive_publishes(3))
        await until(lambda: link.outstanding == 0)
        taken_again = link.publish("a/in", b"x" * 3_000)

    assert taken == [True, True, True, False, False]
    assert taken_again


async def test_closing_ends_with_a_normal_disconnect_after_the_last_acknowledgement(broker: ScriptedBroker) -> None:
    async with link_to(broker) as link:
        peer = await broker.accepted()
        link.publish("a/in", b"1")
        publishes = await peer.receive_publishes(1)
        closing = asyncio.create_task(link.close(5), name="close")
        is_waiting = await peer.says_nothing_more()
        peer.acknowledge(*publishes)
        goodbye = await peer.receive(mqtt5.DisconnectPacket)
        await peer.is_closed()
        peer.drop()
        await closing

    assert is_waiting
    assert goodbye.reason_code == DisconnectReasonCode.NORMAL_DISCONNECTION


async def test_a_wildcard_is_no_topic() -> None:
    link = MqttLink(QUICK)

    with pytest.raises(ValueError, match="one topic at a time"):
        link.subscribe("+/out", print)


def test_the_link_works_on_uvloop() -> None:
    async def there_and_back() -> list[bytes]:
        received: list[bytes] = []
        async with scripted_broker() as broker, link_to(broker) as link:
            link.subscribe("a/out", lambda message: received.append(message.payload))
            link.publish("a/in", b"1")
            peer = await broker.accepted()
            await grant(peer)
            (publish,) = await peer.receive_publishes(1)
            peer.acknowledge(publish)
            peer.send(mqtt5.PublishPacket("a/out", publish.payload, qos=QoS.AT_LEAST_ONCE, packet_id=1))
            await peer.receive(mqtt5.PubAckPacket)
        return received

    assert uvloop.run(there_and_back()) == [b"1"]
