"""What a link costs, counted in work: calls of the kernel, and functions of ours."""

import asyncio
import sys
from types import FrameType
from typing import Any

import mqtt5
import pytest
from mqtt5 import PublishPacket, QoS

from adapters import mqtt_connection, mqtt_link
from adapters.mqtt_connection import Connection, OnPacket
from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import MqttSettings
from domain.ports import Message
from tests.transports import Recorder

SETTINGS = MqttSettings("127.0.0.1", 1, "gw-1")
PROPERTIES = (("ocpp", "ocpp1.6"), ("epoch", "1732147200000"))
TRIPS = 100
# Functions called for a publish and its acknowledgement, and for a message: 19 when this was written, more while each
# publish went through the waiting line.
MOST_CALLS = 19


class Bench(Connection):
    """A connection that is open, to nobody."""

    async def open(self) -> None:
        self.recorder = Recorder()
        self.connection_made(self.recorder)
        await asyncio.sleep(0)
        self.recorder.writes.clear()
        self.data_received(mqtt5.ConnAckPacket().write())


async def _connected() -> tuple[MqttLink, Bench, "asyncio.Task[None]"]:
    made: list[Bench] = []

    def wire(on_packet: OnPacket) -> Bench:
        made.append(Bench(SETTINGS, on_packet))
        return made[-1]

    link = MqttLink(SETTINGS, wire=wire)
    running = asyncio.create_task(link.run())
    while not link.is_connected:  # noqa: ASYNC110 - it takes a few turns, and no time
        await asyncio.sleep(0)
    return link, made[-1], running


async def _end(link: MqttLink, running: "asyncio.Task[None]") -> None:
    running.cancel()
    await asyncio.wait([running])


def _message(packet_id: int) -> bytes:
    return PublishPacket("CP1/out", b"[3]", qos=QoS.AT_LEAST_ONCE, packet_id=packet_id).write()


def _calls(module_of: str, action: Any) -> list[str]:
    called: list[str] = []

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_globals.get("__name__", "").startswith(module_of):
            called.append(frame.f_code.co_qualname)

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return called


async def test_a_publish_and_a_message_call_few_functions() -> None:
    link, wire, running = await _connected()
    heard: list[Message] = []
    link.subscribe("CP1/out", heard.append)
    send = link.sender("CP1/in", PROPERTIES)

    def work() -> None:
        send(b"[2]")
        wire.data_received(mqtt5.PubAckPacket(1).write() + _message(7))

    called = _calls("adapters", work)
    await _end(link, running)

    assert len(heard) == 1
    assert len(called) <= MOST_CALLS, called


async def test_what_is_acknowledged_leaves_nothing_behind() -> None:
    link, wire, running = await _connected()
    link.subscribe("CP1/out", lambda _: None)
    send = link.sender("CP1/in", PROPERTIES)

    def trips(first: int) -> None:
        for packet_id in range(first, first + TRIPS):
            send(b"[2]")
            wire.data_received(mqtt5.PubAckPacket(packet_id).write() + _message(7))

    trips(1)
    await asyncio.sleep(0)
    wire.recorder.writes.clear()
    before = sys.getallocatedblocks()
    trips(1 + TRIPS)
    await asyncio.sleep(0)
    wire.recorder.writes.clear()
    left = sys.getallocatedblocks() - before
    await _end(link, running)

    assert link.outstanding == 0
    assert left < TRIPS


async def test_what_is_published_in_one_turn_is_one_call_of_the_kernel() -> None:
    link, wire, running = await _connected()

    for _ in range(100):
        link.publish("CP1/in", b"[2]", PROPERTIES)
    await asyncio.sleep(0)
    writes = len(wire.recorder.writes)
    await _end(link, running)

    assert writes == 1


async def test_an_acknowledgement_goes_along_with_the_next_publish() -> None:
    link, wire, running = await _connected()
    wire.data_received(_message(7))
    await asyncio.sleep(0)
    before = list(wire.recorder.writes)

    link.publish("CP1/in", b"[2]")
    await asyncio.sleep(0)
    (write,) = wire.recorder.writes
    await _end(link, running)

    assert before == []
    assert write.startswith(mqtt5.PubAckPacket(7).write())


async def test_an_acknowledgement_does_not_wait_for_long() -> None:
    link, wire, running = await _connected()

    wire.data_received(_message(7))
    async with asyncio.timeout(5):
        while not wire.recorder.writes:  # noqa: ASYNC110 - a recorder knows no event
            await asyncio.sleep(mqtt_connection._SOON_S)
    await _end(link, running)

    assert wire.recorder.writes == [mqtt5.PubAckPacket(7).write()]


async def test_many_acknowledgements_do_not_wait() -> None:
    link, wire, running = await _connected()

    wire.data_received(b"".join(map(_message, range(1, 21))))
    await asyncio.sleep(0)
    writes = list(wire.recorder.writes)
    await _end(link, running)

    assert writes == [b"".join(mqtt5.PubAckPacket(number).write() for number in range(1, 21))]


async def test_those_who_come_within_a_moment_share_a_subscribe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_link, "_GATHER_S", 0.1)  # a machine that is busy takes its time between two turns
    link, wire, running = await _connected()

    for number in range(5):
        link.subscribe(f"CP{number}/out", lambda _: None)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while not wire.recorder.writes:  # noqa: ASYNC110 - a recorder knows no event
            await asyncio.sleep(0.01)
    (write,) = wire.recorder.writes
    await _end(link, running)

    assert write[0] == 0x82
    assert [f"CP{number}/out".encode() in write for number in range(5)] == [True] * 5
    assert write[1] == len(write) - 2  # one packet
