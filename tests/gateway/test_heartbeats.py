"""Heartbeats at the edge: answered once, here or there."""

import orjson
import pytest

from ocppj import schemas, timestamps, versions
from tests.gateway.house import get, hear, house


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_a_heartbeat_is_answered_here_in_every_version(version: str) -> None:
    async with house(forward_heartbeat_every=10) as here:
        socket = await here.connect("/ocpp/CP1", version)

        await socket.send('[2,"h1","Heartbeat",{}]')
        answer = await hear(socket)

        assert answer[:2] == [3, "h1"]
        assert timestamps.is_timestamp(answer[2]["currentTime"])
        spoken = versions.of_subprotocol(version)
        assert spoken is not None
        schemas.check(spoken, "Heartbeat", "response", answer[2])
        assert here.heard("CP1") == []


async def test_one_heartbeat_in_so_many_goes_on_and_is_not_answered_here() -> None:
    async with house(forward_heartbeat_every=3) as here:
        socket = await here.connect()
        here.answer_everything()

        answers = []
        for number in range(7):
            await socket.send(f'[2,"{number}","Heartbeat",{{}}]')
            answers.append(await hear(socket))

        assert [answer[1] for answer in answers] == [str(number) for number in range(7)]
        assert [frame[1] for frame in here.heard("CP1")] == ["2", "5"]
        assert [bool(answer[2]) for answer in answers] == [True, True, False, True, True, False, True]
        _, metrics = await get(here.gateway.admin_port, "/metrics")
        assert "ocpp_call_answered_at_edge_total 5.0" in metrics


@pytest.mark.parametrize("frame", [[2, "1", "Authorize", {"idTag": "A"}], [2, "1", "Heartbeat", {"x": 1}]])
async def test_everything_else_goes_on(frame: list[object]) -> None:
    async with house(forward_heartbeat_every=10) as here:
        here.answer_everything()
        socket = await here.connect()

        await socket.send(orjson.dumps(frame).decode())

        assert (await hear(socket))[1] == "1"
        assert here.heard("CP1") == [frame]
