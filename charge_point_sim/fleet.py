"""A fleet over several processes: starts them, adds up what they report, and ends them together."""

import asyncio
import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import structlog
import uvloop

from charge_point_sim.load import Load, Share, raise_file_limit
from charge_point_sim.plan import Plan
from charge_point_sim.processes import Usage, usage
from charge_point_sim.tally import Tick, merge
from charge_point_sim.target import Target

SPARE_FILES = 100
_END_S = 30.0  # how long a process may take to end before it is killed

Show = Callable[["Moment"], None]


class FleetError(Exception):
    """A fleet that can't run; says why."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One second of the whole fleet, and of the processes that are watched."""

    tick: Tick
    watched: dict[int, Usage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection


class Fleet:
    """Runs a plan. `show` is told each second, in order; `died` says which processes ended before they should."""

    def __init__(self, plan: Plan, target: Target, processes: int, show: Show, watched: tuple[int, ...] = ()) -> None:
        self.died: list[str] = []
        self._plan = plan
        self._target = target
        self._processes = processes
        self._show = show
        self._watched = watched
        self._seconds: dict[int, dict[int, Tick]] = {}
        self._shown = -1

    def run(self) -> None:
        """Start everybody, follow them to the end, and leave nobody behind.

        Raises:
            FleetError: a process may not open as many files as it would need.
        """
        room = raise_file_limit() - SPARE_FILES
        share = -(-self._plan.count // self._processes)
        if share > room:
            needed = -(-self._plan.count // room)
            raise FleetError(f"a process may open {room + SPARE_FILES} files here: --processes {needed} would do")
        workers = [self._start(part) for part in range(self._processes)]
        try:
            self._begin(workers)
            self._follow(workers)
        finally:
            for worker in workers:
                worker.pipe.close()  # who still waits for the beginning waits for nothing
                _end(worker.process)
        ends = [(worker.process.name, worker.process.exitcode) for worker in workers]
        self.died = [f"process {name!r} ended with {code}" for name, code in ends if code]

    def _start(self, part: int) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        share = Share(self._plan, self._target, part, self._processes)
        process = context.Process(target=_work, args=(share, theirs), name=f"fleet {part}", daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _begin(self, workers: list[_Worker]) -> None:
        for worker in workers:
            if not _hear(worker.pipe):
                raise FleetError(f"{worker.process.name} did not start")
        began_s = time.monotonic()
        for worker in workers:
            worker.pipe.send(began_s)

    def _follow(self, workers: list[_Worker]) -> None:
        stop = _Stop(workers)
        stop.listen()
        alive = {worker.pipe: part for part, worker in enumerate(workers)}
        while alive:
            for pipe in wait(list(alive), 0.5):
                assert isinstance(pipe, Connection)  # noqa: S101  # we gave it nothing else
                tick = _hear(pipe)
                if isinstance(tick, Tick):
                    self._seconds.setdefault(tick.second, {})[alive[pipe]] = tick
                else:
                    del alive[pipe]
            self._tell(set(alive.values()))
        stop.forget()

    def _tell(self, alive: set[int]) -> None:
        for second in sorted(self._seconds):
            ticks = self._seconds[second]
            # Somebody may skip a second; a later one of theirs says that there is nothing to wait for.
            late = alive - ticks.keys() - {part for later in self._seconds if later > second
                                           for part in self._seconds[later]}  # fmt: skip
            if late:
                return
            del self._seconds[second]
            self._shown = max(second, self._shown + 1)
            self._show(Moment(merge(self._shown, list(ticks.values())), {pid: usage(pid) for pid in self._watched}))


class _Stop:
    """Ctrl-C and SIGTERM: the first asks everybody to end cleanly, one a second later means it."""

    def __init__(self, workers: list[_Worker]) -> None:
        self._workers = workers
        self._asked_s: float | None = None
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def listen(self) -> None:
        for number in self._before:
            signal.signal(number, self._on_signal)

    def forget(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        now_s = time.monotonic()
        is_meant = self._asked_s is not None and now_s - self._asked_s >= 1
        self._asked_s = self._asked_s or now_s
        for worker in self._workers:
            if is_meant:
                worker.process.kill()
            else:
                worker.process.terminate()


def _hear(pipe: Connection) -> object:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def _end(process: BaseProcess) -> None:
    if process.is_alive():
        process.terminate()
    process.join(_END_S)
    if process.is_alive():
        process.kill()
        process.join()


def _work(share: Share, pipe: Connection) -> None:
    # Ctrl-C reaches the whole group; we end when our parent says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    raise_file_limit()
    uvloop.run(_live(share, pipe))


async def _live(share: Share, pipe: Connection) -> None:
    load = Load(share, lambda tick: _send(pipe, load, tick))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, load.stop)
    pipe.send("ready")
    began_s = _hear(pipe)
    if isinstance(began_s, float):
        await load.run(began_s)


def _send(pipe: Connection, load: Load, tick: Tick) -> None:
    try:
        pipe.send(tick)
    except OSError:  # our parent is gone
        load.stop()
