"""Links that keep their broker's limits, on either way to it; and links that carry very much."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import mqtt5
import pytest

from adapters.mqtt_link import MqttLink
from tests.adapters.labs import until
from tests.adapters.scripted_broker import ScriptedBroker, aws_link_to, link_to, numbers, quick_link, scripted_broker
from tests.brokers import Mosquitto

LinkTo = Callable[..., AbstractAsyncContextManager[MqttLink]]
both_ways = pytest.mark.parametrize("link_to", [link_to, aws_link_to], ids=["native", "aws"])


@pytest.fixture
async def broker() -> AsyncIterator[ScriptedBroker]:
    """A broker to play."""
    async with scripted_broker() as listening:
        yield listening


@both_ways
async def test_publishes_beyond_the_rate_wait_in_order(broker: ScriptedBroker, link_to: LinkTo) -> None:
    began = asyncio.get_running_loop().time()

    async with link_to(broker, publish_rate=40.0) as link:
        for number in range(30):
            link.publish("a/in", b"%d" % number)
        peer = await broker.accepted()
        sent = await peer.receive_publishes(30)
        took_s = asyncio.get_running_loop().time() - began

    assert numbers(sent) == list(range(30))
    assert took_s > 0.45  # ten go at once, twenty at 40 a second


@both_ways
async def test_bytes_beyond_the_rate_wait(broker: ScriptedBroker, link_to: LinkTo) -> None:
    began = asyncio.get_running_loop().time()

    async with link_to(broker, byte_rate=40_000.0) as link:
        for _ in range(10):
            link.publish("a/in", b"x" * 3_000)
        peer = await broker.accepted()
        sent = await peer.receive_publishes(10)
        took_s = asyncio.get_running_loop().time() - began

    assert len(sent) == 10
    assert took_s > 0.4  # 27 kB have gone before the last one, ten of them at once


async def test_what_comes_in_counts_too(broker: ScriptedBroker) -> None:
    async with link_to(broker, publish_rate=40.0) as link:
        peer = await broker.accepted()
        peer.send(*[mqtt5.PublishPacket("nobody/out", b"")] * 29)
        await peer.says_nothing_more()
        link.publish("a/in", b"1")
        is_waiting = await peer.says_nothing_more()
        (sent,) = await peer.receive_publishes(1)

    assert is_waiting
    assert numbers([sent]) == [1]


async def test_what_waits_for_its_turn_counts_for_the_bounds(broker: ScriptedBroker) -> None:
    async with link_to(broker, publish_rate=1.0, max_messages=5) as link:
        peer = await broker.accepted()
        await until(lambda: link.is_connected)
        taken = [link.publish("a/in", b"%d" % number) for number in range(7)]
        peer.acknowledge(*await peer.receive_publishes(1))
        await until(lambda: link.outstanding == 4)
        taken_again = link.publish("a/in", b"7")

    assert taken == [True] * 5 + [False] * 2
    assert taken_again


@pytest.mark.e2e  # a keepalive takes its seconds
@pytest.mark.alone
async def test_a_keepalive_of_waiting_is_not_held_against_the_broker(broker: ScriptedBroker) -> None:
    states: list[bool] = []

    async with link_to(broker, states.append, publish_rate=0.01, keepalive_s=1) as link:
        peer = await broker.accepted()
        for number in range(2):
            link.publish("a/in", b"%d" % number)
        peer.acknowledge(*await peer.receive_publishes(1))
        for _ in range(4):
            await peer.receive(mqtt5.PingReqPacket)
            peer.send(mqtt5.PingRespPacket())
        is_up = list(states)

    assert is_up == [True]


async def test_closing_has_the_patience_that_the_rate_needs(broker: ScriptedBroker) -> None:
    acknowledged: list[int] = []

    async with link_to(broker, publish_rate=40.0) as link:
        for number in range(20):
            link.publish("a/in", b"%d" % number, (), lambda number=number: acknowledged.append(number))  # type: ignore[misc]
        peer = await broker.accepted()
        await until(lambda: link.is_connected)
        closing = asyncio.create_task(link.close(10), name="close")
        for _ in range(20):
            peer.acknowledge(*await peer.receive_publishes(1))
        await peer.receive(mqtt5.DisconnectPacket)
        peer.drop()
        await closing

    assert acknowledged == list(range(20))


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.parametrize("is_aws", [False, True], ids=["native", "aws"])
async def test_thousands_of_subscriptions_are_back_within_five_seconds(mosquitto: Mosquitto, is_aws: bool) -> None:
    topics = [f"CP-{number}/out" for number in range(2_500)]
    subscribed: list[str] = []
    received: set[str] = set()
    link = quick_link(mosquitto.port, is_aws)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run(), name="link")
        for topic in topics:
            link.subscribe(topic, lambda message: received.add(message.topic), lambda: subscribed.append(""))
        await until(lambda: len(subscribed) == 2_500)

        await asyncio.to_thread(mosquitto.restart)
        async with asyncio.timeout(5):
            while len(received) < 2_500:
                for topic in topics:
                    if topic not in received:
                        link.publish(topic, b"")
                await asyncio.sleep(0.05)
        await link.close(5)

    assert len(subscribed) == 2_500
