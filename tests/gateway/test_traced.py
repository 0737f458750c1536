"""Traces: one id from the frame of a charge point to its answer, and from a command to the answer it gets."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import structlog
from structlog.testing import LogCapture

from adapters.iot_data import IotOutbound
from domain import tracing
from domain.ports import Message
from gateway.settings import SettingsError, load
from processors import inbox
from tests.gateway.house import House as Gateway
from tests.gateway.house import hear, house, until
from tests.processors.house import House as Csms

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """What is logged meanwhile, with what is bound to the context."""
    before = structlog.get_config()
    capture = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture.entries
    structlog.configure(**before)


class Broker:
    """AWS IoT's HTTP side: what a function publishes goes to the gateway's broker."""

    def __init__(self, here: Gateway) -> None:
        self.here = here

    def publish(self, topic: str, payload: bytes, userProperties: list[dict[str, str]], **_: Any) -> None:  # noqa: N803
        pairs = [pair for each in userProperties for pair in each.items()]
        self.here.broker.publish(topic, payload, pairs)


def process_as_the_rule_says(here: Gateway, csms: Csms, **more: Any) -> None:
    """Wrap frames as the rule with `tracing` does, and have them processed."""
    ports = csms.ports(outbound=IotOutbound(Broker(here)), clock=lambda: datetime.now(UTC), **more)  # type: ignore[arg-type]

    def on_frame(message: Message) -> None:
        properties = message.properties
        record = {
            "chargePointId": message.topic.split("/")[0], "message": orjson.loads(message.payload),
            "receivedAt": datetime.now(UTC).timestamp() * 1000, "epoch": properties.get("epoch", 0),
            "ocpp": properties.get("ocpp", 0), "traceparent": properties.get("traceparent", 0),
        }  # fmt: skip
        inbox.process(record, ports, queue=inbox.INCOMING)

    here.broker.subscribe("+/in", on_frame)


async def test_one_trace_id_is_in_the_gateway_s_log_the_processors_and_the_answer(lines: list[Any]) -> None:
    csms = Csms()
    async with house(admissions=csms.registry, tracing=1.0) as here:
        csms.register("CP1")
        process_as_the_rule_says(here, csms)
        socket = await here.connect()
        await socket.send('[2,"1","Heartbeat",{}]')
        answer = await hear(socket)

    assert answer[:2] == [3, "1"]
    traced = [line for line in lines if line["event"] == "traced"]
    assert [line["step"] for line in traced] == ["from charge point", "processed", "to charge point"]
    (trace_id,) = {line["trace_id"] for line in traced}
    (sent,) = [message for message in here.broker.messages if message.topic == "CP1/out"]
    (call,) = [message for message in here.broker.messages if message.topic == "CP1/in"]
    assert (
        tracing.trace_id(sent.properties["traceparent"]) == tracing.trace_id(call.properties["traceparent"]) == trace_id
    )
    assert sent.properties["traceparent"] != call.properties["traceparent"]  # a span of its own


async def test_a_command_s_trace_goes_on_with_the_answer_of_the_charge_point() -> None:
    async with house(tracing=0.000_001) as here:
        socket = await here.connect()
        here.tell("CP1", [2, "c1", "Reset", {"type": "Soft"}], traceparent=TRACEPARENT)
        here.tell("CP1", [2, "c2", "Reset", {"type": "Soft"}])
        for number in ("c1", "c2"):
            assert (await hear(socket))[1] == number
            await socket.send(orjson.dumps([3, number, {"status": "Accepted"}]).decode())
        await until(lambda: len(here.heard("CP1")) == 2)

        first, second = [message.properties for message in here.broker.messages if message.topic == "CP1/in"]
        assert tracing.trace_id(first["traceparent"]) == tracing.trace_id(TRACEPARENT)
        assert "traceparent" not in second


async def test_without_tracing_nothing_is_traced_even_if_it_comes_with_a_trace() -> None:
    async with house() as here:
        here.answer_everything()
        socket = await here.connect()
        await socket.send('[2,"1","Heartbeat",{}]')
        await hear(socket)

        assert all("traceparent" not in message.properties for message in here.broker.messages)
        assert type(here.gateway.sessions["CP1"]).__name__ == "Session"


@pytest.mark.parametrize("value", [None, 0, "", "00-0-0-01", TRACEPARENT.upper(), f"00-{'0' * 32}-00f067aa0ba902b7-01"])
def test_what_is_no_trace_is_not_followed(value: object) -> None:
    with tracing.following(value, "nothing") as followed:
        assert (followed, tracing.followed()) == ("", "")


def test_a_share_is_between_none_and_all() -> None:
    with pytest.raises(SettingsError, match="OCPPGW_TRACING"):
        load(tracing=1.5)
