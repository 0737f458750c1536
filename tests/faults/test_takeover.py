"""A charge point connects again while its old socket is half-open: the new one is online and gets the commands."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from adapters.memory import MemoryRegistry
from domain.models import ChargePoint
from tests.e2e.operator import Operator, Reply
from tests.faults.scene import Site, Watch, time_passes
from tests.faults.sizes import measured, size
from tests.gateway.house import hear, house
from tests.gateway.test_main import Process

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

ROUNDS = 200
ROUNDS_EACH = 10
CLOSED_S = 30.0


def go_dead(socket: ClientConnection) -> None:
    """Half-open: nothing is read any more, and nothing is sent, not even a FIN."""
    socket.transport.pause_reading()


async def commands_on(socket: ClientConnection) -> list[str]:
    """The commands that arrived on a dead socket until its end."""
    socket.transport.resume_reading()
    frames = []
    with suppress(ConnectionClosed):  # what came before is handed out first
        async with asyncio.timeout(CLOSED_S):
            while True:
                frames.append(orjson.loads(await socket.recv()))
    return [frame[1] for frame in frames if frame[0] == 2]


async def test_200_rounds_in_one_gateway_leave_the_newest_socket_online_and_commanded() -> None:
    registry = MemoryRegistry([ChargePoint("CP1")])
    async with house(admissions=registry) as scene:
        sockets: list[ClientConnection] = []
        offline: list[int] = []
        for number in range(ROUNDS):
            sockets.append(await scene.connect())
            scene.tell("CP1", [2, f"command-{number}", "ClearCache", {}])
            heard = await hear(sockets[-1])
            row = registry.find("CP1")
            assert row is not None and row.connection is not None
            offline += [event["epoch"] for event in scene.events("disconnected")]
            offline = [epoch for epoch in offline if epoch >= row.connection.epoch]
            assert heard[1] == f"command-{number}"
            go_dead(sockets[-1])
        sessions = len(scene.gateway.sessions)
        late = [await commands_on(socket) for socket in sockets[:-1]]
        await sockets[-1].close()

    assert sessions == 1
    assert offline == []
    assert [commands for commands in late if commands] == []


class Taken:
    """One charge point that connects again and again, to either of two gateways, and what became of it."""

    def __init__(self, charge_point_id: str, urls: list[str], operator: Operator) -> None:
        self.charge_point_id = charge_point_id
        self.replies: list[Reply] = []
        self.sockets: list[ClientConnection] = []
        self._urls = urls
        self._operator = operator

    async def rounds(self) -> None:
        """Ten times, with a command in every other one: an operator may send ten a minute."""
        for number in range(ROUNDS_EACH):
            # Not strictly in turn: the same gateway twice is a takeover, too.
            await self._connect(self._urls[number * 2 // 3 % 2])
            if number % 2 == 0:
                await self.command()
            go_dead(self.sockets[-1])
        self.sockets[-1].transport.resume_reading()

    async def command(self) -> None:
        """Have an operator command it."""
        path = f"/charge-points/{self.charge_point_id}/commands/ClearCache"
        answering = asyncio.create_task(_answer(self.sockets[-1]))
        self.replies.append(await self._operator.post_async(path, {}, wait=20))
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)

    async def _connect(self, url: str) -> None:
        protocols = [Subprotocol("ocpp1.6")]
        self.sockets.append(
            await connect(
                f"{url}/{self.charge_point_id}", subprotocols=protocols, proxy=None, ping_interval=None,
                compression=None, open_timeout=30,
            )
        )  # fmt: skip


async def test_rounds_between_two_gateways_leave_the_newest_socket_online_and_commanded(
    start_in_house: Callable[..., Process], site: Site
) -> None:
    """40 rounds: 4 charge points with 10 each at the same time; the full size is 200."""
    ids = site.register("takeover", size(4, 20))
    process = start_in_house()
    await process.ready()
    urls = [site.house.ws_url, f"ws://127.0.0.1:{process.port}"]
    taken = [Taken(charge_point_id, urls, Operator(site.house)) for charge_point_id in ids]

    async with Watch(lambda: site.offline_rows([each.charge_point_id for each in taken if each.sockets])) as watch:
        await asyncio.gather(*[each.rounds() for each in taken])
        await time_passes(size(3.0, 61.0))  # what was delayed has come by now
        online = site.online_shadows(ids)
        await asyncio.gather(*[each.command() for each in taken])
    late = [await commands_on(socket) for each in taken for socket in each.sockets[:-1]]
    for each in taken:
        await each.sockets[-1].close()

    replies = [reply for each in taken for reply in each.replies]
    measured("takeover", rounds=len(taken) * ROUNDS_EACH, commands=len(replies), looks=watch.looks)
    assert [reply for reply in replies if reply.body.get("state") != "accepted"] == []
    assert watch.seen == set()
    assert online == set(ids)
    assert [commands for commands in late if commands] == []


async def test_a_takeover_between_workers_on_one_registry_leaves_the_newest_socket(
    start_in_house: Callable[..., Process], site: Site
) -> None:
    (charge_point_id,) = site.register("workers", 1)
    process = start_in_house("--workers", "2")
    await process.ready()

    sockets = [await process.connect(charge_point_id) for _ in range(12)]
    await asyncio.gather(*[socket.wait_closed() for socket in sockets[:-1]])
    answering = asyncio.create_task(_answer(sockets[-1]))
    path = f"/charge-points/{charge_point_id}/commands/ClearCache"
    reply = await Operator(site.house).post_async(path, {}, wait=20)
    await answering

    assert {socket.close_code for socket in sockets[:-1]} == {1008}
    assert reply.body["state"] == "accepted"
    assert site.offline_rows([charge_point_id]) == set()


async def _answer(socket: ClientConnection) -> None:
    # As long as it takes: the first command starts a Lambda, or two.
    frame = orjson.loads(await socket.recv())
    await socket.send(orjson.dumps([3, frame[1], {"status": "Accepted"}]).decode())
