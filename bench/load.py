"""Charge points that cost next to nothing, so that what they load is what is measured.

Each has one CALL under way. Frames are written by hand with a mask of zeros: whoever gets them has the same work as
with any other mask. `run` is a process of its own, which tells over a pipe what it counted.
"""

import asyncio
import os
import random
import socket
import ssl
import time
from dataclasses import asdict, dataclass, replace
from ipaddress import IPv4Address
from multiprocessing.connection import Connection
from typing import cast

import uvloop

CALL = (
    b'"MeterValues",{"connectorId":1,"transactionId":77,"meterValue":[{"timestamp":"2026-11-21T10:00:00.000Z",'
    b'"sampledValue":[{"value":"1234.5","unit":"Wh","context":"Sample.Periodic"}]}]}]'
)
HEARTBEAT = b'"Heartbeat",{}]'
HEARTBEAT_EVERY = 6  # with 50 s between them: a frame a minute, and a heartbeat every 300 s
BOOT = b'"BootNotification",{"chargePointVendor":"Bench","chargePointModel":"B1"}]'
KEPT = 200_000  # latencies; what comes after them is not looked at
AT_ONCE = 50  # handshakes under way
# The port is chosen with the connection: to find a free one without knowing where it leads took 4 ms each when 10,000
# were taken (linux/in.h; Python 3.11 does not name it).
IP_BIND_ADDRESS_NO_PORT = 24
# Connections from one source address: Linux has 28,232 ports to give, and takes those of one parity first. Once these
# are used it tries them all in vain for each of the others, which takes 1 ms instead of 25 us.
PER_ADDRESS = 14_000
REFUSED_S = 2.0  # who finds no listener tries again after about so long


@dataclass(frozen=True, slots=True)
class Plan:
    """What to put on a port: `rate` round trips a second of all sockets together, 0 = as many as it takes.

    `silent`: after their first CALL they are connected and nothing else. `ca`: over TLS. `source`: the address the
    first `PER_ADDRESS` come from. `at_once`: handshakes under way. `patient`: who is refused comes back
    when it was told to. `beats`: some of the CALLs are heartbeats. `arrivals_s`: in a storm so many come each second, 0
    = all at once.
    """

    port: int
    sockets: int
    rate: float = 0.0
    first: int = 0
    silent: bool = False
    ca: str | None = None
    subprotocol: str = "ocpp1.6"
    source: str = "127.0.0.1"
    at_once: int = AT_ONCE
    patient: bool = False
    beats: bool = False
    arrivals_s: float = 0.0

    def address(self, number: int) -> str:
        """Where this charge point comes from."""
        return str(IPv4Address(self.source) + 256 * ((number - self.first) // PER_ADDRESS))


class RefusedError(ConnectionError):
    """The answer was no 101; come back after `retry_s`."""

    def __init__(self, head: bytes) -> None:
        super().__init__(head[:80].decode())
        told = [line for line in head.split(b"\r\n") if line.lower().startswith(b"retry-after:")]
        self.retry_s = float(told[0].partition(b":")[2]) if told else REFUSED_S


@dataclass(slots=True)
class Counts:
    """What became of them all so far."""

    connected: int = 0
    refused: int = 0
    sent: int = 0
    answers: int = 0
    errors: int = 0  # answers that were CALLERRORs
    lost: int = 0  # connections that ended
    is_over: bool = False  # who is answered says nothing more

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return asdict(self)


class Charger(asyncio.Protocol):
    """One charge point."""

    __slots__ = ("_counts", "_due", "_interval_s", "_latencies", "_loop", "_plan", "_rest", "_sent", "_sent_at",
                 "_transport", "number", "opened")  # fmt: skip

    def __init__(self, plan: Plan, number: int, latencies: list[float], counts: Counts) -> None:
        self._loop = asyncio.get_running_loop()
        self._plan = plan
        self._latencies = latencies
        self._counts = counts
        self._interval_s = plan.sockets / plan.rate if plan.rate else 0.0
        self._rest = b""
        self._sent = 0
        self._sent_at = 0.0
        self._due = 0.0  # when it is to speak again, by its plan
        self.number = number
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
                self._counts.connected += 1
            else:
                self.opened.set_exception(RefusedError(head))
                self._transport.abort()
                return
        if data:
            self._count(self._rest + data if self._rest else data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Not meant to happen before the end."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("connection lost"))
        elif self.opened.exception() is None:
            self._counts.lost += 1
            self._counts.connected -= 1

    def send(self, rest: bytes = CALL) -> None:
        """Send the next CALL, unless it is all over."""
        if self._transport.is_closing() or self._counts.is_over:
            return
        self._sent += 1
        self._counts.sent += 1
        if self._plan.beats and self._sent % HEARTBEAT_EVERY == 0:
            rest = HEARTBEAT
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
                self._counts.errors += data[begins + 1] == 0x34  # [4,
                self._on_answer()
            at = begins + size
        self._rest = data[at:]

    def _on_answer(self) -> None:
        self._counts.answers += 1
        now = time.perf_counter()
        if len(self._latencies) < KEPT:
            self._latencies.append(now - self._sent_at)
        if self._plan.silent or self._counts.is_over:
            return
        if self._interval_s:
            # By the plan, and not so long after it spoke last: those who were answered together would always speak
            # together from then on, the sooner the fewer they are.
            self._due = max(now, (self._due or self._sent_at) + self._interval_s)
            self._loop.call_later(self._due - now, self.send)
        else:
            self.send()


class Fleet:
    """All charge points of a process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._gate = asyncio.Semaphore(plan.at_once)
        self._tls = ssl.create_default_context(cafile=plan.ca) if plan.ca else None
        self._tasks: list[asyncio.Task[Charger]] = []
        self.chargers: list[Charger] = []
        self.latencies: list[float] = []
        self.counts = Counts()

    async def connect(self) -> None:
        """Connect everybody."""
        numbers = range(self._plan.first, self._plan.first + self._plan.sockets)
        self.chargers = list(await asyncio.gather(*[self._come(number) for number in numbers]))

    def storm(self) -> None:
        """Have everybody come, and talk as soon as it is in."""
        self._tasks = [asyncio.get_running_loop().create_task(self._arrive(number), name="arrive")
                       for number in range(self._plan.first, self._plan.first + self._plan.sockets)]  # fmt: skip

    def go(self) -> None:
        """Have everybody talk."""
        for charger in self.chargers:
            self._begin(charger, BOOT if self._plan.silent else CALL)

    def close(self) -> None:
        """Be gone."""
        for task in self._tasks:
            task.cancel()
        for charger in self.chargers:
            charger.close()

    def _begin(self, charger: Charger, first: bytes) -> None:
        delay_s = random.uniform(0, self._plan.sockets / self._plan.rate) if self._plan.rate else 0.0  # noqa: S311
        asyncio.get_running_loop().call_later(delay_s, charger.send, first)

    async def _arrive(self, number: int) -> Charger:
        if self._plan.arrivals_s:
            await asyncio.sleep((number - self._plan.first) / self._plan.arrivals_s)
        charger = await self._come(number)
        self.chargers.append(charger)
        charger.send(BOOT)
        return charger

    async def _come(self, number: int) -> Charger:
        while True:
            try:
                async with self._gate:
                    return await self._connect(number)
            except OSError as error:
                if not self._plan.patient:
                    raise
                self.counts.refused += 1
                retry_s = error.retry_s if isinstance(error, RefusedError) else REFUSED_S
            await asyncio.sleep(retry_s * random.uniform(1, 1.5))  # noqa: S311

    async def _connect(self, number: int) -> Charger:
        loop = asyncio.get_running_loop()
        connection = socket.socket()
        connection.setblocking(False)
        try:
            connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((self._plan.address(number), 0))
            await loop.sock_connect(connection, ("127.0.0.1", self._plan.port))
        except OSError:
            connection.close()
            raise
        _, charger = await loop.create_connection(
            lambda: Charger(self._plan, number, self.latencies, self.counts), sock=connection,
            ssl=self._tls, server_hostname="localhost" if self._tls else None,
        )  # fmt: skip
        await charger.opened
        return charger


def run(plan: Plan, pipe: Connection) -> None:
    """Obey: "connect" and "go", "storm" does both and more; "count" and "times" ask, "end" ends."""
    uvloop.run(_run(plan, pipe))


async def _run(plan: Plan, pipe: Connection) -> None:
    loop, fleet = asyncio.get_running_loop(), Fleet(plan)
    orders: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(pipe.fileno(), lambda: orders.put_nowait(pipe.recv()))
    while (order := await orders.get()) != "end":
        if order == "connect":
            await fleet.connect()
            _tell(pipe, len(fleet.chargers))
        elif order == "go":
            fleet.go()
        elif order == "storm":
            fleet.storm()
        elif order == "stop":
            fleet.counts.is_over = True
        elif order == "count":
            _tell(pipe, fleet.counts.as_dict())
        elif order == "forget":
            fleet.latencies.clear()
        elif order == "times":
            _tell(pipe, sorted(fleet.latencies))
    fleet.close()


def _tell(pipe: Connection, what: object) -> None:
    os.set_blocking(pipe.fileno(), True)  # the loop made it otherwise to read from it
    pipe.send(what)


def parts(plan: Plan, processes: int) -> list[Plan]:
    """The plan in so many pieces, each with a source address of its own."""
    share = plan.sockets // processes
    return [
        replace(plan, sockets=share, rate=plan.rate / processes, first=plan.first + part * share,
                source=f"127.0.1.{part + 1}" if processes > 1 else plan.source)
        for part in range(processes)
    ]  # fmt: skip
