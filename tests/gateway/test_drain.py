"""Closing many sockets: paced, and what somebody waits for is waited for."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import pytest
import structlog
from websockets.exceptions import InvalidStatus

from domain.models import ChargePoint
from gateway.drain import TICK_S, close_paced
from ocppj import timestamps
from tests.gateway.house import House, closed, get, hear, house, until

BEAT = '[2,"h1","Heartbeat",{}]'
TEN = [ChargePoint(f"CP{number}") for number in range(10)]


@dataclass(slots=True)
class Socket:
    """Something with an end."""

    is_busy: bool = False
    ended: list[tuple[int, str]] = field(default_factory=list)

    def end(self, code: int, why: str) -> None:
        self.ended.append((code, why))


async def test_sockets_are_closed_evenly_and_each_once() -> None:
    sockets = [Socket() for _ in range(10)]

    closing = asyncio.create_task(close_paced(sockets, 0.2, 1001, "drained"))
    await asyncio.sleep(0)
    at_first = sum(len(socket.ended) for socket in sockets)
    await closing

    assert at_first == 3
    assert [socket.ended for socket in sockets] == [[(1001, "drained")]] * 10


async def test_who_is_closed_slowly_is_closed_as_slowly_as_was_asked_for() -> None:
    sockets = [Socket() for _ in range(10)]

    closing = asyncio.create_task(close_paced(sockets, 60, 1012, "rebalanced"))
    await asyncio.sleep(5 * TICK_S)
    closing.cancel()

    assert sum(len(socket.ended) for socket in sockets) == 1


async def test_a_busy_socket_is_closed_when_it_is_not_busy_any_more() -> None:
    busy, idle = Socket(is_busy=True), Socket()

    closing = asyncio.create_task(close_paced([busy, idle], 0.0, 1012, "rebalanced", patience_s=60))
    await until(lambda: idle.ended)
    still = list(busy.ended)
    busy.is_busy = False
    await closing

    assert (still, busy.ended) == ([], [(1012, "rebalanced")])


async def test_patience_with_busy_sockets_has_an_end() -> None:
    busy = Socket(is_busy=True)

    await close_paced([busy], 0.0, 1001, "drained", patience_s=0.05)

    assert busy.ended == [(1001, "drained")]


async def test_what_is_over_is_over() -> None:
    socket = Socket()

    await close_paced([socket], 0.0, 1013, "broker_lost", is_over=lambda: True)

    assert socket.ended == []


async def test_a_stop_waits_for_the_answer_that_is_on_its_way() -> None:
    async with house(drain_s=2.0) as here:
        busy, idle = await here.connect("/ocpp/CP1"), await here.connect("/ocpp/CP2")
        await busy.send(BEAT)
        await until(lambda: here.heard("CP1"))

        here.gateway.stop()
        assert await closed(idle) == 1001
        assert (await get(here.gateway.admin_port, "/readyz"))[0] == 503
        here.tell("CP1", [3, "h1", {}])

        assert await hear(busy) == [3, "h1", {}]
        assert await closed(busy) == 1001


async def test_a_stop_does_not_wait_for_a_backend_that_never_answers() -> None:
    async with house(drain_s=0.2) as here:
        socket = await here.connect()
        await socket.send(BEAT)
        await until(lambda: here.heard("CP1"))

        here.gateway.stop()

        assert await closed(socket) == 1001


async def test_nobody_loses_a_broker_in_a_stop() -> None:
    with structlog.testing.capture_logs() as lines:
        async with house() as here:
            await here.connect()

    assert [line["event"] for line in lines if line["log_level"] != "info"] == []
    assert "stopped" in [line["event"] for line in lines]


async def _post(here: House, target: str) -> tuple[int, str]:
    return await get(here.gateway.admin_port, target, "POST")


async def test_a_gateway_with_too_many_sends_some_of_them_elsewhere() -> None:
    async with house(TEN) as here:
        connections = [await here.connect(f"/ocpp/CP{number}") for number in range(10)]

        status, body = await _post(here, "/shed?count=4&rate=100")
        await until(lambda: len(here.gateway.sessions) == 6)

        assert (status, orjson.loads(body)) == (202, {"data": {"closing": 4}})
        gone = [socket for number, socket in enumerate(connections) if f"CP{number}" not in here.gateway.sessions]
        assert [await closed(socket) for socket in gone] == [1012] * 4
        assert {event["reason"] for event in here.events("disconnected")} == {"rebalanced"}
        assert (await get(here.gateway.admin_port, "/readyz"))[0] == 200


async def test_no_socket_with_a_command_outstanding_is_sent_elsewhere() -> None:
    async with house() as here:
        busy, idle = await here.connect("/ocpp/CP1"), await here.connect("/ocpp/CP2")
        here.tell("CP1", [2, "m1", "Reset", {"type": "Soft"}])
        await hear(busy)

        await _post(here, "/shed?count=2&rate=1000")
        assert await closed(idle) == 1012
        assert list(here.gateway.sessions) == ["CP1"]
        await busy.send('[3,"m1",{"status":"Accepted"}]')

        assert await closed(busy) == 1012
        assert here.heard("CP1") == [[3, "m1", {"status": "Accepted"}]]


async def test_a_gateway_that_is_drained_takes_nobody_new_and_lives_on() -> None:
    async with house() as here:
        socket = await here.connect("/ocpp/CP1")

        status, _ = await _post(here, "/drain?rate=100")
        code = await closed(socket)
        with pytest.raises(InvalidStatus) as refused:
            await here.connect("/ocpp/CP2")

        assert (status, code, refused.value.response.status_code) == (202, 1012, 503)
        assert (await get(here.gateway.admin_port, "/readyz"))[0] == 503
        assert (await get(here.gateway.admin_port, "/healthz"))[0] == 200


@pytest.mark.parametrize(
    "target",
    ["/shed", "/shed?count=many", "/shed?count=0.5", "/shed?count=1&rate=0", "/drain?rate=-1", "/drain?rate=nan"],
)
async def test_an_order_that_makes_no_sense_is_400(target: str) -> None:
    async with house() as here:
        socket = await here.connect()

        status, _ = await _post(here, target)

        assert status == 400
        assert (await get(here.gateway.admin_port, "/drain"))[0] == 405
        await socket.ping()
        assert list(here.gateway.sessions) == ["CP1"]


async def test_the_admin_port_knows_who_is_connected_and_when_it_was_last_seen() -> None:
    async with house([ChargePoint("CP:2B1")]) as here:
        began = datetime.now(UTC)
        socket = await here.connect("/ocpp/CP+1", "ocpp2.0.1")
        await socket.send(BEAT)
        await until(lambda: here.heard("CP:2B1"))
        status, body = await get(here.gateway.admin_port, "/charge-points/CP:2B1")
        nobody, _ = await get(here.gateway.admin_port, "/charge-points/CP2")

        found = orjson.loads(body)["data"]
        assert (status, nobody) == (200, 404)
        assert (found["ocppVersion"], found["link"], found["framesReceived"]) == ("ocpp2.0.1", 1, 1)
        # Two clocks, each cut to milliseconds: the same moment may differ by a little.
        since_s = (timestamps.parse(found["lastSeen"]) - timestamps.parse(found["connectedAt"])).total_seconds()
        assert since_s > -0.05
        assert found["isBusy"]

        await socket.close()
        await until(lambda: here.events("disconnected"))
        (event,) = here.events("disconnected")
        assert abs((timestamps.parse(event["lastSeen"]) - began).total_seconds()) < 30
