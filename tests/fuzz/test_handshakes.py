"""Requests nobody would write: each gets a response or an end, and any identity is its own charge point."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.registries import OpenRegistry
from ocppj import topics
from ocppj.errors import IdentityError
from tests.conformance.wire import request, wire
from tests.gateway.house import House, house, until

EXAMPLES = 80
SPECIFIED = {101, 400, 401, 403, 404, 405, 426, 503}

some = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What can stand in a line of a header: visible latin-1, blanks and tabs.
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, blacklist_characters="\x7f"), max_size=60)
PATHS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=80).map(lambda text: "/" + text)

Doing = Callable[[House], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[[Doing], Any]]:
    """Do something with a gateway that lets everybody in; nothing may go wrong in it."""
    faults: list[Any] = []
    with asyncio.Runner() as runner:
        opening = house(admissions=OpenRegistry())
        here = runner.run(opening.__aenter__())
        runner.get_loop().set_exception_handler(lambda _, context: faults.append(context))

        def do(doing: Doing) -> Any:
            with capture_logs() as logs:
                result = runner.run(doing(here))
            assert not faults
            assert not [line for line in logs if line["log_level"] in ("error", "critical")]
            return result

        yield do
        runner.run(opening.__aexit__(None, None, None))


async def _status(here: House, asked: bytes) -> int:
    async with wire(here.gateway.port, shake=False) as peer:
        try:
            return int((await peer.shake(asked)).split(" ")[1])
        except asyncio.IncompleteReadError:
            return 0  # it was no HTTP


@some
@given(PATHS, st.none() | VALUES, st.none() | VALUES, st.none() | VALUES)
@example("/ocpp/CP1", "ocpp1.6", "Basic QQ==", "permessage-deflate; server_max_window_bits=8")
def test_a55_any_request_gets_a_response_of_ours(
    run: Callable[[Doing], Any],
    path: str,
    protocol: str | None,
    authorization: str | None,
    extensions: str | None,
) -> None:
    asked = request(path, protocol, Authorization=authorization, Sec_WebSocket_Extensions=extensions)

    status = run(lambda here: _status(here, asked))

    assert status in SPECIFIED


@some
@given(st.text(min_size=1, max_size=60))
@example("+")
@example("#")
@example("..")
@example("a/b?c#d%2Fe")
def test_a02_a06_any_identity_is_its_own_charge_point(run: Callable[[Doing], Any], identity: str) -> None:
    try:
        charge_point_id = topics.escape(identity)
    except IdentityError:
        charge_point_id = None

    async def command(here: House) -> Any:
        asked = request("/ocpp/" + quote(identity, safe=""))
        async with wire(here.gateway.port, shake=False) as peer:
            status = int((await peer.shake(asked)).split(" ")[1])
            if charge_point_id is None or status != 101:
                return status
            here.tell(charge_point_id, [2, "m1", "DataTransfer", {"vendorId": identity}])
            heard = await peer.json()
        await until(lambda: charge_point_id not in here.gateway.sessions)
        here.broker.messages.clear()
        return heard

    heard = run(command)

    expected = [2, "m1", "DataTransfer", {"vendorId": identity}]
    assert heard == (orjson.loads(orjson.dumps(expected)) if charge_point_id is not None else 404)
