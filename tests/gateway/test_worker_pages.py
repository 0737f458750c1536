"""Several gateways that look like one on the admin port of their parent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from adapters.memory import MemoryRegistry
from adapters.memory_link import MemoryBroker
from domain.models import ChargePoint
from gateway.admin import Admin
from gateway.worker_pages import add_up, pages_of_all
from tests.gateway.house import House, closed, get, house, until

ROWS = [ChargePoint(f"CP{number}") for number in range(10)]


@dataclass(slots=True)
class Worker:
    """One that can be asked."""

    admin_port: int
    is_up: bool = True


@dataclass(slots=True)
class Family:
    """Two gateways and the admin port for both."""

    port: int
    houses: list[House]
    workers: list[Worker]


@asynccontextmanager
async def family() -> AsyncIterator[Family]:
    broker, rows = MemoryBroker(), MemoryRegistry(ROWS)
    async with (
        house(admissions=rows, broker=broker, gateway="g1") as one,
        house(admissions=rows, broker=broker, gateway="g2") as two,
    ):
        workers = [Worker(each.gateway.admin_port) for each in (one, two)]
        server = await asyncio.start_server(Admin(pages_of_all(workers)).serve, "127.0.0.1", 0)
        yield Family(server.sockets[0].getsockname()[1], [one, two], workers)
        server.close()


async def test_all_are_ready_only_when_each_is() -> None:
    async with family() as both:
        before = await get(both.port, "/readyz")
        both.workers[1].is_up = False
        after = await get(both.port, "/readyz")

        assert before == (200, "ready\n")
        assert after == (503, "1 of 2 workers ready\n")
        assert await get(both.port, "/healthz") == (200, "alive\n")


async def test_a_worker_that_does_not_answer_is_not_ready() -> None:
    async with family() as both:
        both.workers[1].admin_port = 1

        assert (await get(both.port, "/readyz"))[0] == 503


async def test_numbers_are_added_up() -> None:
    async with family() as both:
        for number in range(3):
            await both.houses[number % 2].connect(f"/ocpp/CP{number}")

        _, metrics = await get(both.port, "/metrics")

        for line in (
            "ocpp_ws_active_connections 3.0",
            'ocpp_ws_upgrade_total{result="101"} 3.0',
            "ocpp_ws_connection_setup_duration_seconds_count 3.0",
            'ocpp_ws_connection_setup_duration_seconds_bucket{le="+Inf"} 3.0',
            "gateway_workers_up 2.0",
        ):
            assert line in metrics
        assert "_created" not in metrics


def test_adding_up_keeps_labels_apart() -> None:
    one = '# HELP a_total A\n# TYPE a_total counter\na_total{x="1"} 2.0\na_total{x="2"} 3.0\n'
    two = '# HELP a_total A\n# TYPE a_total counter\na_total{x="2"} 4.0\n'

    added = add_up([one, two]).decode()

    assert 'a_total{x="1"} 2.0' in added
    assert 'a_total{x="2"} 7.0' in added


def test_of_the_lag_the_largest_is_told() -> None:
    page = "# HELP ocpp_uplink_lag_seconds L\n# TYPE ocpp_uplink_lag_seconds gauge\nocpp_uplink_lag_seconds {}\n"

    assert "ocpp_uplink_lag_seconds 0.5" in add_up([page.format(0.25), page.format(0.5)]).decode()


async def test_refusals_of_all_are_told_newest_first() -> None:
    async with family() as both:
        for number in range(3):
            with pytest.raises(InvalidStatus):
                await both.houses[number % 2].connect(f"/ocpp/NOPE{number}")

        _, body = await get(both.port, "/refusals")
        _, one = await get(both.port, "/refusals?identity=NOPE1")

        assert [refused["identity"] for refused in orjson.loads(body)["data"]] == ["NOPE2", "NOPE1", "NOPE0"]
        assert len(orjson.loads(one)["data"]) == 1


async def test_a_connection_is_found_wherever_it_is() -> None:
    async with family() as both:
        await both.houses[1].connect("/ocpp/CP1")

        status, body = await get(both.port, "/charge-points/CP1")

        assert (status, orjson.loads(body)["data"]["gateway"]) == (200, "g2")
        assert (await get(both.port, "/charge-points/CP2"))[0] == 404


async def test_an_order_to_close_is_shared_out() -> None:
    async with family() as both:
        for number in range(10):
            await both.houses[number % 2].connect(f"/ocpp/CP{number}")

        status, body = await get(both.port, "/shed?count=5&rate=1000", "POST")
        await until(lambda: [len(each.gateway.sessions) for each in both.houses] == [2, 3])

        assert (status, orjson.loads(body)["data"]) == (202, {"closing": 5})
        assert (await get(both.port, "/shed", "POST"))[0] == 400
        assert (await get(both.port, "/drain?rate=1000", "POST"))[0] == 202
        assert (await get(both.port, "/readyz"))[0] == 503


async def test_gateways_without_a_common_registry_tell_each_other_of_takeovers() -> None:
    broker = MemoryBroker()
    async with (
        house(ROWS, broker=broker, gateway="g1", announces_takeovers=True) as one,
        house(ROWS, broker=broker, gateway="g2", announces_takeovers=True) as two,
    ):
        old = await one.connect("/ocpp/CP1")
        await asyncio.sleep(0.002)  # epochs are milliseconds
        new = await two.connect("/ocpp/CP1")

        assert await closed(old) == 1008
        await new.ping()
        assert list(two.gateway.sessions) == ["CP1"]
        assert one.gateway.sessions == {}
