"""The part of a fleet that lives in one process: thousands of members on one event loop, and no task for any of them.

Only opening a TCP connection takes a task, for as long as that lasts.
"""

import asyncio
import gc
import resource
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from charge_point_sim.build import charge_point
from charge_point_sim.line import Hello, Line
from charge_point_sim.member import Member
from charge_point_sim.plan import Plan
from charge_point_sim.processes import usage
from charge_point_sim.tally import Tally, Tick, next_second
from charge_point_sim.target import Target
from charge_point_sim.tls import context
from charge_point_sim.wheel import Wheel

SWEEP_S = 0.02
DIALS = 500  # TCP connections being opened at a time; more would only fill the listener's backlog
DIAL_TIMEOUT_S = 20.0
# The port is chosen with the connection: to find a free one without knowing where it leads took 4 ms each when 10,000
# were taken (linux/in.h; Python 3.11 does not name it).
IP_BIND_ADDRESS_NO_PORT = 24
# Connections from one source address: Linux has 28,232 ports to give, and takes those of one parity first. Once these
# are used it tries them all in vain for each of the others, which takes 1 ms instead of 25 us.
PER_ADDRESS = 14_000
GOODBYE_S = 8.0
HANG_UP_S = 3.0
AT_A_TIME = 200  # members told to end between two looks at the sockets

Report = Callable[[Tick], None]


@dataclass(frozen=True, slots=True)
class Share:
    """Which members of the plan one process has: every `of`th, beginning with `part`."""

    plan: Plan
    target: Target
    part: int = 0
    of: int = 1

    @property
    def numbers(self) -> range:
        return range(self.part, self.plan.count, self.of)


class Load:
    """Runs one share of a fleet; it is its members' host."""

    def __init__(self, share: Share, report: Report) -> None:
        self.tally = Tally()
        self._share = share
        self._report = report
        self._wheel = Wheel()
        self._hello = Hello(share.target.uri, None, deflate=share.target.deflate)
        self._tls = context(share.target.url, share.target.ca)
        self._waiting: deque[Member] = deque()
        self._dials: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._began_s = 0.0
        self._second = -1
        self.members = [self._member(number) for number in share.numbers]

    async def run(self, began_s: float) -> None:
        """Let the plan happen, until it is over or `stop` is called.

        `began_s`: when the fleet began on the machine's monotonic clock, the same in every process.
        """
        self._began_s = began_s
        # What is built now lives till the end: looking through it for garbage only costs pauses.
        gc.collect()
        gc.freeze()
        began_at = self.now() - timedelta(seconds=self.monotonic() - self._began_s)
        for member in self.members:
            member.begin(began_at, self._share.plan)
        sweeping = asyncio.create_task(self._sweep(), name="timers")
        ticking = asyncio.create_task(self._tick(), name="ticks")
        storms = [self._call_at(at_s, self._storm) for at_s in self._share.plan.storms_s()]
        over = self._call_at(self._share.plan.duration_s, self.stop)
        await self._until_stopped(sweeping, ticking)
        for timer in (*storms, over):
            timer.cancel()
        if round(self.monotonic() - self._began_s) > self._second:
            self._tell()  # how it was before everybody goes home
        await self._say_goodbye()
        for task in (sweeping, ticking, *self._dials):
            task.cancel()
        await asyncio.gather(sweeping, ticking, *self._dials, return_exceptions=True)
        self._tell()

    def stop(self) -> None:
        """End it cleanly."""
        self._stopping.set()

    # What members ask of their host

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wish(self, member: Member, at: datetime | None) -> None:
        self._wheel.wish(member, at)

    def dial(self, member: Member) -> None:
        self._waiting.append(member)
        self._dial_next()

    # Lines

    def _dial_next(self) -> None:
        while self._waiting and len(self._dials) < DIALS and not self._stopping.is_set():
            member = self._waiting.popleft()
            task = asyncio.create_task(self._open(member), name=f"dial {member.cp.setup.identity}")
            self._dials.add(task)
            task.add_done_callback(self._dialled)

    def _dialled(self, task: asyncio.Task[None]) -> None:
        self._dials.discard(task)
        self._dial_next()

    async def _open(self, member: Member) -> None:
        line = member.line = Line(member, member.hello(self._hello))
        target = self._share.target
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                connection = await _connect(target, target.source(member.number // PER_ADDRESS))
                await asyncio.get_running_loop().create_connection(
                    lambda: line,
                    sock=connection,
                    ssl=self._tls,
                    server_hostname=target.uri.host if self._tls else None,
                )
        except (OSError, TimeoutError) as error:
            line.fail(f"no connection: {type(error).__name__}")

    # Time

    async def _until_stopped(self, *tasks: asyncio.Task[None]) -> None:
        stopped = asyncio.create_task(self._stopping.wait(), name="stop")
        done, _ = await asyncio.wait((*tasks, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done:
            task.result()  # only a bug ends one of them

    def _call_at(self, at_s: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        left_s = self._began_s + at_s - self.monotonic()
        return asyncio.get_running_loop().call_later(max(0.0, left_s), act)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = self.now()
            for member in self._wheel.due(now):
                assert isinstance(member, Member)  # noqa: S101  # nobody else sleeps here
                member.wake(now)

    async def _tick(self) -> None:
        while True:
            elapsed_s = self.monotonic() - self._began_s
            await asyncio.sleep(next_second(self._second, elapsed_s) - elapsed_s)
            self._tell()

    def _tell(self) -> None:
        own = usage()
        # The last tick comes before its second is over.
        self._second = max(self._second + 1, round(self.monotonic() - self._began_s))
        self._report(self.tally.take(self._second, sum(m.sessions for m in self.members), own.rss_bytes, own.cpu_s))

    def _storm(self) -> None:
        for member in self.members:
            member.cut()

    # The end

    async def _say_goodbye(self) -> None:
        await self._for_each(Member.say_goodbye)
        await _wait_until(lambda: not any(member.is_busy for member in self.members), GOODBYE_S)
        await self._for_each(Member.leave)
        await _wait_until(lambda: not any(member.line for member in self.members), HANG_UP_S)
        await self._for_each(Member.cut)

    async def _for_each(self, act: Callable[[Member], None]) -> None:
        for number, member in enumerate(self.members):
            act(member)
            if not number % AT_A_TIME:
                await asyncio.sleep(0)

    def _member(self, number: int) -> Member:
        plan = self._share.plan
        setup = plan.setup(number)
        # Ids are new in each run, because the CSMS remembers those of an earlier one.
        run, ids = f"{time.time_ns() // 1_000_000:x}", count(1)
        cp = charge_point(setup, plan.seed, lambda: f"{run}-{next(ids)}")
        rng = Random(f"{plan.seed}/{setup.identity}/waits")  # noqa: S311  # jitter, not secrets
        return Member(self, cp, number, plan.visits(number), rng)


async def _connect(target: Target, source: tuple[str, int] | None) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if ":" in target.address else socket.AF_INET)
    try:
        connection.setblocking(False)
        if source is not None:
            if sys.platform == "linux":
                connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind(source)
        await asyncio.get_running_loop().sock_connect(connection, (target.address, target.port))
    except BaseException:
        connection.close()
        raise
    return connection


async def _wait_until(is_done: Callable[[], bool], most_s: float) -> None:
    for _ in range(round(most_s / SWEEP_S)):
        if is_done():
            return
        await asyncio.sleep(SWEEP_S)


def raise_file_limit() -> int:
    """Allow this process as many files as it may have; says how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
