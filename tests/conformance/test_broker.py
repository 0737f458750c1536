"""Rows of conformance where the broker matters, with a real mosquitto between a gateway process and the cloud."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio

from ocppj import topics
from ocppj.versions import VERSIONS, Version
from tests.brokers import Mosquitto
from tests.conformance.clouds import answering_cloud
from tests.conformance.wire import TEXT, answer, call, frame, request, wire
from tests.gateway.house import closed, hear, until
from tests.gateway.test_main import Process

pytestmark = pytest.mark.e2e


@pytest_asyncio.fixture
async def process(mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Process]:
    started = Process(f"mqtt://127.0.0.1:{mosquitto.port}", log=tmp_path / "gateway.log")
    await started.ready()
    yield started
    await started.end()


async def test_a06_odd_identities_are_topics_of_their_own(process: Process, mosquitto: Mosquitto) -> None:
    identities = ["CP+1", "CPx1", "CP#", "+", "#", "A/B", "A%2FB", "$SYS", "Zürich 1", ":", "a" * 128]
    ids = [topics.escape(identity) for identity in identities]
    async with answering_cloud(mosquitto, ids) as cloud:
        sockets = [await process.connect(quote(identity, safe="")) for identity in identities]
        for identity, charge_point_id, socket in zip(identities, ids, sockets, strict=True):
            await socket.send(call("1", identity).decode())
            cloud.tell(charge_point_id, [2, "m1", "DataTransfer", {"vendorId": identity}])
        heard = [sorted([await hear(socket), await hear(socket)]) for socket in sockets]

    assert heard == [
        [[2, "m1", "DataTransfer", {"vendorId": identity}], answer("1", identity)] for identity in identities
    ]


async def test_a24_whatever_the_newest_socket_is_it_is_the_one_that_works(
    process: Process, mosquitto: Mosquitto
) -> None:
    async with answering_cloud(mosquitto, ["CP1"]) as cloud:
        sockets = []
        for number in range(20):
            sockets.append(await process.connect("CP1", VERSIONS[number % 3].subprotocol))
            cloud.tell("CP1", [2, f"m{number}", "ClearCache", {}])
            assert (await hear(sockets[-1]))[1] == f"m{number}"
        assert [await closed(old) for old in sockets[:-1]] == [1008] * 19
        await until(lambda: len(cloud.heard) == 19)

    fates = [(sent[0], sent[1], sent[4]["reason"]) for _, sent in cloud.heard]
    assert fates == [(4, f"m{number}", "closed") for number in range(19)]


@pytest.mark.parametrize("version", VERSIONS, ids=str)
async def test_b07_pipelined_calls_are_answered_in_order(
    process: Process, mosquitto: Mosquitto, version: Version
) -> None:
    async with (
        answering_cloud(mosquitto, ["CP1"]) as cloud,
        wire(process.port, request("/ocpp/CP1", version.subprotocol)) as peer,
    ):
        peer.send(*[frame(TEXT, call(str(number))) for number in range(400)])
        answers = [await peer.json() for _ in range(400)]

    assert answers == [answer(str(number)) for number in range(400)]
    assert [sent[1] for _, sent in cloud.heard] == [str(number) for number in range(400)]


async def test_b26_a_message_of_a_mebibyte_is_answered_with_one(process: Process, mosquitto: Mosquitto) -> None:
    text = "x" * (1_048_576 - len(call()))
    async with answering_cloud(mosquitto, ["CP1"]), wire(process.port) as peer:
        peer.send(frame(TEXT, call(text=text)))

        assert orjson.dumps(await peer.json()) == orjson.dumps(answer(text=text))
