"""Processes under measurement: started, asked what they used, ended; and what machine this is."""

import multiprocessing
import os
import platform
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench import load

CONTEXT = multiprocessing.get_context("spawn")
LISTEN_S, START_S = 30.0, 1.5
# How long the load may take to answer; 65,536 connect in under two minutes on two cores.
ANSWER_S, CONNECT_S = 60.0, 600.0
_LIBRARIES = ("websockets", "uvloop", "mqtt5", "orjson", "aiomqtt")


_running: set["Child"] = set()


class BenchError(Exception):
    """A row can't be measured; the text says why."""


class Child:
    """A function in a process of its own."""

    def __init__(self, function: Callable[..., None], *args: Any) -> None:
        self._process = CONTEXT.Process(target=function, args=args, daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        _running.add(self)

    def check(self, what: str) -> None:
        """Say that it ended before its time.

        Raises:
            BenchError: it did, with this exit code; a negative one is the signal that killed it.
        """
        if not self._process.is_alive():
            raise BenchError(f"{what} ended before the row did, exit code {self._process.exitcode}")

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.join()
        _running.discard(self)


def end_all() -> None:
    """Kill what a row that failed has left: the next one has the machine to itself."""
    for child in list(_running):
        child.end()


class Load:
    """Processes that load a port."""

    def __init__(self, plan: load.Plan, processes: int = 1) -> None:
        self._pipes: list[Connection] = []
        self._children = []
        for part in load.parts(plan, processes):
            ours, theirs = CONTEXT.Pipe()
            self._children.append(Child(load.run, part, theirs))
            self._pipes.append(ours)
            theirs.close()

    def connect(self) -> None:
        """Connect everybody, and wait for it."""
        self._ask("connect", CONNECT_S)

    def tell(self, order: str) -> None:
        """Give an order that nobody answers."""
        for pipe in self._pipes:
            pipe.send(order)

    def _ask(self, order: str, within_s: float = ANSWER_S) -> list[Any]:
        deadline = time.monotonic() + within_s
        try:
            self.tell(order)
            for pipe in self._pipes:
                if not pipe.poll(max(0.0, deadline - time.monotonic())):
                    raise BenchError(f'the load did not answer "{order}" within {within_s:g} s')
            return [pipe.recv() for pipe in self._pipes]
        except (EOFError, OSError) as error:
            raise BenchError(f'a process of the load ended before it answered "{order}"') from error

    def answers(self) -> int:
        """How many answers came so far."""
        return self.counts()["answers"]

    def counts(self) -> dict[str, int]:
        """What became of them so far, see `load.Counts`."""
        parts = self._ask("count")
        return {name: sum(part[name] for part in parts) for name in parts[0]}

    def latencies_s(self) -> list[float]:
        """How long they took, sorted."""
        return sorted(one for part in self._ask("times") for one in part)

    @property
    def cpu_s(self) -> float:
        """What the load itself used."""
        return sum(sum(cpu_s(child.pid)) for child in self._children)

    def end(self) -> None:
        """Close everything."""
        with suppress(OSError):
            self.tell("end")
        for child in self._children:
            child.end()


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips, and what a process used for each of them."""

    per_second: float
    user_us: float
    kernel_us: float
    p50_ms: float
    p99_ms: float
    load_us: float

    @property
    def cpu_us(self) -> float:
        return self.user_us + self.kernel_us


def measure(loading: Load, pid: int, seconds: float, warm_s: float = 1.5) -> Trips:
    """Let it run, and count.

    Raises:
        BenchError: there was nothing to count.
    """
    loading.tell("go")
    time.sleep(warm_s)
    loading.tell("forget")
    load_before, before, began, used = loading.cpu_s, loading.answers(), time.perf_counter(), cpu_s(pid)
    time.sleep(seconds)
    now = cpu_s(pid)
    answers, took_s = loading.answers() - before, time.perf_counter() - began
    load_used = loading.cpu_s - load_before
    times = loading.latencies_s()
    if not answers:
        raise BenchError(f"nothing was answered within {seconds:g} s")
    per = 1e6 / answers
    return Trips(
        answers / took_s, (now[0] - used[0]) * per, (now[1] - used[1]) * per,
        quantile_ms(times, 0.5), quantile_ms(times, 0.99), load_used * per,
    )  # fmt: skip


def wait_for(port: int) -> None:
    """Wait until somebody listens, and has had time to connect to its broker.

    Raises:
        BenchError: nobody does.
    """
    deadline = time.monotonic() + LISTEN_S
    with socket.socket() as probe:
        while probe.connect_ex(("127.0.0.1", port)):
            if time.monotonic() > deadline:
                raise BenchError(f"nobody listened on port {port} within {LISTEN_S:g} s")
            time.sleep(0.1)
    time.sleep(START_S)


def cpu_s(pid: int) -> tuple[float, float]:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks, int(fields[12]) / ticks


def busy_s() -> float:
    """Time all cores together have worked for anybody since the machine started."""
    user, nice, system, _, _, interrupts, soft = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]
    return sum(map(int, (user, nice, system, interrupts, soft))) / os.sysconf("SC_CLK_TCK")


def rss_kib(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def machine() -> dict[str, Any]:
    """What this ran on."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cpu": cpu[0].partition(": ")[2] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "memoryMiB": int(memory) // 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "loadAverage": os.getloadavg(),
    }


def quantile_ms(ordered: list[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))] * 1000 if ordered else 0.0
