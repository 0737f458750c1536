"""Commands end to end: from an operator's HTTP to what the charge point did about it, on the real emulator."""

from typing import Any

import ocpp.v16.call
import pytest
from ocpp.routing import on
from ocpp.v16 import call_result

from tests.e2e.independent import ChargePoint16, connected
from tests.e2e.operator import Operator, Reply, until_async
from tests.house import House

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

AT = "2026-11-21T12:00:00Z"


class Station(ChargePoint16):
    """Resets, and takes local lists, but knows no ClearCache."""

    @on("Reset")  # type: ignore[untyped-decorator]
    async def reset(self, **payload: Any) -> Any:
        return self.accept("Reset", payload, call_result)

    @on("SendLocalList")  # type: ignore[untyped-decorator]
    async def send_local_list(self, **payload: Any) -> Any:
        return self.accept("SendLocalList", payload, call_result)


@pytest.fixture(scope="module")
def operator(house: House) -> Operator:
    return Operator(house)


async def boot(charge_point: Any) -> None:
    booted = await charge_point.call(ocpp.v16.call.BootNotification(charge_point_model="One", charge_point_vendor="A"))
    assert booted.status == "Accepted"


async def command(operator: Operator, identity: str, action: str, body: Any, wait: int | None = None) -> Reply:
    return await operator.post_async(f"/charge-points/{identity}/commands/{action}", body, wait)


async def until_effect(operator: Operator, reply: Reply, effect: str) -> dict[str, Any]:
    path = f"/commands/{reply.body['commandId']}"
    await until_async(lambda: operator.get(path).body["effect"] == effect)
    return operator.get(path).body


async def test_a_start_is_confirmed_by_the_transaction_and_a_stop_by_its_end(operator: Operator) -> None:
    identity = operator.register()

    async with connected(Station, operator.house.ws_url, identity) as charge_point:
        await boot(charge_point)
        start = await command(operator, identity, "remote-start", {"idTag": "OPERATOR-1", "connectorId": 1}, wait=20)
        started = await charge_point.call(ocpp.v16.call.StartTransaction(1, "OPERATOR-1", 0, AT))
        confirmed = await until_effect(operator, start, "confirmed")
        stop = await command(operator, identity, "remote-stop", {"transactionId": started.transaction_id}, wait=20)
        await charge_point.call(ocpp.v16.call.StopTransaction(9, AT, started.transaction_id, reason="Remote"))
        ended = await until_effect(operator, stop, "confirmed")

    assert (start.body["state"], start.body["effect"], stop.body["effect"]) == ("accepted", "pending", "pending")
    assert confirmed["evidence"]["transactionId"] == started.transaction_id
    assert ended["evidence"]["action"] == "StopTransaction"
    assert start.body["latencyMs"] < 20_000


async def test_a_reset_waits_for_a_charge_point_that_is_offline_and_is_confirmed_by_its_boot(
    operator: Operator,
) -> None:
    identity = operator.register()
    async with connected(Station, operator.house.ws_url, identity) as charge_point:
        await boot(charge_point)
    await until_async(lambda: "disconnectedAt" in (operator.row(identity) or {}))

    queued = await command(operator, identity, "reset", {"type": "force", "ttlSeconds": 600})
    async with connected(Station, operator.house.ws_url, identity) as charge_point:
        await boot(charge_point)
        told = await charge_point.told()
        # It reboots when its answer has left; a socket that closes before takes the answer with it.
        await until_async(lambda: operator.get(str(queued.headers["Location"])).body["state"] == "accepted")
    async with connected(Station, operator.house.ws_url, identity) as charge_point:
        await boot(charge_point)
        done = await until_effect(operator, queued, "confirmed")

    assert (queued.status, queued.body["state"], queued.body["sentAt"]) == (202, "queued", None)
    assert told == ("Reset", {"type": "Hard"})
    assert (done["state"], done["evidence"]["action"]) == ("accepted", "BootNotification")


async def test_a_local_list_goes_in_as_many_messages_as_it_takes(operator: Operator) -> None:
    identity = operator.register()
    body = {"version": 5, "update": "full", "entries": [{"idToken": name} for name in "ABC"], "itemsPerMessage": 2}

    async with connected(Station, operator.house.ws_url, identity) as charge_point:
        await boot(charge_point)
        reply = await command(operator, identity, "send-local-list", body, wait=20)
        told = [await charge_point.told() for _ in range(2)]

    assert (reply.status, reply.body["state"]) == (200, "accepted")
    assert [(payload["list_version"], payload["update_type"]) for _, payload in told] == [
        (5, "Full"),
        (6, "Differential"),
    ]


async def test_a_charge_point_that_knows_no_such_command_says_so_itself(operator: Operator) -> None:
    identity = operator.register()

    async with connected(Station, operator.house.ws_url, identity) as charge_point:
        await boot(charge_point)
        reply = await command(operator, identity, "clear-cache", {}, wait=20)

    assert (reply.status, reply.body["state"], reply.body["effect"]) == (200, "error", "none")
    assert reply.body["answer"]["code"] in ("NotImplemented", "NotSupported")


async def test_two_operators_at_once_get_their_own_answers_and_the_eleventh_waits(operator: Operator) -> None:
    identity = operator.register()

    async with connected(Station, operator.house.ws_url, identity) as charge_point:
        await boot(charge_point)
        kinds = ["graceful", "force"] * 5
        replies = [await command(operator, identity, "reset", {"type": kind}) for kind in kinds]
        told = [(await charge_point.told())[1]["type"] for _ in kinds]
        more = [await command(operator, identity, "reset", {}) for _ in range(3)]

    assert [reply.status for reply in replies] == [202] * 10
    assert sorted(told) == ["Hard"] * 5 + ["Soft"] * 5
    assert any(reply.status == 429 and int(reply.headers["Retry-After"]) >= 1 for reply in more)


def test_the_document_of_the_api_is_served(operator: Operator) -> None:
    reply = operator.get("/openapi.json")

    assert (reply.status, reply.body["openapi"]) == (200, "3.1.0")
