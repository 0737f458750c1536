"""Rows remembered, and threads that don't get in each other's way."""

import asyncio
import threading
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

import pytest

from adapters.memory import MemoryRegistry
from domain.credentials import hash_imported
from domain.models import ChargePoint
from gateway.admission import Policy
from gateway.records import Records
from gateway.threads import Threads
from tests.certificates import Authority
from tests.gateway.house import hear, until
from tests.gateway.site import NEW, OLD, ROW, SALT, Files, site, stored


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> tuple[Path, Path]:
    leaf = authority.issue("localhost", server=True)
    return leaf.certificate, leaf.key


class Counting(MemoryRegistry):
    """Counts how often a row is read."""

    def __init__(self, rows: Iterable[ChargePoint]) -> None:
        super().__init__(rows)
        self.reads = 0

    def find(self, charge_point_id: str) -> ChargePoint | None:
        self.reads += 1
        return super().find(charge_point_id)


async def test_who_comes_back_at_once_is_let_in_without_another_read(authority: Authority, server: Files) -> None:
    rows = Counting([ROW])
    async with site(authority, server, rows=rows) as here:
        for _ in range(5):
            await here.connect(1)

        assert rows.reads == 1


async def test_what_is_set_right_counts_at_once(authority: Authority, server: Files) -> None:
    async with site(authority, server) as here:
        await here.connect(1)
        wrong = await here.status(1, NEW)
        here.change(password_hash=stored(NEW))
        right, old = await here.status(1, NEW), await here.status(1, OLD)
        here.change(disabled=True)
        disabled = await here.status(1, NEW)

        assert (wrong, right, old, disabled) == (401, 101, 401, 403)


async def test_a_row_that_is_gone_is_not_let_in_by_memory(authority: Authority, server: Files) -> None:
    async with site(authority, server) as here:
        await here.connect(1)
        here.rows.remove("CP1", "")

        assert await here.status(1) == 404


async def test_the_memory_of_rows_can_be_switched_off(authority: Authority, server: Files) -> None:
    rows = Counting([ROW])
    async with site(authority, server, rows=rows, remember_rows_s=0.0) as here:
        await here.connect(1)
        await here.connect(1)

        assert rows.reads == 2


def test_rows_are_forgotten_after_their_time() -> None:
    now = 0.0
    threads = Threads(1, 1, 1.0)
    records = Records(MemoryRegistry(), threads, threads, Policy(), 3.0, lambda: now)

    for number in range(10):
        now = float(number)
        records.keep(ChargePoint(f"CP{number}"))
    threads.close()

    assert len(records) == 3


class Frozen(Counting):
    """Does not answer for CP2 before it is told to."""

    def __init__(self, rows: Iterable[ChargePoint]) -> None:
        super().__init__(rows)
        self.go_on = threading.Event()

    def find(self, charge_point_id: str) -> ChargePoint | None:
        if charge_point_id == "CP2":
            self.go_on.wait(5)
        return super().find(charge_point_id)


async def test_passwords_being_guessed_do_not_keep_others_out(authority: Authority, server: Files) -> None:
    slow = ChargePoint("CP1", password_hash=hash_imported(b"hunter2", SALT))
    rows = MemoryRegistry([slow, ChargePoint("CP9", password_hash=stored(OLD))])
    async with site(authority, server, rows=rows, registry_workers=1, hash_workers=1) as here:
        here.here.answer_everything()
        guesses = [asyncio.create_task(here.status(1, b"guess%d" % n)) for n in range(10)]
        await until(lambda: here.reasons())
        headers = {"Authorization": "Basic " + b64encode(b"CP9:" + OLD).decode()}
        socket = await here.connect(1, None, path="/ocpp/CP9", headers=headers)
        await socket.send('[2,"h1","Heartbeat",{}]')

        assert await hear(socket) == [3, "h1", {}]
        assert len(here.reasons()) < 10
        assert set(await asyncio.gather(*guesses)) == {401}


async def test_a_registry_that_hangs_freezes_nobody_else_not_even_on_tls(authority: Authority, server: Files) -> None:
    rows = Frozen([ROW, ChargePoint("CP2")])
    async with site(authority, server, rows=rows, registry_timeout_s=0.2) as here:
        here.here.answer_everything()
        stuck = [asyncio.create_task(here.status(0, path="/ocpp/CP2")) for _ in range(4)]
        socket = await here.connect(2)
        await socket.send('[2,"h1","Heartbeat",{}]')

        assert await hear(socket) == [3, "h1", {}]
        assert await asyncio.gather(*stuck) == [503] * 4
        rows.go_on.set()


@pytest.mark.parametrize(("version", "status"), [("ocpp2.0.1", 101), ("ocpp2.1", 101), ("ocpp1.6", 404)])
async def test_g13_identities_compare_in_any_case_in_2x_and_exactly_in_16(
    authority: Authority, server: Files, version: str, status: int
) -> None:
    headers = {"Authorization": "Basic " + b64encode(b"cp1:" + OLD).decode()}
    async with site(authority, server) as here:
        answered = await here.status(1, None, path="/ocpp/cp1", offered=(version,), headers=headers)

        assert answered == status
        assert list(here.here.gateway.sessions) == (["CP1"] if status == 101 else [])
        assert (here.row().connection is not None) == (status == 101)
