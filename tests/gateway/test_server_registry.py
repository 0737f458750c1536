"""The gateway and its registry over real sockets: what is written when, and a registry that is slow or gone."""

import asyncio
import threading
from datetime import UTC, datetime

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from adapters.memory import MemoryRegistry
from domain.models import ChargePoint, Connection, Proven
from domain.ports import NOTHING_PROVEN, RowChangedError
from ocppj.versions import V16
from tests.gateway.house import get, hear, house, until


async def test_the_registry_knows_the_connection_before_the_charge_point_does() -> None:
    rows = MemoryRegistry([ChargePoint("CP1")])
    async with house(admissions=rows) as here:
        await here.connect()

        row = rows.find("CP1")
        (event,) = here.events("connected")
        assert row is not None and row.connection is not None
        assert (row.connection.gateway, row.connection.epoch, row.connection.link) == ("g1", event["epoch"], 1)
        assert rows.is_alive("g1", datetime.now(UTC))


async def test_the_epoch_grows_even_when_the_clock_went_back() -> None:
    far = 10**14
    last = Connection(V16, "g0", 1, far, datetime.now(UTC), datetime.now(UTC))
    async with house([ChargePoint("CP1", connection=last)]) as here:
        await here.connect()

        assert here.events("connected")[0]["epoch"] == far + 1


class StuckRegistry(MemoryRegistry):
    """Finds rows only when told to."""

    def __init__(self) -> None:
        super().__init__([ChargePoint("CP1"), ChargePoint("CP2")])
        self.go_on = threading.Event()

    def find(self, charge_point_id: str) -> ChargePoint | None:
        if charge_point_id == "CP2":
            self.go_on.wait(5)
        return super().find(charge_point_id)


async def test_a_registry_that_does_not_answer_is_503_and_holds_up_nobody_else() -> None:
    registry = StuckRegistry()
    async with house(admissions=registry, registry_timeout_s=0.1) as here:
        here.answer_everything()
        stuck = asyncio.create_task(here.connect("/ocpp/CP2"))
        socket = await here.connect()
        await socket.send('[2,"h1","Heartbeat",{}]')
        answer = await hear(socket)
        with pytest.raises(InvalidStatus) as refused:
            await stuck
        registry.go_on.set()

        assert answer == [3, "h1", {}]
        assert refused.value.response.status_code == 503
        assert int(refused.value.response.headers["Retry-After"]) >= 1


class SlowToWrite(MemoryRegistry):
    """Writes, but takes longer than anybody waits."""

    def __init__(self) -> None:
        super().__init__([ChargePoint("CP1")])
        self.has_begun = threading.Event()
        self.go_on = threading.Event()

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        self.has_begun.set()
        self.go_on.wait(5)
        return super().connect(charge_point_id, connection, credential_version, proven)


async def test_a_write_that_succeeds_after_the_503_is_taken_back() -> None:
    registry = SlowToWrite()
    async with house(admissions=registry, registry_timeout_s=0.1) as here:
        with pytest.raises(InvalidStatus) as refused:
            await here.connect()
        registry.go_on.set()
        await until(lambda: here.events("disconnected"))

        row = registry.find("CP1")
        assert refused.value.response.status_code == 503
        assert row is not None and row.connection is not None
        assert here.events("disconnected")[0]["epoch"] == row.connection.epoch


async def test_a_command_that_comes_before_the_101_is_not_lost() -> None:
    registry = SlowToWrite()
    async with house(admissions=registry) as here:
        connecting = asyncio.create_task(here.connect())
        await until(registry.has_begun.is_set)
        here.tell("CP1", [2, "m1", "ClearCache", {}])
        await asyncio.sleep(0.01)  # the broker hands it over in the next turns of the loop
        registry.go_on.set()
        socket = await connecting

        assert await hear(socket) == [2, "m1", "ClearCache", {}]


class SlowToAnswer(SlowToWrite):
    """Has written when it takes its time."""

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        old = MemoryRegistry.connect(self, charge_point_id, connection, credential_version, proven)
        self.has_begun.set()
        self.go_on.wait(5)
        return old


async def test_an_evict_that_comes_between_the_write_and_the_101_is_obeyed() -> None:
    registry = SlowToAnswer()
    async with house(admissions=registry) as here:
        connecting = asyncio.create_task(here.connect())
        await until(registry.has_begun.is_set)
        row = registry.find("CP1")
        assert row is not None and row.connection is not None
        epoch = row.connection.epoch
        here.broker.publish("gateways/g1/evict", orjson.dumps({"id": "CP1", "epoch": epoch}))
        here.broker.publish("gateways/g1/evict", orjson.dumps({"id": "CP1", "epoch": epoch - 1}))
        await asyncio.sleep(0.01)  # the broker hands it over in the next turns of the loop
        registry.go_on.set()
        with pytest.raises(InvalidStatus) as refused:
            await connecting
        socket = await here.connect()  # who is still welcome is not kept out by it

        (event,) = here.events("disconnected")
        assert refused.value.response.status_code == 503
        assert (event["epoch"], event["reason"]) == (epoch, "evicted")
        assert here.gateway.sessions["CP1"].connection.epoch > epoch
        assert socket.close_code is None


async def test_who_is_still_at_the_door_when_the_gateway_is_drained_does_not_come_in() -> None:
    registry = SlowToAnswer()
    async with house(admissions=registry) as here:
        connecting = asyncio.create_task(here.connect())
        await until(registry.has_begun.is_set)
        await get(here.gateway.admin_port, "/drain", "POST")
        registry.go_on.set()
        with pytest.raises(InvalidStatus) as refused:
            await connecting

        (event,) = here.events("disconnected")
        assert (refused.value.response.status_code, event["reason"]) == (503, "drained")
        assert here.gateway.sessions == {}


class ChangingRegistry(MemoryRegistry):
    """Somebody else changes the row between reading and writing, `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__([ChargePoint("CP1")])
        self.times = times

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        if self.times:
            self.times -= 1
            raise RowChangedError
        return super().connect(charge_point_id, connection, credential_version, proven)


async def test_a_row_that_changes_meanwhile_is_read_again() -> None:
    async with house(admissions=ChangingRegistry(times=2)) as here:
        await here.connect()

        assert len(here.events("connected")) == 1


async def test_a_row_that_keeps_changing_is_503() -> None:
    async with house(admissions=ChangingRegistry(times=99)) as here:
        with pytest.raises(InvalidStatus) as refused:
            await here.connect()

        assert refused.value.response.status_code == 503
        assert here.events("connected") == []


class BrokenRegistry(MemoryRegistry):
    """Is never there."""

    def find(self, charge_point_id: str) -> ChargePoint | None:
        raise ConnectionError("no database")


async def test_a_registry_that_fails_is_503() -> None:
    async with house(admissions=BrokenRegistry()) as here:
        with pytest.raises(InvalidStatus) as refused:
            await here.connect()

        assert refused.value.response.status_code == 503
