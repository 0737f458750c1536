"""Charge points that cost next to nothing, so that what they load is what is measured.

Each has one CALL under way. Frames are written by hand with a mask of zeros: whoever gets them has the same work as
with any other mask. `run` is a process of its own, which tells over a pipe what it counted.
"""

import asyncio
import os
import random
import ssl
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

import uvloop

CALL = (
    b'"MeterValues",{"connectorId":1,"transactionId":77,"meterValue":[{"timestamp":"2026-11-21T10:00:00.000Z",'
    b'"sampledValue":[{"value":"1234.5","unit":"Wh","context":"Sample.Periodic"}]}]}]'
)
BOOT = b'"BootNotification",{"chargePointVendor":"Bench","chargePointModel":"B1"}]'
KEPT = 200_000  # latencies; what comes after them is not looked at
AT_ONCE = 50  # handshakes under way


@dataclass(frozen=True, slots=True)
class Plan:
    """What to put on a port: `rate` round trips a second of all sockets together, 0 = as many as it takes.

    `silent`: after their first CALL they are connected and nothing else. `ca`: over TLS.
    """

    port: int
    sockets: int
    rate: float = 0.0
    first: int = 0
    silent: bool = False
    ca: str | None = None
    subprotocol: str = "ocpp1.6"


class Charger(asyncio.Protocol):
    """One charge point."""

    __slots__ = ("_interval_s", "_latencies", "_loop", "_plan", "_rest", "_sent", "_sent_at", "_transport", "answers",
                 "number", "opened")  # fmt: skip

    def __init__(self, plan: Plan, number: int, latencies: list[float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._plan = plan
        self._latencies = latencies
        self._interval_s = plan.sockets / plan.rate if plan.rate else 0.0
        self._rest = b""
        self._sent = 0
        self._sent_at = 0.0
        self.number = number
        self.answers = 0
        self.opened: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            f"GET /CP{self.number} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {self._plan.subprotocol}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """The 101, or answers."""
        if not self.opened.done():
            head, end, data = (self._rest + data).partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self._rest = b""
            if b" 101 " in head[:16]:
                self.opened.set_result(None)
            else:
                self.opened.set_exception(ConnectionError(head[:80].decode()))
        if data:
            self._count(self._rest + data if self._rest else data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Not meant to happen before the end."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("connection lost"))

    def send(self, rest: bytes = CALL) -> None:
        """Send the next CALL."""
        self._sent += 1
        self._sent_at = time.perf_counter()
        text = b'[2,"%d",%b' % (self._sent, rest)
        size = len(text)
        head = b"\x81" + bytes((0x80 | size,)) if size < 126 else b"\x81\xfe" + size.to_bytes(2)
        self._transport.write(head + b"\0\0\0\0" + text)

    def close(self) -> None:
        """Be gone."""
        self._transport.abort()

    def _count(self, data: bytes) -> None:
        at = 0
        while len(data) - at >= 4:
            size = data[at + 1]
            begins = at + 2
            if size == 126:
                size, begins = int.from_bytes(data[at + 2 : at + 4]), at + 4
            if len(data) < begins + size:
                break
            if data[at] == 0x81:
                self._on_answer()
            at = begins + size
        self._rest = data[at:]

    def _on_answer(self) -> None:
        self.answers += 1
        now = time.perf_counter()
        if len(self._latencies) < KEPT:
            self._latencies.append(now - self._sent_at)
        if self._plan.silent:
            return
        if self._interval_s:
            self._loop.call_later(max(0.0, self._sent_at + self._interval_s - now), self.send)
        else:
            self.send()


def run(plan: Plan, pipe: Connection) -> None:
    """Connect everybody, then obey: "go" starts, "count" and "times" ask, "end" ends."""
    uvloop.run(_run(plan, pipe))


async def _run(plan: Plan, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    chargers = await _connect_all(plan, latencies)
    pipe.send(len(chargers))
    orders: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(pipe.fileno(), lambda: orders.put_nowait(pipe.recv()))
    while (order := await orders.get()) != "end":
        if order == "go":
            for charger in chargers:
                delay_s = random.uniform(0, plan.sockets / plan.rate) if plan.rate else 0.0  # noqa: S311
                loop.call_later(delay_s, charger.send, BOOT if plan.silent else CALL)
        elif order == "count":
            _tell(pipe, sum(charger.answers for charger in chargers))
        elif order == "forget":
            latencies.clear()
        elif order == "times":
            _tell(pipe, sorted(latencies))
    for charger in chargers:
        charger.close()


def _tell(pipe: Connection, what: object) -> None:
    os.set_blocking(pipe.fileno(), True)  # the loop made it otherwise to read from it
    pipe.send(what)


async def _connect_all(plan: Plan, latencies: list[float]) -> list[Charger]:
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)
    context = ssl.create_default_context(cafile=plan.ca) if plan.ca else None

    async def connect(number: int) -> Charger:
        async with gate:
            _, charger = await loop.create_connection(
                lambda: Charger(plan, number, latencies), "127.0.0.1", plan.port,
                ssl=context, server_hostname="localhost" if context else None,
            )  # fmt: skip
            await charger.opened
            return charger

    return list(await asyncio.gather(*[connect(plan.first + number) for number in range(plan.sockets)]))
