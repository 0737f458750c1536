"""Conformance B.2 over real sockets, in every version: who may speak, and whose answer is whose."""

from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection

from ocppj.versions import VERSIONS, Version
from tests.gateway.house import House, hear, house, until

versions = pytest.mark.parametrize("version", VERSIONS, ids=str)


async def say(socket: ClientConnection, *frame: Any) -> None:
    await socket.send(orjson.dumps(frame), text=True)


@versions
async def test_b03_an_id_begins_anew_with_every_connection(here: House, version: Version) -> None:
    for _ in range(3):
        socket = await here.connect("/ocpp/CP1", version.subprotocol)
        await say(socket, 2, "1", "Heartbeat", {})

        assert await hear(socket) == [3, "1", {}]
        await socket.close()
    assert len(here.heard("CP1")) == 3


@versions
async def test_b05_commands_queue_up_for_one_and_not_for_another(here: House, version: Version) -> None:
    slow = await here.connect("/ocpp/CP1", version.subprotocol)
    other = await here.connect("/ocpp/CP2", version.subprotocol)

    for number in range(5):
        here.tell("CP1", [2, f"m{number}", "ClearCache", {}])
    here.tell("CP2", [2, "other", "ClearCache", {}])
    assert (await hear(other))[1] == "other"
    order = []
    for _ in range(5):
        order.append((await hear(slow))[1])
        await say(slow, 2, "ping", "Heartbeat", {})
        assert await hear(slow) == [3, "ping", {}]  # and not the next command
        await say(slow, 3, order[-1], {"status": "Accepted"})

    assert order == [f"m{number}" for number in range(5)]


@versions
async def test_b08_b09_a_late_answer_is_not_the_answer_to_the_next_command(version: Version) -> None:
    async with house(call_timeout_s=0.5) as here:
        socket = await here.connect("/ocpp/CP1", version.subprotocol)
        here.tell("CP1", [2, "m1", "ClearCache", {}])
        here.tell("CP1", [2, "m2", "ClearCache", {}])

        assert [(await hear(socket))[1], (await hear(socket))[1]] == ["m1", "m2"]
        await say(socket, 3, "m1", {"status": "Rejected"})
        await say(socket, 3, "m2", {"status": "Accepted"})
        await until(lambda: len(here.heard("CP1")) == 2)

        timeout, answer = here.heard("CP1")
        assert (timeout[:2], timeout[4]["reason"]) == ([4, "m1"], "timeout")
        assert answer == [3, "m2", {"status": "Accepted"}]


@versions
async def test_b11_the_first_of_two_answers_counts(here: House, version: Version) -> None:
    socket = await here.connect("/ocpp/CP1", version.subprotocol)
    here.tell("CP1", [2, "m1", "ClearCache", {}])
    await hear(socket)

    await say(socket, 3, "m1", {"status": "Accepted"})
    await say(socket, 3, "m1", {"status": "Rejected"})
    await say(socket, 2, "end", "Heartbeat", {})
    await hear(socket)

    assert here.heard("CP1") == [[3, "m1", {"status": "Accepted"}], [2, "end", "Heartbeat", {}]]


@versions
@pytest.mark.parametrize(
    "error",
    [
        ["FormatViolation", "x", {}],
        ["FormationViolation", "x", {"a": 1}],
        ["OccurenceConstraintViolation", "", {}],
        ["OccurrenceConstraintViolation", "", {}],
        ["Whatever", "é" * 300, {}],
        ["GenericError"],
        ["GenericError", None, None],
    ],
)
async def test_b12_an_error_of_any_code_reaches_the_cloud_as_it_is(
    here: House, version: Version, error: list[Any]
) -> None:
    socket = await here.connect("/ocpp/CP1", version.subprotocol)
    here.tell("CP1", [2, "m1", "GetLog", {}])
    await hear(socket)

    await say(socket, 4, "m1", *error)
    await until(lambda: here.heard("CP1"))

    assert here.heard("CP1") == [[4, "m1", *error]]


@versions
async def test_b15_a_null_payload_passes_over_the_wire(here: House, version: Version) -> None:
    socket = await here.connect("/ocpp/CP1", version.subprotocol)

    await say(socket, 2, "1", "Heartbeat", None)

    assert await hear(socket) == [3, "1", {}]


@versions
async def test_a26_every_command_of_a_closed_connection_comes_back_once(here: House, version: Version) -> None:
    socket = await here.connect("/ocpp/CP1", version.subprotocol)
    for number in range(4):
        here.tell("CP1", [2, f"m{number}", "ClearCache", {}])
    await hear(socket)

    socket.transport.abort()
    await until(lambda: len(here.heard("CP1")) >= 4)

    fates = [(fate[0], fate[1], fate[4]["reason"]) for fate in here.heard("CP1")]
    assert fates == [(4, f"m{number}", "closed") for number in range(4)]
