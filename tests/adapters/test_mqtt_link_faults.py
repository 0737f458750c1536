"""The native link against a broker that misbehaves, and against one that dies."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import mqtt5
import pytest
import structlog
from mqtt5 import ConnAckReasonCode, DisconnectReasonCode, QoS, SubAckReasonCode

from adapters.mqtt_link import MqttLink
from tests.adapters.labs import mqtt_lab, payloads, until
from tests.adapters.scripted_broker import QUICK, ScriptedBroker, grant, link_to, numbers, quick_link, scripted_broker
from tests.brokers import Mosquitto


@pytest.fixture
async def broker() -> AsyncIterator[ScriptedBroker]:
    """A broker to play."""
    async with scripted_broker() as listening:
        yield listening


@pytest.mark.e2e  # a keepalive takes its seconds
@pytest.mark.alone
async def test_a_broker_that_falls_silent_is_left(broker: ScriptedBroker) -> None:
    states: list[bool] = []

    async with link_to(broker, states.append, keepalive_s=1):
        silent = await broker.accepted()
        await silent.is_closed()
        await broker.accepted()
        await until(lambda: len(states) == 3)

    assert states[:3] == [True, False, True]


GARBAGE = {
    "no MQTT at all": b"\x00\x00",
    "endless length": b"\x30\xff\xff\xff\xff\x01",
    "unknown reason code": b"\x40\x03\x00\x01\x55",
    "a topic that is no UTF-8": b"\x30\x05\x00\x02\xff\xfe\x00",
    "a string longer than its packet": b"\x30\x04\x00\x70a\x00",
    "more than our maximum": b"\x30\xff\xff\xff\x7f",
    "QoS 2": mqtt5.PublishPacket("a/out", b"", qos=QoS.EXACTLY_ONCE, packet_id=1).write(),
    "a second CONNACK": mqtt5.ConnAckPacket().write(),
    "a client's packet": mqtt5.PingReqPacket().write(),
    "an answer to nothing": mqtt5.SubAckPacket(65_000, [SubAckReasonCode.NOT_AUTHORIZED]).write(),
}


# The codec's panic at what is no UTF-8 leaves a note of its own, besides the exception that the link handles.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_a_broker_that_talks_garbage_is_left_and_tried_again(broker: ScriptedBroker, garbage: bytes) -> None:
    async with link_to(broker) as link:
        link.publish("a/in", b"1")
        first = await broker.accepted()
        await first.receive(mqtt5.PublishPacket)
        first.send_bytes(garbage)
        goodbye, _ = mqtt5.read(memoryview(await first.is_closed()))
        second = await broker.accepted()
        again = await second.receive_publishes(1)

    assert isinstance(goodbye, mqtt5.DisconnectPacket)
    assert int(goodbye.reason_code) >= 0x80
    assert numbers(again) == [1]


async def test_packets_before_connack_are_garbage_too(broker: ScriptedBroker) -> None:
    async with link_to(broker):
        first = await broker.connection()
        await first.receive(mqtt5.ConnectPacket)
        first.send(mqtt5.PingRespPacket())
        goodbye, _ = mqtt5.read(memoryview(await first.is_closed()))

    assert isinstance(goodbye, mqtt5.DisconnectPacket)
    assert goodbye.reason_code == DisconnectReasonCode.PROTOCOL_ERROR


async def test_a_refused_connect_is_logged_and_tried_again(broker: ScriptedBroker) -> None:
    async with link_to(broker) as link:
        with structlog.testing.capture_logs() as logs:
            refused = await broker.accepted(reason_code=ConnAckReasonCode.NOT_AUTHORIZED, reason_str="who are you")
            await refused.is_closed()
            only_qos_0 = await broker.accepted(max_qos=QoS.AT_MOST_ONCE)
            await only_qos_0.is_closed()
            await broker.accepted()
            await until(lambda: link.is_connected)

    assert [entry["reason"] for entry in logs if entry["event"] == "mqtt link down"] == [
        "the broker refused the connection: NOT_AUTHORIZED (who are you)",
        "the broker has no QoS 1",
    ]


async def test_the_reason_of_a_disconnect_is_logged(broker: ScriptedBroker) -> None:
    async with link_to(broker):
        with structlog.testing.capture_logs() as logs:
            peer = await broker.accepted()
            peer.send(mqtt5.DisconnectPacket(reason_code=DisconnectReasonCode.SERVER_SHUTTING_DOWN))
            await broker.accepted()

    reasons = [entry["reason"] for entry in logs if entry["event"] == "mqtt link down"]
    assert reasons == ["the broker disconnected: SERVER_SHUTTING_DOWN"]


async def test_a_connect_that_nobody_answers_is_given_up(broker: ScriptedBroker) -> None:
    async with link_to(broker, connect_timeout_s=0.05) as link:
        first = await broker.connection()
        await first.receive(mqtt5.ConnectPacket)
        await first.is_closed()
        await (await broker.connection()).accept()
        await until(lambda: link.is_connected)

    assert not link.is_connected


async def test_a_cancelled_link_says_nothing_so_that_its_will_is_published(broker: ScriptedBroker) -> None:
    link = MqttLink(replace(QUICK, port=broker.port))
    running = asyncio.create_task(link.run(), name="link")
    peer = await broker.accepted()
    await until(lambda: link.is_connected)

    running.cancel()
    said = await peer.is_closed()

    assert said == b""
    assert not link.is_connected


@pytest.mark.parametrize("turns", range(8))
async def test_a_link_closed_while_it_connects_leaves_no_connection(broker: ScriptedBroker, turns: int) -> None:
    link = MqttLink(replace(QUICK, port=broker.port))
    running = asyncio.create_task(link.run(), name="link")
    for _ in range(turns):
        await asyncio.sleep(0)

    await link.close(0)
    await running
    said = [await peer.is_closed() for peer in await broker.connections()]

    assert len(said) <= 1
    assert not link.is_connected


async def test_a_callback_may_close_its_link(broker: ScriptedBroker) -> None:
    closing: list[asyncio.Task[None]] = []
    link = MqttLink(replace(QUICK, port=broker.port))
    link.subscribe("a/out", lambda _: closing.append(asyncio.create_task(link.close(1), name="close")))
    running = asyncio.create_task(link.run(), name="link")
    peer = await broker.accepted()
    await grant(peer)

    peer.send(mqtt5.PublishPacket("a/out", b"", qos=QoS.AT_LEAST_ONCE, packet_id=1))
    acknowledged = await peer.receive(mqtt5.PubAckPacket)
    goodbye = await peer.receive(mqtt5.DisconnectPacket)
    peer.drop()
    await asyncio.gather(running, *closing)

    assert acknowledged.packet_id == 1
    assert goodbye.reason_code == DisconnectReasonCode.NORMAL_DISCONNECTION


@pytest.mark.e2e  # a keepalive takes its seconds
@pytest.mark.alone
async def test_a_pipe_that_is_full_and_dead_is_left_with_nothing_lost(broker: ScriptedBroker) -> None:
    states: list[bool] = []

    async with link_to(broker, states.append, keepalive_s=1) as link:
        for number in range(100):
            link.publish("a/in", b"%06d" % number + b"x" * 100_000)
        await broker.accepted()  # and read no more
        await until(lambda: len(states) == 2)
        second = await broker.accepted()
        again = await second.receive_publishes(100)

    assert states[:2] == [True, False]
    assert [int(publish.payload[:6]) for publish in again] == list(range(100))


async def test_a_publish_from_the_callback_of_a_new_connection_comes_after_what_waited(broker: ScriptedBroker) -> None:
    link: MqttLink

    def on_state(is_up: bool) -> None:
        link.publish("a/in", b"2" if is_up else b"3")

    async with link_to(broker, on_state) as link:
        link.publish("a/in", b"0")
        link.publish("a/in", b"1")
        first = await (await broker.accepted()).receive_publishes(3)
        broker.hang_up()
        second = await (await broker.accepted()).receive_publishes(5)

    assert numbers(first) == [0, 1, 2]
    assert numbers(second) == [0, 1, 2, 3, 2]


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.parametrize("is_aws", [False, True], ids=["native", "aws"])
async def test_ten_thousand_messages_survive_a_broker_that_is_killed(mosquitto: Mosquitto, is_aws: bool) -> None:
    acknowledged: set[int] = set()
    states: list[bool] = []
    link = quick_link(mosquitto.port, is_aws, states.append)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run(), name="link")
        await until(lambda: link.is_connected)

        taken = [
            link.publish("a/in", b"%d" % number, (), lambda number=number: acknowledged.add(number))  # type: ignore[misc]
            for number in range(10_001)
        ]
        await until(lambda: len(acknowledged) > 1_000)
        await asyncio.to_thread(mosquitto.restart)
        await until(lambda: len(acknowledged) == 10_000)
        await link.close(5)

    assert taken == [True] * 10_000 + [False]
    assert link.outstanding == 0
    assert states == [True, False, True, False]


@pytest.mark.e2e
@pytest.mark.alone
async def test_a_burst_of_ten_thousand_arrives_complete_and_in_order(mosquitto: Mosquitto) -> None:
    async with mqtt_lab(mosquitto.port) as lab, asyncio.TaskGroup() as tasks:
        link = lab.link()
        tasks.create_task(link.run(), name="link")
        for number in range(10_000):
            assert link.publish(lab.topic("in"), b"%d" % number)
        await until(lambda: len(lab.heard) == 10_000)
        await link.close(5)

    assert payloads(lab, lab.topic("in")) == [b"%d" % number for number in range(10_000)]


@pytest.mark.e2e
@pytest.mark.alone
async def test_a_killed_broker_gets_the_subscriptions_again(mosquitto: Mosquitto) -> None:
    received: list[bytes] = []
    link = MqttLink(replace(QUICK, port=mosquitto.port))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run(), name="link")
        for number in range(20):
            link.subscribe(f"{number}/out", lambda message: received.append(message.payload))
        await until(lambda: link.is_connected)

        await asyncio.to_thread(mosquitto.restart)
        link.publish("19/out", b"to myself")
        await until(lambda: bool(received))
        await link.close(5)

    assert received == [b"to myself"]
