"""What is published over HTTPS arrives over MQTT with its properties; shadows merge."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiomqtt
import pytest

from adapters.iot_data import MAX_MESSAGE, IotOutbound, IotShadows
from domain.models import Route
from domain.ports import PacketTooLargeError
from infra.local.cloud import AWS

pytestmark = pytest.mark.e2e

ROUTE = Route("gw-1", 0)


@asynccontextmanager
async def listening(aws: AWS, topic: str) -> AsyncIterator[aiomqtt.Client]:
    context = ssl.create_default_context(cafile=str(aws.ca))
    protocol = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client("localhost", aws.mqtt_port, tls_context=context, protocol=protocol) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def next_message(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(20):
        return await anext(aiter(client.messages))


def properties_of(message: aiomqtt.Message) -> dict[str, Any]:
    return vars(message.properties)


def outbound(aws: AWS) -> IotOutbound:
    return IotOutbound(aws.client("iot-data"))


async def test_an_answer_carries_the_epoch_of_its_call_and_expires(aws: AWS) -> None:
    async with listening(aws, "CP:2F1/out") as client:
        frame = '[3,"m-1",{"status":"Süd"}]'
        await asyncio.to_thread(outbound(aws).publish, "CP:2F1", frame, ROUTE, epoch=1732147200000, expires_in_s=29)

        message = await next_message(client)

    assert message.payload == frame.encode()
    assert message.qos == 1
    properties = properties_of(message)
    assert properties["UserProperty"] == [("epoch", "1732147200000")]
    assert 0 < properties["MessageExpiryInterval"] <= 29


async def test_a_command_carries_its_deadline(aws: AWS) -> None:
    deadline = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
    async with listening(aws, "CP-2/out") as client:
        await asyncio.to_thread(
            outbound(aws).publish, "CP-2", '[2,"m","Reset",{}]', ROUTE, deadline=deadline, expires_in_s=0
        )

        message = await next_message(client)

    assert properties_of(message)["UserProperty"] == [("deadline", "1795262400123")]


async def test_a_gateway_is_told_whom_to_evict(aws: AWS) -> None:
    async with listening(aws, "gateways/gw-1/evict") as client:
        await asyncio.to_thread(outbound(aws).evict, "gw-1", "CP-1", 7)

        message = await next_message(client)

    assert isinstance(message.payload, bytes)
    assert json.loads(message.payload) == {"id": "CP-1", "epoch": 7}


def test_a_frame_that_no_broker_takes_is_not_handed_over(aws: AWS) -> None:
    with pytest.raises(PacketTooLargeError, match="CP-1/out: 131073 bytes, the broker takes 131072"):
        outbound(aws).publish("CP-1", "x" * (MAX_MESSAGE + 1), ROUTE, expires_in_s=1)


def test_a_shadow_merges_what_is_reported(aws: AWS) -> None:
    data = aws.client("iot-data")
    shadows = IotShadows(data)

    shadows.report("CP-shadow", {"connected": True, "connectors": {"1": {"status": "Available"}}, "model": "M"})
    shadows.report("CP-shadow", {"connected": False, "connectors": {"2": {"status": "Faulted"}}, "model": None})

    shadow = json.loads(data.get_thing_shadow(thingName="CP-shadow")["payload"].read())
    assert shadow["state"]["reported"] == {
        "connected": False,
        "connectors": {"1": {"status": "Available"}, "2": {"status": "Faulted"}},
    }
