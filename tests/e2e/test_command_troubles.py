"""Commands to charge points that answer late, wrongly or never, from operators who may not do everything."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.e2e.operator import Operator, until_async
from tests.house import House

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

BOOT = [2, "boot", "BootNotification", {"chargePointModel": "One", "chargePointVendor": "A"}]
POLICY = {
    "olga": [{"chargePoints": ["*"], "actions": ["*"]}],
    "anna": [{"chargePoints": ["CP-*"], "actions": ["reset"]}],
}

React = Callable[[ClientConnection, list[Any]], Awaitable[None]]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with tokens and a policy, and little patience with charge points."""
    folder = tmp_path_factory.mktemp("strict")
    (folder / "tokens.json").write_text(json.dumps({name: f"token-of-{name}" for name in POLICY}))
    (folder / "policy.json").write_text(json.dumps(POLICY))
    files = {"OCPPGW_API_TOKENS": str(folder / "tokens.json"), "OCPPGW_POLICY": str(folder / "policy.json")}
    with House(folder / "state", **files, OCPPGW_COMMAND_TIMEOUT_S="4", OCPPGW_COMMAND_GRACE_S="2") as running:
        running.wait_until_ready()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def olga(strict: House) -> Operator:
    return Operator(strict, "token-of-olga")


@asynccontextmanager
async def station(operator: Operator, identity: str, react: React) -> AsyncIterator[ClientConnection]:
    """A charge point that has booted, and does this with every CALL."""
    async with connect(f"{operator.house.ws_url}/{identity}", subprotocols=[Subprotocol("ocpp1.6")]) as socket:
        await socket.send(json.dumps(BOOT))
        booted = json.loads(await socket.recv())
        assert booted[2]["status"] == "Accepted"

        async def listen() -> None:
            with suppress(ConnectionClosed):
                async for text in socket:
                    if (frame := json.loads(text))[0] == 2:
                        await react(socket, frame)

        listening = asyncio.create_task(listen(), name=f"{identity} listens")
        try:
            yield socket
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening


async def answer(socket: ClientConnection, call: list[Any]) -> None:
    await socket.send(json.dumps([3, call[1], {"status": "Accepted"}]))


async def reset(operator: Operator, identity: str, kind: str = "graceful") -> dict[str, Any]:
    reply = await operator.post_async(f"/charge-points/{identity}/commands/reset", {"type": kind}, 20)
    assert reply.status in (200, 202), reply
    return reply.body


async def test_a_charge_point_that_answers_late_has_timed_out_and_stays_so(olga: Operator) -> None:
    identity, unanswered = olga.register(), asyncio.Queue[list[Any]]()

    async def first_never(socket: ClientConnection, call: list[Any]) -> None:
        await (answer(socket, call) if call[3]["type"] == "Hard" else unanswered.put(call))

    async with station(olga, identity, first_never) as socket:
        never = await reset(olga, identity)
        await answer(socket, await unanswered.get())
        after = await reset(olga, identity, "force")
        again = olga.get(f"/commands/{never['commandId']}").body

    assert (never["state"], never["answer"], again["state"]) == ("timeout", None, "timeout")
    assert after["state"] == "accepted"


async def test_a_charge_point_that_says_an_error_nobody_knows_is_told_word_by_word(olga: Operator) -> None:
    identity = olga.register()

    async def grumble(socket: ClientConnection, call: list[Any]) -> None:
        await socket.send(json.dumps([4, call[1], "Grmpf", "not today", {"moon": "full"}]))

    async with station(olga, identity, grumble):
        done = await reset(olga, identity)

    assert (done["state"], done["effect"]) == ("error", "none")
    assert done["answer"] == {"code": "Grmpf", "description": "not today", "details": {"moon": "full"}}


async def test_a_charge_point_that_hangs_up_on_a_command_is_not_told_again(olga: Operator) -> None:
    identity, calls = olga.register(), asyncio.Queue[str]()

    async def hang_up(socket: ClientConnection, _: list[Any]) -> None:
        await socket.close()

    async def remember(socket: ClientConnection, call: list[Any]) -> None:
        calls.put_nowait(call[3]["type"])
        await answer(socket, call)

    async with station(olga, identity, hang_up):
        done = await reset(olga, identity)
    await until_async(lambda: "disconnectedAt" in (olga.row(identity) or {}))
    async with station(olga, identity, remember):
        after = await reset(olga, identity, "force")

    assert (done["state"], done["answer"]["details"]["reason"]) == ("error", "closed")
    assert (after["state"], calls.get_nowait(), calls.empty()) == ("accepted", "Hard", True)


async def test_two_operators_at_once_do_what_each_may(olga: Operator) -> None:
    identity, anna = olga.register(), Operator(olga.house, "token-of-anna")

    async with station(olga, identity, answer):
        hers, his = await asyncio.gather(reset(anna, identity), reset(olga, identity, "force"))
        forbidden = await anna.post_async(f"/charge-points/{identity}/commands/ClearCache", {})
        stranger = await Operator(olga.house).post_async(f"/charge-points/{identity}/commands/reset", {})

    assert [(each["state"], each["issuedBy"], each["payload"]["type"]) for each in (hers, his)] == [
        ("accepted", "anna", "Soft"),
        ("accepted", "olga", "Hard"),
    ]
    assert (forbidden.status, stranger.status) == (403, 401)


async def test_a_password_is_sent_to_the_charge_point_and_found_nowhere_afterwards(olga: Operator) -> None:
    identity, secret = olga.register(), secrets.token_hex(20)
    told, body = asyncio.Queue[Any](), {"key": "AuthorizationKey", "value": secret}

    async def tell_it_again(socket: ClientConnection, call: list[Any]) -> None:
        told.put_nowait(call[3]["value"])
        await socket.send(json.dumps([3, call[1], {"status": "Accepted", "key": "AuthorizationKey", "value": secret}]))

    async with station(olga, identity, tell_it_again):
        done = await olga.post_async(f"/charge-points/{identity}/commands/ChangeConfiguration", body, 20)
    await until_async(lambda: "disconnectedAt" in (olga.row(identity) or {}))
    queued = await olga.post_async(f"/charge-points/{identity}/commands/ChangeConfiguration?ttlSeconds=600", body)

    found = kept(olga.house)
    assert (await told.get(), done.body["state"]) == (secret, "accepted")
    assert (queued.status, "never kept waiting" in queued.body["detail"]) == (409, True)
    assert done.body["commandId"] in found  # we looked where something is
    assert secret not in found + str(done) + str(queued)


def kept(house: House) -> str:
    """All items of all tables, and what everybody logged."""
    tables, pages = house.aws.client("dynamodb"), []
    for name in tables.list_tables()["TableNames"]:
        pages += list(tables.get_paginator("scan").paginate(TableName=name))
    logs = [file.read_text(errors="replace") for file in (house.state / "logs").iterdir()]
    return "\n".join([json.dumps(pages, default=str), *logs, *house.output])
