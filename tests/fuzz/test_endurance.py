"""100,000 frames nobody would write, against a gateway process and a real broker: no crash, no leak, no lost answer.

Seeded, so that a run can be repeated: the seed is printed with what went wrong.
"""

import asyncio
import os
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
import pytest_asyncio

from ocppj.versions import VERSIONS, Version
from tests.brokers import Mosquitto
from tests.conformance.clouds import answering_cloud
from tests.conformance.wire import CLOSE, TEXT, Wire, frame, frames_in, request, wire
from tests.fuzz import mutations, oracle
from tests.fuzz.oracle import Fate
from tests.gateway.house import get
from tests.gateway.test_main import Process

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

FRAMES = 100_000
AT_LEAST = 20_000  # of them, on a machine that is slower than the time there is
ENOUGH_S = 45.0
BATCH = 100  # well below what a charge point may leave unanswered
IDENTITIES = {f"{version.schema_folder}-{number}": version for version in VERSIONS for number in range(2)}
SEED = 20_261_121
GROWTH_KIB = 6_000

Case = tuple[bytes, Fate]


@pytest_asyncio.fixture
async def process(mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Process]:
    unlimited = os.environ | {"OCPPGW_FRAMES_PER_S": "0", "OCPPGW_BYTES_PER_S": "0"}
    broker = f"mqtt://127.0.0.1:{mosquitto.port}"
    started = Process(broker, log=tmp_path / "gateway.log", environment=unlimited)
    await started.ready()
    yield started
    await started.end()


class Driver:
    """One charge point that sends batches and checks what comes back, frame by frame."""

    def __init__(self, port: int, identity: str, version: Version, ends_at: float) -> None:
        self._port = port
        self._version = version
        self._identity = identity
        self._random = Random(f"{SEED}/{identity}")  # noqa: S311
        self._ends_at = ends_at
        self.sent = 0
        self.closed = 0

    async def run(self, frames: int) -> None:
        """Send this many frames, as long as there is time."""
        path, offered = f"/ocpp/{self._identity}", self._version.subprotocol
        while self.sent < frames and time.monotonic() < self._ends_at:
            async with wire(self._port, request(path, offered)) as peer:
                while self.sent < frames and time.monotonic() < self._ends_at:
                    lively, last = self._batch()
                    await self._exchange(peer, lively)
                    if last is not None:
                        await self._end(peer, last)
                        break

    def _batch(self) -> tuple[list[Case], bytes | None]:
        """Cases of different ids; the first that must close the socket comes last."""
        lively: list[Case] = []
        taken: set[str] = set()
        while len(lively) < BATCH:
            text = mutations.text(self._random, self._version, f"{self.sent}.{len(lively)}")
            fate = oracle.fate(text, self._version)
            if fate.closes:
                return lively, text
            key = fate.message_id
            if fate.answers < 0 or (key in taken and key != "-1"):
                continue  # either would do, or the second of two CALLs of one id, which is not answered
            taken.add(key or "")
            lively.append((text, fate))
        return lively, None

    async def _exchange(self, peer: Wire, cases: list[Case]) -> None:
        sentinel = f"end of {self.sent}"
        peer.send(*[frame(TEXT, text) for text, _ in cases], frame(TEXT, _heartbeat(sentinel)))
        expected = Counter(str(fate.message_id) for _, fate in cases for _ in range(fate.answers))
        heard: Counter[str] = Counter()
        while (answer := await peer.json())[1] != sentinel:
            assert answer[0] in (3, 4), answer
            heard[answer[1]] += 1
        assert heard == expected, (self._identity, self.sent, heard - expected, expected - heard)
        self.sent += len(cases)

    async def _end(self, peer: Wire, text: bytes) -> None:
        peer.send(frame(TEXT, text))
        assert await peer.closed() == 1007, text
        self.sent += 1
        self.closed += 1


def _heartbeat(message_id: str) -> bytes:
    return orjson.dumps([2, message_id, "Heartbeat", {}])


async def garble(port: int, frames: int, ends_at: float) -> int:
    """Connections of frames that are no WebSocket frames; returns how many frames that were."""
    random, sent = Random(SEED), 0  # noqa: S311
    asked = request("/ocpp/RAW", Sec_WebSocket_Extensions="permessage-deflate")
    while sent < frames and time.monotonic() < ends_at:
        pieces = [_garbled(random) for _ in range(random.randint(1, 10))]
        async with wire(port, asked) as peer:
            peer.send(*pieces)
            peer.half_close()
            closes = [received for received in frames_in(await peer.rest()) if received.opcode == CLOSE]
        assert len(closes) <= 1
        sent += len(pieces)
    return sent


def _garbled(random: Random) -> bytes:
    if random.random() < 0.2:
        return random.randbytes(random.randint(1, 40))
    return frame(
        random.choice([1, 1, 0, 0, 2, 8, 9, 10, random.randrange(16)]),
        random.randbytes(random.choice([0, 2, 20, 125, 126, 300])),
        fin=random.random() < 0.7,
        rsv=random.choice([0, 0, 0, 4, 4, 1, 7]),
        mask=random.choice([b"mask", b"mask", b"mask", None]),
        width=random.choice([0, 0, 2, 8]),
    )


def rss_kib(process: Process) -> int:
    line = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.child.pid}/status").read_text())
    assert line is not None
    return int(line[1])


async def sent_by_all(process: Process, frames: int, ends_at: float) -> int:
    """Send about this many frames from everywhere at once."""
    drivers = [Driver(process.port, identity, version, ends_at) for identity, version in IDENTITIES.items()]
    async with asyncio.TaskGroup() as tasks:
        raw = tasks.create_task(garble(process.port, frames // 20, ends_at))
        for driver in drivers:
            tasks.create_task(driver.run((frames - frames // 20) // len(drivers)))
    return raw.result() + sum(driver.sent for driver in drivers)


def faults(log: str) -> list[Any]:
    lines = [line for line in log.splitlines() if line]
    return [line for line in lines if not line.startswith("{") or orjson.loads(line)["level"] in ("error", "critical")]


async def test_b27_b33_100_000_wrong_frames_leave_no_trace(process: Process, mosquitto: Mosquitto) -> None:
    ends_at = time.monotonic() + ENOUGH_S
    async with answering_cloud(mosquitto, IDENTITIES) as cloud:
        cloud.keeps = False
        warm = await sent_by_all(process, FRAMES // 4, ends_at)
        before = rss_kib(process)
        sent = warm + await sent_by_all(process, FRAMES - FRAMES // 4, ends_at)
        growth = rss_kib(process) - before
        status, metrics = await get(process.admin_port, "/metrics")
        process.child.send_signal(signal.SIGTERM)
        ended = await asyncio.to_thread(process.ended)

    print(f"{sent} frames, {growth} KiB more")  # noqa: T201 - seen when it fails, or with -s
    assert status == 200
    assert "ocpp_ws_active_connections 0.0" in metrics
    assert ended == 0
    assert faults(process.log()) == []
    assert sent >= min(FRAMES, AT_LEAST)
    assert growth < GROWTH_KIB
