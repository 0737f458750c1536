"""Too much of everything, over real sockets: noisy charge points, deaf ones, and all of them at once."""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from domain.models import ChargePoint
from gateway.gate import Arrivals
from gateway.limits import TrafficLimits
from gateway.options import WebSocketOptions
from tests.gateway.house import PATIENCE_S, House, closed, get, hear, house, until

BEAT = '[2,"h1","Heartbeat",{}]'


async def _refused(here: House, path: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        await here.connect(path)
    response = refused.value.response
    assert int(response.headers["Retry-After"]) >= 1
    return response.status_code, (response.body or b"").decode()


async def _flood(socket: ClientConnection) -> None:
    with pytest.raises(ConnectionClosed):
        while True:
            for _ in range(100):
                await socket.send("[]")
            await asyncio.sleep(0)  # a send that the kernel takes gives nobody else a turn


async def test_a_charge_point_that_floods_is_read_slower_and_then_closed() -> None:
    traffic = TrafficLimits(frames_per_s=500, patience_s=0.1)
    async with house(traffic=traffic, websocket=WebSocketOptions(close_timeout_s=0.2)) as here:
        here.answer_everything()
        noisy, neighbour = await here.connect("/ocpp/CP1", max_queue=None), await here.connect("/ocpp/CP2")

        flood = asyncio.create_task(_flood(noisy))
        await neighbour.send(BEAT)
        beat = await hear(neighbour)
        code = await closed(noisy)
        await flood
        await until(lambda: here.events("disconnected"))

        assert beat == [3, "h1", {}]
        assert code == 1008
        assert [(e["chargePointId"], e["reason"]) for e in here.events("disconnected")] == [("CP1", "flooding")]
        # A burst, what the patience lets through, and a bite: the flood itself never got through.
        assert here.gateway.metrics.tally.frames_in < 500 * 5 + 500 * PATIENCE_S + 128


async def test_a_flood_without_any_limit_takes_turns_with_the_others() -> None:
    malformed = b"\x81\x82\0\0\0\0[]"
    async with house() as here:
        here.answer_everything()
        neighbour = await here.connect("/ocpp/CP2")
        reader, noisy = await asyncio.open_connection("127.0.0.1", here.gateway.port)
        noisy.write(
            b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")

        noisy.write(malformed * 60_000)
        await neighbour.send(BEAT)
        beat = await hear(neighbour)
        meanwhile = here.gateway.metrics.tally.frames_in
        turns = []
        for _ in range(200):
            before = here.gateway.metrics.tally.frames_in
            await asyncio.sleep(0)
            turns.append(here.gateway.metrics.tally.frames_in - before)
        noisy.transport.abort()

        assert beat == [3, "h1", {}]
        assert meanwhile < 20_000  # one read is 30,000 of these and more
        assert 0 < sorted(turns)[180] <= 64  # in one turn of the loop


async def test_who_is_slowed_down_for_a_while_loses_nothing() -> None:
    async with house(traffic=TrafficLimits(frames_per_s=100, patience_s=60), ping_interval_s=0.1) as here:
        socket = await here.connect()
        for number in range(520):
            await socket.send(f'[3,"{number}",{{}}]')

        await until(lambda: here.gateway.metrics.tally.frames_in == 520)

        assert "CP1" in here.gateway.sessions
        assert here.gateway.metrics.tally.unknown == 520


async def test_pings_count_as_traffic_too() -> None:
    traffic = TrafficLimits(bytes_per_s=1_000, patience_s=0.1)
    async with house(traffic=traffic, websocket=WebSocketOptions(close_timeout_s=0.1)) as here:
        socket = await here.connect(close_timeout=0.1)

        with pytest.raises(ConnectionClosed):
            while True:
                await socket.ping()
                await asyncio.sleep(0)

        assert await closed(socket) == 1008


async def test_a_charge_point_that_does_not_read_is_closed_not_fed_for_ever() -> None:
    deaf_soon = WebSocketOptions(write_buffer_bytes=65_536, write_timeout_s=0.1)
    async with house(websocket=deaf_soon) as here:
        socket = await here.connect()
        socket.transport.pause_reading()
        for number in range(40):  # more than all the buffers of the kernel take
            await socket.send(f'[2,"{number}","DataTransfer",{{}}]')
        await until(lambda: len(here.heard("CP1")) == 40)

        for number in range(40):
            here.tell("CP1", [3, str(number), {"data": "x" * 300_000}])
        await until(lambda: here.events("disconnected"))
        _, metrics = await get(here.gateway.admin_port, "/metrics")
        socket.transport.abort()

        assert here.events("disconnected")[0]["reason"] == "slow_reader"
        assert 'ocpp_ws_send_failure_total{reason="slow_reader"} 1.0' in metrics


async def test_an_address_that_knocks_too_often_is_429() -> None:
    async with house(arrivals=Arrivals(handshakes_per_source_s=0.2)) as here:
        await here.connect("/ocpp/CP1")

        status, text = await _refused(here, "/ocpp/CP2")

        assert status == 429
        assert text.startswith("Too many connection attempts from 127.0.0.1.")


async def test_a_full_gateway_is_503_but_for_those_it_has_already() -> None:
    async with house(arrivals=Arrivals(max_connections=1)) as here:
        old = await here.connect("/ocpp/CP1")
        new = await here.connect("/ocpp/CP1")
        status, text = await _refused(here, "/ocpp/CP2")

        assert await closed(old) == 1008
        assert (status, "its 1 connections" in text) == (503, True)
        await new.close()
        await until(lambda: not here.gateway.sessions)
        await here.connect("/ocpp/CP2")


async def test_a_storm_is_let_in_at_the_rate_the_broker_takes_and_the_rest_later() -> None:
    rows = [ChargePoint(f"CP{number}") for number in range(30)]
    async with house(rows, arrivals=Arrivals(subscribe_rate=20, max_wait_s=0.5)) as here:
        storm: list[Any] = await asyncio.gather(
            *[here.connect(f"/ocpp/CP{number}") for number in range(30)], return_exceptions=True
        )

        later = [refused for refused in storm if isinstance(refused, InvalidStatus)]
        assert len(here.gateway.sessions) + len(later) == 30
        assert {refused.response.status_code for refused in later} == {503}
        assert len(here.gateway.sessions) >= 11
        assert len({refused.response.headers["Retry-After"] for refused in later}) > 1


async def test_while_the_backend_is_slow_nobody_new_is_let_in() -> None:
    async with house(arrivals=Arrivals(slow_answer_s=0.01), call_timeout_s=0.05) as here:
        socket = await here.connect("/ocpp/CP1")
        for number in range(20):
            await socket.send(f'[2,"{number}","Heartbeat",{{}}]')
        for _ in range(20):
            assert (await hear(socket))[2] == "InternalError"

        status, text = await _refused(here, "/ocpp/CP2")

        assert status == 503
        assert "answered too slowly" in text
