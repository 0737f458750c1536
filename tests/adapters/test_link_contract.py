"""What every link promises, whatever carries it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from domain.ports import Link, Message, PacketTooLargeError
from infra.local.cloud import AWS
from tests.adapters.labs import Lab, aws_lab, memory_lab, mqtt_lab, payloads, signed_lab, thing, until
from tests.brokers import Mosquitto

LABS = ["memory", "mosquitto", "mosquitto-tls", "emulator", "aws-mosquitto", "aws-emulator", "aws-emulator-signed"]


@pytest.fixture(params=[pytest.param(name, marks=[] if name == "memory" else pytest.mark.e2e) for name in LABS])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lab]:
    """A place to try links out, once per kind of link and broker."""
    async with _lab(request.param, request, tmp_path) as one:
        yield one


def _lab(name: str, request: pytest.FixtureRequest, directory: Path) -> AbstractAsyncContextManager[Lab]:
    if name == "memory":
        return memory_lab()
    if "mosquitto" in name:
        broker: Mosquitto = request.getfixturevalue("mosquitto")
        if name == "mosquitto":
            return mqtt_lab(broker.port)
        if name == "mosquitto-tls":
            return mqtt_lab(broker.tls_port, ca=broker.ca, cert=broker.client.certificate, key=broker.client.key)
        return aws_lab(broker.tls_port, broker.ca, broker.client)
    aws: AWS = request.getfixturevalue("aws")
    if name == "emulator":
        return mqtt_lab(aws.mqtt_port, ca=aws.ca)
    return signed_lab(aws) if name == "aws-emulator-signed" else aws_lab(aws.mqtt_port, aws.ca, thing(aws, directory))


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[Link]:
    """The link, up; closed at the end."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run(), name="link")
        await until(lambda: link.is_connected)
        yield link
        await link.close(5)


async def test_messages_arrive_in_order_with_their_properties(lab: Lab) -> None:
    topic = lab.topic("in")

    async with running(lab.link()) as link:
        for number in range(100):
            assert link.publish(topic, b"%d" % number, [("ocpp", "ocpp1.6"), ("epoch", str(number))])
        await until(lambda: len(lab.heard) == 100)

    assert payloads(lab, topic) == [b"%d" % number for number in range(100)]
    assert lab.heard[7].properties == {"ocpp": "ocpp1.6", "epoch": "7"}


async def test_a_sender_publishes_as_often_as_it_is_asked(lab: Lab) -> None:
    topic, acknowledged = lab.topic("in"), list[int]()
    link = lab.link()
    send = link.sender(topic, [("ocpp", "ocpp1.6"), ("epoch", "7")])
    taken = [send(b"0")]  # while the link is down

    async with running(link):
        taken += [send(b"%d" % number, lambda number=number: acknowledged.append(number)) for number in (1, 2)]  # type: ignore[misc]
        await until(lambda: len(lab.heard) == 3 and len(acknowledged) == 2)
    taken.append(send(b"too late"))

    assert taken == [True, True, True, False]
    assert payloads(lab, topic) == [b"0", b"1", b"2"]
    assert lab.heard[2].properties == {"ocpp": "ocpp1.6", "epoch": "7"}
    assert acknowledged == [1, 2]


async def test_a_publish_before_the_first_connect_is_delivered_after_it(lab: Lab) -> None:
    acknowledged: list[str] = []
    link = lab.link()
    taken = link.publish(lab.topic("in"), b"early", (), lambda: acknowledged.append("early"))

    async with running(link):
        await until(lambda: bool(acknowledged))
        await until(lambda: bool(lab.heard))

    assert taken
    assert payloads(lab, lab.topic("in")) == [b"early"]
    assert acknowledged == ["early"]


async def test_the_last_user_property_of_a_name_wins(lab: Lab) -> None:
    received: list[Message] = []
    subscribed: list[str] = []

    async with running(lab.link()) as link:
        link.subscribe(lab.topic("out"), received.append, lambda: subscribed.append("out"))
        await until(lambda: bool(subscribed))
        await lab.publish(lab.topic("out"), b"x", [("epoch", "1"), ("epoch", "2"), ("é", "ü")])
        await until(lambda: bool(received))

    assert received == [Message(lab.topic("out"), b"x", {"epoch": "2", "é": "ü"})]


async def test_many_topics_subscribed_at_once_each_get_their_own_messages(lab: Lab) -> None:
    received: list[tuple[int, bytes]] = []
    subscribed: list[int] = []

    async with running(lab.link()) as link:
        for number in range(30):
            link.subscribe(
                lab.topic(f"{number}/out"),
                lambda message, number=number: received.append((number, message.payload)),  # type: ignore[misc]
                lambda number=number: subscribed.append(number),  # type: ignore[misc]
            )
        await until(lambda: len(subscribed) == 30)
        for number in range(30):
            await lab.publish(lab.topic(f"{number}/out"), b"%d" % number)
        await until(lambda: len(received) == 30)

    assert sorted(received) == [(number, b"%d" % number) for number in range(30)]
    assert sorted(subscribed) == list(range(30))


async def test_an_unsubscribed_topic_is_silent(lab: Lab) -> None:
    received: list[bytes] = []
    subscribed: list[str] = []

    async with running(lab.link()) as link:
        for name in ("a", "b"):
            link.subscribe(
                lab.topic(name), lambda message: received.append(message.payload), lambda: subscribed.append("")
            )
        await until(lambda: len(subscribed) == 2)
        link.unsubscribe(lab.topic("a"))
        await lab.publish(lab.topic("a"), b"nobody hears this")
        await lab.publish(lab.topic("b"), b"heard")
        await until(lambda: bool(received))

    assert received == [b"heard"]


async def test_leaving_and_coming_back_in_one_turn_ends_subscribed(lab: Lab) -> None:
    received: list[str] = []
    subscribed: list[str] = []

    async with running(lab.link()) as link:
        link.subscribe(lab.topic("out"), lambda _: received.append("old"), lambda: subscribed.append("old"))
        await until(lambda: subscribed == ["old"])
        link.unsubscribe(lab.topic("out"))
        link.subscribe(lab.topic("out"), lambda _: received.append("new"), lambda: subscribed.append("new"))
        await until(lambda: subscribed == ["old", "new"])
        await lab.publish(lab.topic("out"), b"x")
        await until(lambda: bool(received))

    assert received == ["new"]


async def test_a_full_buffer_takes_nothing(lab: Lab) -> None:
    link = lab.link(max_messages=3)

    taken = [link.publish(lab.topic("in"), b"%d" % number) for number in range(5)]
    async with running(link):
        await until(lambda: len(lab.heard) == 3)

    assert taken == [True, True, True, False, False]
    assert payloads(lab, lab.topic("in")) == [b"0", b"1", b"2"]


async def test_a_packet_larger_than_the_broker_takes_is_refused_and_the_link_lives(lab: Lab) -> None:
    async with running(lab.link()) as link:
        with pytest.raises(PacketTooLargeError, match="in: "):
            link.publish(lab.topic("in"), b"x" * 9_000)
        link.publish(lab.topic("in"), b"small")
        await until(lambda: bool(lab.heard))

    assert payloads(lab, lab.topic("in")) == [b"small"]


async def test_what_waited_during_an_outage_arrives_in_order(lab: Lab) -> None:
    acknowledged: list[int] = []

    async with running(lab.link()) as link:
        lab.cut()
        await until(lambda: not link.is_connected)
        for number in range(20):
            link.publish(lab.topic("in"), b"%d" % number, (), lambda number=number: acknowledged.append(number))  # type: ignore[misc]
        early = list(acknowledged)
        lab.restore()
        await until(lambda: len(acknowledged) == 20)
        await until(lambda: len(lab.heard) == 20)

    assert early == []
    assert payloads(lab, lab.topic("in")) == [b"%d" % number for number in range(20)]
    assert acknowledged == list(range(20))


async def test_subscriptions_survive_an_outage(lab: Lab) -> None:
    received: list[str] = []
    subscribed: list[str] = []
    states: list[bool] = []

    async with running(lab.link(on_state=states.append)) as link:
        for name in ("old", "gone"):
            link.subscribe(
                lab.topic(name),
                lambda message: received.append(message.topic),
                lambda name=name: subscribed.append(name),  # type: ignore[misc]
            )
        await until(lambda: sorted(subscribed) == ["gone", "old"])
        lab.cut()
        await until(lambda: not link.is_connected)
        link.unsubscribe(lab.topic("gone"))
        link.subscribe(
            lab.topic("new"), lambda message: received.append(message.topic), lambda: subscribed.append("new")
        )
        lab.restore()
        await until(lambda: subscribed[2:] == ["new"])
        for name in ("gone", "old", "new"):
            await lab.publish(lab.topic(name), b"x")
        await until(lambda: len(received) == 2)

    assert received == [lab.topic("old"), lab.topic("new")]
    assert len(subscribed) == 3
    assert states == [True, False, True, False]


async def test_the_last_will_follows_a_cut_cable(lab: Lab) -> None:
    async with running(lab.link(will=(lab.topic("down"), b"gone"))):
        lab.cut()
        await until(lambda: bool(lab.heard))
        lab.restore()

    assert payloads(lab, lab.topic("down")) == [b"gone"]


async def test_closing_waits_for_acknowledgements_and_leaves_no_last_will(lab: Lab) -> None:
    acknowledged: list[str] = []
    link = lab.link(will=(lab.topic("down"), b"gone"))
    async with running(link):
        for _ in range(50):
            link.publish(lab.topic("in"), b"x", (), lambda: acknowledged.append("x"))
        await link.close(5)
        taken_after = link.publish(lab.topic("in"), b"too late")

    async with running(lab.link()) as other:
        other.publish(lab.topic("in"), b"last")
        await until(lambda: payloads(lab, lab.topic("in"))[-1:] == [b"last"])

    assert len(acknowledged) == 50
    assert not link.is_connected
    assert not taken_after
    assert payloads(lab, lab.topic("in")) == [b"x"] * 50 + [b"last"]
    assert payloads(lab, lab.topic("down")) == []


async def test_closing_a_link_that_is_cut_off_ends_in_time(lab: Lab) -> None:
    link = lab.link()

    async with running(link):
        lab.cut()
        await until(lambda: not link.is_connected)
        link.publish(lab.topic("in"), b"lost")
        await link.close(0.05)

    assert lab.heard == []
