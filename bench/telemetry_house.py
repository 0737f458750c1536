"""Telemetry through the whole house: `python -m bench.telemetry --house`.

Stations publish every five seconds, charge points send MeterValues every ten. What counts is whether the queues stay
short, and who uses the processors when they don't.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import load
from bench.processes import BenchError, Load, cpu_s
from tests.house import House

STATION_EVERY_S, SAMPLE_EVERY_S = 5, 10
ARRIVALS_S = 10  # a boot is a dozen requests, a sample four; storms have benches of their own
CREATED = "CreatedThings"
LOOK_S = 10.0
SETTLE_S = 15.0  # until all stations have come
STALLED_S = 120.0  # who comes back when told to does so within half a minute
PATIENCE_S = 5  # who keeps up has no more in its queue than comes in this time
_DEPTHS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many there are in the end, in how many steps they come, and how long each step is watched."""

    stations: int
    charge_points: int
    steps: int
    seconds: float

    def per_second(self, step: int) -> dict[str, float]:
        """What comes to each queue: telemetry hears CALLs and their answers, the processors hear CALLs."""
        stations, calls = self.stations / STATION_EVERY_S, self.charge_points / SAMPLE_EVERY_S
        whole = {"StationTelemetry": stations, "FramesToArchive": 2 * calls, "IncomingMessagesQueue": calls}
        return {name: rate * step / self.steps for name, rate in whole.items()}


def measure(plan: Plan) -> bool:
    """Tell every ten seconds how it goes, until a step is too much; returns whether the house kept up.

    Raises:
        BenchError: not everybody could come; the text says who refused them.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory, ExitStack() as ending:
        house = ending.enter_context(House(Path(directory)))
        house.wait_until_ready()
        _register(house, Path(directory) / "fleet.csv", plan.charge_points)
        for step in range(1, plan.steps + 1):
            _add(house, plan, step, ending)
            if not _watch(house, plan.per_second(step), plan.seconds):
                return False
    return True


def _add(house: House, plan: Plan, step: int, ending: ExitStack) -> None:
    """Have as many more come as come in one step: first the stations, then, when all is quiet again, charge points."""
    sqs = house.aws.client("sqs")
    created = sqs.get_queue_url(QueueName=CREATED)["QueueUrl"]
    if count := plan.stations // plan.steps:
        prefix = f"BSS-{step}-"
        ending.callback(_stations(house, count, prefix).kill)
        _wait("stations publish", lambda: _publishing(house, prefix), count)
        _wait("things that were created are still in the queue", lambda: -_depth(sqs, created), 0)
    if count := plan.charge_points // plan.steps:
        port, rate = int(house.environment["OCPPGW_WS_PORT"]), count / SAMPLE_EVERY_S
        loading = Load(load.Plan(port, count, rate, first=count * (step - 1), patient=True, arrivals_s=ARRIVALS_S))
        ending.callback(loading.end)
        loading.tell("storm")
        try:
            _wait("charge points are connected", lambda: loading.counts()["connected"], count)
        except BenchError as error:
            raise BenchError(f"{error}; the gateway refused {_refusals(house)}") from error
    time.sleep(SETTLE_S)


def _wait(what: str, so_far: Callable[[], int], enough: int) -> None:
    """Wait as long as there are more and more, and tell how it goes."""
    most, grown_at, told_at = -sys.maxsize, time.monotonic(), time.monotonic()
    while (now := so_far()) < enough:
        if now > most:
            most, grown_at = now, time.monotonic()
        if time.monotonic() - grown_at > STALLED_S:
            raise BenchError(f"{abs(now)} {what} ({abs(enough)} wanted), no better for {STALLED_S:.0f} s")
        if time.monotonic() - told_at > LOOK_S:
            told_at = time.monotonic()
            _say(f"{abs(now)} {what}")
        time.sleep(1)


def _watch(house: House, per_second: dict[str, float], seconds: float) -> bool:
    processes, sqs = _processes(house), house.aws.client("sqs")
    urls = {name: sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in per_second}
    depths: list[dict[str, int]] = []
    used, began = _used(processes), time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(LOOK_S)
        processes |= _processes(house)
        now = _used(processes)
        depths.append({name: _depth(sqs, url) for name, url in urls.items()})
        busy = {name: f"{(now[name] - used.get(name, 0)) / LOOK_S:.0%}" for name in now}
        _say(f"{time.monotonic() - began:5.0f} s  waiting: {_told(depths[-1])}  busy: {_told(busy)}")
        used = now
    last = depths[-(len(depths) // 3) or -1 :]
    grew = grown(per_second, last)
    _say(f"{_told(per_second)} a second: {f'too much for {grew}' if grew else 'kept up'}")
    return not grew


def grown(per_second: dict[str, float], depths: list[dict[str, int]]) -> list[str]:
    """The queues that hold more than comes to them in `PATIENCE_S`.

    By their own rates: a charge point has one CALL under way, so that queue grows no further than there are of them.
    """
    return [name for name, rate in per_second.items() if max(depth[name] for depth in depths) > rate * PATIENCE_S]


def _register(house: House, file: Path, count: int) -> None:
    file.write_text("id\n" + "".join(f"CP{number}\n" for number in range(count)))
    command = [sys.executable, "-m", "cli", "fleet", "import", str(file), "--rate", "0"]
    subprocess.run(command, env=os.environ | house.environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def _stations(house: House, count: int, prefix: str) -> subprocess.Popen[bytes]:
    options = ["--count", str(count), "--interval", str(STATION_EVERY_S), "--id-prefix", prefix]
    command = [sys.executable, "-m", "cli", "sim", "stations", *options]
    log = (house.state / f"{prefix}.log").open("wb")
    return subprocess.Popen(command, env=os.environ | house.environment, stdout=log, stderr=log)  # noqa: S603


def _publishing(house: House, prefix: str) -> int:
    """How many stations are connected, by what they last told."""
    told = re.findall(r"^(\d+) connected", (house.state / f"{prefix}.log").read_text(), re.MULTILINE)
    return int(told[-1]) if told else 0


def _refusals(house: House) -> str:
    with urllib.request.urlopen(f"{house.admin_url}/metrics") as answer:  # noqa: S310  our own gateway
        counted = re.findall(r'connection_rejected_total{reason="(\w+)"} (\d+)', answer.read().decode())
    return ", ".join(f"{number} {reason}" for reason, number in counted) or "nobody"


def _processes(house: House) -> dict[int, str]:
    """The processes of the house, and what each is."""
    parents = {pid: _parent(pid) for pid in _pids()}
    emulator = next(pid for pid in parents if _is(pid, b"infra.local.emulator") and _descends(pid, house, parents))
    gateway = next(pid for pid in parents if _is(pid, b"gateway") and _descends(pid, house, parents))
    functions = {pid: "functions" for pid, parent in parents.items() if parent == emulator}
    return {emulator: "emulator", gateway: "gateway"} | functions


def _pids() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]


def _descends(pid: int, house: House, parents: dict[int, int]) -> bool:
    return parents.get(pid) == house.process.pid


def _is(pid: int, module: bytes) -> bool:
    try:
        return module in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile
        return False


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _used(processes: dict[int, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for pid, name in processes.items():
        try:
            found[name] = found.get(name, 0.0) + sum(cpu_s(pid))
        except OSError:
            continue
    return found


def _depth(sqs: Any, url: str) -> int:
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_DEPTHS))["Attributes"]
    return sum(int(told[name]) for name in _DEPTHS)


def _told(numbers: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
