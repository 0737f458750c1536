"""The link over the AWS runtime, packet by packet: what the runtime makes of ours, and we of its."""

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import mqtt5
import pytest
import structlog
import uvloop
from awscrt.auth import AwsCredentialsProvider  # type: ignore[import-untyped]
from mqtt5 import ConnAckReasonCode, DisconnectReasonCode, PubAckReasonCode, QoS, SubAckReasonCode

from adapters.mqtt_awsiot import AwsIotLink, CrtConnection
from adapters.mqtt_awsiot_settings import AwsIotSettings
from infra.local import cloud
from tests.adapters.labs import until
from tests.adapters.scripted_broker import AWS_QUICK, ScriptedBroker, aws_link_to, grant, numbers, scripted_broker


@pytest.fixture
async def broker() -> AsyncIterator[ScriptedBroker]:
    """A broker to play."""
    async with scripted_broker() as listening:
        yield listening


async def test_connect_says_what_the_settings_say(broker: ScriptedBroker) -> None:
    async with aws_link_to(broker, will=("gateways/g/down", b"{}"), keepalive_s=45, receive_maximum=50):
        connect = await (await broker.connection()).accept()

    assert (connect.client_id, connect.clean_start, connect.username) == ("gw-1", True, None)
    assert (connect.keep_alive, connect.receive_max, connect.max_packet_size) == (45, 50, 1_048_576)
    assert connect.will is not None
    assert (connect.will.topic, connect.will.payload, connect.will.qos) == ("gateways/g/down", b"{}", 1)


async def test_a_publish_keeps_its_properties_and_what_is_left_of_its_time(broker: ScriptedBroker) -> None:
    async with aws_link_to(broker) as link:
        link.publish("a/in", b"", [("epoch", "1"), ("epoch", "2"), ("é", "ü")], expires_in_s=60)
        peer = await broker.accepted()
        (sent,) = await peer.receive_publishes(1)

    assert (sent.topic, sent.payload, sent.qos) == ("a/in", b"", QoS.AT_LEAST_ONCE)
    assert sent.user_properties == [("epoch", "1"), ("epoch", "2"), ("é", "ü")]
    assert sent.message_expiry_interval in range(1, 61)


async def test_subscriptions_never_ask_for_what_is_retained(broker: ScriptedBroker) -> None:
    async with aws_link_to(broker) as link:
        link.subscribe("a/out", print)
        peer = await broker.accepted()
        asked = await peer.receive(mqtt5.SubscribePacket)

    (one,) = asked.topic_filters
    assert (one.pattern, one.max_qos, one.retain_handling) == ("a/out", 1, mqtt5.RetainHandling.SEND_NEVER)


async def test_exactly_the_unacknowledged_are_sent_again_in_order(broker: ScriptedBroker) -> None:
    acknowledged: list[int] = []

    async with aws_link_to(broker) as link:
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

    assert numbers(sent) == [0, 1, 2, 3, 4, 5]
    assert acknowledged == [2, 0]
    assert numbers(again) == [1, 3, 4, 5, 6]
    assert not any(publish.duplicate for publish in again)


async def test_a_refused_publish_is_not_acknowledged_and_a_throttled_one_is_sent_again(broker: ScriptedBroker) -> None:
    acknowledged: list[int] = []

    async with aws_link_to(broker) as link:
        for number in range(3):
            link.publish("a/in", b"%d" % number, (), lambda number=number: acknowledged.append(number))  # type: ignore[misc]
        peer = await broker.accepted()
        refused, throttled, taken = await peer.receive_publishes(3)
        peer.send(mqtt5.PubAckPacket(refused.packet_id or 0, reason_code=PubAckReasonCode.NOT_AUTHORIZED))
        peer.send(mqtt5.PubAckPacket(throttled.packet_id or 0, reason_code=PubAckReasonCode.QUOTA_EXCEEDED))
        peer.acknowledge(taken)
        (again,) = await peer.receive_publishes(1)
        peer.acknowledge(again)
        await until(lambda: link.outstanding == 0)

    assert numbers([refused, throttled, taken, again]) == [0, 1, 2, 1]
    assert acknowledged == [2, 1]


async def test_a_message_is_acknowledged_after_the_callback_returned(broker: ScriptedBroker) -> None:
    received: list[bytes] = []

    async with aws_link_to(broker) as link:
        link.subscribe("a/out", lambda message: received.append(message.payload))
        peer = await broker.accepted()
        await grant(peer)
        for number in range(3):
            peer.send(mqtt5.PublishPacket("a/out", b"%d" % number, qos=QoS.AT_LEAST_ONCE, packet_id=40 + number))
        heard = [(await peer.receive(mqtt5.PubAckPacket)).packet_id for _ in range(3)]
        before_the_last = list(received)
        peer.send(mqtt5.PublishPacket("a/out", b"no QoS"))
        await until(lambda: len(received) == 4)

    assert heard == [40, 41, 42]
    assert before_the_last == [b"0", b"1", b"2"]
    assert received[3] == b"no QoS"


async def test_a_refused_subscription_is_asked_for_again(broker: ScriptedBroker) -> None:
    subscribed: list[str] = []

    async with aws_link_to(broker) as link:
        link.subscribe("a/out", print, lambda: subscribed.append("a"))
        peer = await broker.accepted()
        first = await grant(peer, SubAckReasonCode.QUOTA_EXCEEDED)
        second = await grant(peer)
        await until(lambda: bool(subscribed))

    assert first == second == ["a/out"]
    assert subscribed == ["a"]


async def test_why_a_connection_ended_or_never_was_is_logged(broker: ScriptedBroker) -> None:
    async with aws_link_to(broker) as link:
        with structlog.testing.capture_logs() as logs:
            await broker.accepted(reason_code=ConnAckReasonCode.NOT_AUTHORIZED, reason_str="who are you")
            await broker.accepted(reason_code=ConnAckReasonCode.QUOTA_EXCEEDED)
            leaving = await broker.accepted()
            await until(lambda: link.is_connected)
            leaving.send(mqtt5.DisconnectPacket(reason_code=DisconnectReasonCode.SESSION_TAKEN_OVER))
            gone = await broker.accepted()
            gone.drop()
            await broker.accepted()
            await until(lambda: link.is_connected)

    *said, dropped = [entry["reason"] for entry in logs if entry["event"] == "mqtt link down"]
    assert said == [
        "the broker refused the connection: NOT_AUTHORIZED (who are you)",
        "the broker refused the connection: QUOTA_EXCEEDED",
        "the broker disconnected: SESSION_TAKEN_OVER",
    ]
    assert dropped.startswith("AWS_")


async def test_nobody_there_is_logged_and_tried_again() -> None:
    async with scripted_broker() as closed:
        pass

    with structlog.testing.capture_logs() as logs:
        async with aws_link_to(closed):
            await until(lambda: sum(entry["event"] == "mqtt link down" for entry in logs) > 2)

    assert "AWS_IO_SOCKET_CONNECTION_REFUSED" in logs[0]["reason"]


@pytest.mark.e2e  # a keepalive takes its seconds
@pytest.mark.alone
async def test_a_broker_that_falls_silent_is_left(broker: ScriptedBroker) -> None:
    states: list[bool] = []

    async with aws_link_to(broker, states.append, keepalive_s=1):
        silent = await broker.accepted()
        await silent.receive(mqtt5.PingReqPacket)
        await silent.is_closed()
        await broker.accepted()
        await until(lambda: len(states) == 3)

    assert states[:3] == [True, False, True]


@pytest.mark.e2e  # a keepalive takes its seconds
@pytest.mark.alone
async def test_a_broker_that_answers_pings_but_does_not_acknowledge_is_left(broker: ScriptedBroker) -> None:
    with structlog.testing.capture_logs() as logs:
        async with aws_link_to(broker, keepalive_s=1) as link:
            peer = await broker.accepted()
            link.publish("a/in", b"1")
            await peer.receive(mqtt5.PublishPacket)
            await peer.answer_pings()
            again = await (await broker.accepted()).receive_publishes(1)

    assert "the broker does not acknowledge" in [entry.get("reason") for entry in logs]
    assert numbers(again) == [1]


async def test_a_connect_that_nobody_answers_is_given_up(broker: ScriptedBroker) -> None:
    async with aws_link_to(broker, connect_timeout_s=0.05) as link:
        first = await broker.connection()
        await first.receive(mqtt5.ConnectPacket)
        await first.is_closed()
        await (await broker.connection()).accept()
        await until(lambda: link.is_connected)

    assert not link.is_connected


async def test_closing_says_goodbye(broker: ScriptedBroker) -> None:
    async with aws_link_to(broker) as link:
        peer = await broker.accepted()
        await until(lambda: link.is_connected)
        await link.close(1)
        goodbye, _ = mqtt5.read(memoryview(await peer.is_closed()))

    assert isinstance(goodbye, mqtt5.DisconnectPacket)
    assert goodbye.reason_code == DisconnectReasonCode.NORMAL_DISCONNECTION


async def test_a_cancelled_link_says_nothing_so_that_its_will_is_published(broker: ScriptedBroker) -> None:
    link = AwsIotLink(replace(AWS_QUICK, port=broker.port))
    running = asyncio.create_task(link.run(), name="link")
    peer = await broker.accepted()
    await until(lambda: link.is_connected)

    running.cancel()
    said = await peer.is_closed()

    assert said == b""
    assert not link.is_connected


async def test_connections_of_the_past_leave_nothing_behind(broker: ScriptedBroker) -> None:
    async with aws_link_to(broker) as link:
        for _ in range(10):
            peer = await broker.accepted()
            await until(lambda: link.is_connected)
            peer.drop()
            await until(lambda: not link.is_connected)
        await broker.accepted()
        await until(lambda: link.is_connected)
        gc.collect()
        alive = sum(isinstance(one, CrtConnection) for one in gc.get_objects())

    assert alive <= 2


def test_a_loop_that_is_closed_under_a_link_hurts_nobody() -> None:
    async def abandon() -> None:
        async with scripted_broker() as broker:
            link = AwsIotLink(replace(AWS_QUICK, port=broker.port))
            running = asyncio.create_task(link.run(), name="link")
            peer = await broker.accepted()
            await until(lambda: link.is_connected)
            for number in range(100):
                peer.send(mqtt5.PublishPacket("a/out", b"", qos=QoS.AT_LEAST_ONCE, packet_id=number + 1))
            running.cancel()

    asyncio.run(abandon())

    uvloop.run(abandon())


@pytest.mark.e2e
@pytest.mark.alone
async def test_the_emulator_accepts_our_signature_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH", "true")  # the emulator's own switch: signatures and policies count
    with cloud.running(tmp_path) as aws, structlog.testing.capture_logs() as logs:
        iam = aws.client("iam")
        iam.create_user(UserName="gateway")
        policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
        iam.put_user_policy(UserName="gateway", PolicyName="link", PolicyDocument=policy)
        made = iam.create_access_key(UserName="gateway")["AccessKey"]

        monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])  # where the default chain looks first
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["SecretAccessKey"])
        right = signed(aws, None)
        wrong = signed(aws, AwsCredentialsProvider.new_static(made["AccessKeyId"], "not the secret"))
        async with asyncio.TaskGroup() as tasks:
            for link in (right, wrong):
                tasks.create_task(link.run(), name="link")
            await until(lambda: right.is_connected and any(entry["event"] == "mqtt link down" for entry in logs))
            states = (right.is_connected, wrong.is_connected)
            for link in (right, wrong):
                await link.close(0)

    reasons = {entry["reason"].partition(":")[0] for entry in logs if entry["event"] == "mqtt link down"}
    assert states == (True, False)
    assert reasons == {"AWS_ERROR_HTTP_WEBSOCKET_UPGRADE_FAILURE"}


def signed(aws: cloud.AWS, credentials: object) -> AwsIotLink:
    """A link to the emulator that signs with these credentials."""
    settings = AwsIotSettings(
        "localhost",
        aws.port,
        f"gw-{id(credentials)}",
        region=aws.region,
        server_name=f"gw-ats.iot.{aws.region}.localhost",
        credentials=credentials,
        is_encrypted=False,
    )
    return AwsIotLink(settings)
