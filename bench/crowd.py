"""The long rows: many charge points, all of them at once, and a broker that goes away. Sized by `Size`."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, Popen
from urllib.request import urlopen

from bench import load, servers
from bench.bare import run_bare
from bench.processes import (
    CONTEXT,
    START_S,
    BenchError,
    Child,
    Load,
    busy_s,
    cpu_s,
    measure,
    quantile_ms,
    rss_kib,
    wait_for,
)
from infra.local.cloud import free_port
from tests.brokers import Mosquitto

WORKERS = 4
PROCESSES = 4  # of charge points: each has 20,000 files
PER_LINK = 1_000
EVERY_S = 50.0  # a frame a minute, and a heartbeat every 300 s
SAMPLE_S = 2.0
LAST_ANSWERS_S = 35.0  # the gateway answers for a cloud that does not, after 30 s
STORM_S = 300.0  # who is not in by then does not come in
TALKING_S = 60.0  # between two CALLs of one in the storm
WRITES_PER_S, SUBSCRIBES_PER_S = 2_000.0, 500.0
RESTART_SOCKETS, RESTART_RATE, CUT_S, CALL_TIMEOUT_S = 2_000, 3_000.0, 1.0, 30.0
RESTART_S = 60.0

Series = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of the long rows: 65,536 charge points for ten minutes is full size."""

    charge_points: int = 65_536
    grown: int = 16_384
    minutes: float = 10.0


FULL = Size()


@dataclass(slots=True)
class Record:
    """A row: its figures, and what was sampled on the way."""

    row: dict[str, float]
    series: Series = field(default_factory=dict)
    error: str = ""  # why there are no figures


@dataclass(frozen=True, slots=True)
class House:
    """What the long rows may use."""

    broker: Mosquitto
    size: Size
    seconds: float

    @property
    def mqtt(self) -> str:
        return f"mqtt://127.0.0.1:{self.broker.port}"


def growth(house: House) -> Record:
    """CPU per round trip with many connected, beside 200, at the same rate; twice, in turns.

    And what they cost the echo and the bare gateway, which know next to nothing of them: kernel, uvloop and caches.
    With so many charge points go more links, and fewer frames share a read or a write; `one_link` is without that.
    """
    cloud = partial(Child, servers.run_cloud, house.mqtt)
    servers_of: dict[str, Callable[[int], list[Child]]] = {
        "echo": lambda port: [Child(servers.run_echo, port)],
        "bare": lambda port: [Child(run_bare, port, house.mqtt), cloud()],
        "": lambda port: [Child(servers.run_gateway, port, house.mqtt, PER_LINK), cloud()],
        "one_link": lambda port: [Child(servers.run_gateway, port, house.mqtt, house.size.grown), cloud()],
    }
    figures: dict[tuple[str, int], list[float]] = {}
    for _ in range(2):
        for name, start in servers_of.items():
            for sockets in (200, house.size.grown):
                port = free_port()
                children = start(port)
                wait_for(port)
                loading = Load(load.Plan(port, sockets, rate=3_000))
                loading.connect()
                trips = measure(loading, children[0].pid, house.seconds, warm_s=8)
                children[-1].check("who answers")
                figures.setdefault((name, sockets), []).append(trips.cpu_us)
                _end(loading, *children)
    row: dict[str, float] = {"sockets": house.size.grown}
    for name in servers_of:
        few, many = (sum(figures[name, sockets]) / 2 for sockets in (200, house.size.grown))
        before = f"{name}_" if name else ""
        row |= {f"{before}us_200": few, f"{before}us_many": many, f"{before}growth": many / few}
    return Record(row)


def crowd(house: House) -> Record:
    """As many as there are in a city, on `ocppgw gateway --workers 4`, which say what such charge points say."""
    port, size = free_port(), house.size
    cloud = Child(servers.run_cloud, house.mqtt)
    with _workers(port, house.mqtt) as parent:
        pids = [parent, *_children(parent)]
        loading = Load(load.Plan(port, size.charge_points, rate=size.charge_points / EVERY_S, beats=True), PROCESSES)
        began = time.monotonic()
        loading.connect()
        connecting_s = time.monotonic() - began
        loading.tell("go")
        series = _sample(size.minutes * 60, lambda: _look(house, loading, cloud, pids))
        loading.tell("stop")
        counts = _last_counts(loading)
        times = loading.latencies_s()
        _end(loading, cloud)
    used = series["cpu_s"][-1] - series["cpu_s"][0]
    answers = series["answers"][-1] - series["answers"][0]
    return Record({
        "charge_points": counts["connected"], "minutes": size.minutes, "connecting_s": connecting_s,
        "lost": counts["lost"], "errors": counts["errors"], "unanswered": counts["sent"] - counts["answers"],
        "frames_per_s": answers / (series["at_s"][-1] - series["at_s"][0]), "silent_s": _silent_s(series),
        "us_per_trip": used / max(1, answers) * 1e6, "rss_mib": max(series["rss_mib"]),
        "p50_ms": quantile_ms(times, 0.5), "p99_ms": quantile_ms(times, 0.99), "others_cores": _others_cores(series),
    }, _rates(series))  # fmt: skip


def storm(house: House) -> Record:
    """All of them at once to gateways that just started; a slow registry, and 500 SUBSCRIBEs a second."""
    return _storm(house, SUBSCRIBES_PER_S)


def storm_unlimited(house: House) -> Record:
    """The same with a broker that takes any number of SUBSCRIBEs."""
    return _storm(house, 0.0)


def link_restart(house: House) -> Record:
    """The connection to the broker is cut for a second at 3,000 frames a second: who is heard, who is answered."""
    port, cable_port = free_port(), free_port()
    ours, theirs = CONTEXT.Pipe()
    asking, asked = CONTEXT.Pipe()
    gateway = Child(servers.run_gateway, port, f"mqtt://127.0.0.1:{cable_port}", PER_LINK)
    others = [
        Child(servers.run_cable, cable_port, house.broker.port, theirs), Child(servers.run_cloud, house.mqtt, 0, asked)
    ]  # fmt: skip
    wait_for(port)
    loading = Load(load.Plan(port, RESTART_SOCKETS, rate=RESTART_RATE))
    loading.connect()
    loading.tell("go")
    time.sleep(5)
    before = loading.counts()["answers"]
    began = time.monotonic()
    ours.send(str(CUT_S))
    time.sleep(CUT_S / 2)
    still = loading.counts()["answers"]
    while loading.counts()["answers"] <= still + RESTART_RATE / 10:
        if time.monotonic() > began + RESTART_S:
            raise BenchError(f"no answers came again within {RESTART_S:g} s after the link was cut")
        time.sleep(0.02)
    back_s = time.monotonic() - began - CUT_S
    # Whoever got no answer by then gets a CALLERROR, and goes on.
    time.sleep(CALL_TIMEOUT_S + 5)
    loading.tell("stop")
    time.sleep(CALL_TIMEOUT_S + 2)
    counts = loading.counts()
    asking.send("seen")
    seen = asking.recv()[1]
    _end(loading, gateway, *others)
    return Record({
        "sockets": RESTART_SOCKETS, "rate": RESTART_RATE, "answers_before": before, "links_back_s": back_s,
        "sent": counts["sent"], "heard_by_cloud": seen, "never_heard": counts["sent"] - seen,
        "told_to_repeat": counts["errors"], "unanswered": counts["sent"] - counts["answers"], "lost": counts["lost"],
    })  # fmt: skip


LONG: dict[str, Callable[[House], Record]] = {
    "growth": growth, "crowd": crowd, "storm": storm, "storm-unlimited": storm_unlimited, "link-restart": link_restart,
}  # fmt: skip


def _storm(house: House, subscribes_per_s: float) -> Record:
    port = free_port()
    writes, throttled = CONTEXT.Value("i", 0), CONTEXT.Value("i", 0)
    admin_ports = [free_port() for _ in range(WORKERS)]
    gateways = [
        Child(servers.run_stormed, servers.Storm(
            port, admin, house.mqtt, PER_LINK, WRITES_PER_S / WORKERS, subscribes_per_s / WORKERS, writes, throttled,
        )) for admin in admin_ports
    ]  # fmt: skip
    pids = [child.pid for child in gateways]
    cloud = Child(servers.run_cloud, house.mqtt)
    wait_for(port)
    number = house.size.charge_points
    loading = Load(load.Plan(port, number, rate=number / TALKING_S, at_once=500, patient=True), PROCESSES)
    loading.counts()  # they have started
    before = sum(map(rss_kib, pids))
    loading.tell("storm")
    series = _sample(STORM_S, lambda: _look(house, loading, cloud, pids), lambda now: now["connected"] >= number)
    back_s = series["at_s"][-1]
    counts, times = loading.counts(), loading.latencies_s()
    accepted = sum(_metric(admin, "ocpp_ws_connection_established_total") for admin in admin_ports)
    _end(loading, cloud, *gateways)
    return Record({
        "charge_points": number, "connected": counts["connected"], "back_s": back_s, "refused": counts["refused"],
        "accepted": accepted, "writes": writes.value, "throttled": throttled.value,
        "rss_mib": max(series["rss_mib"]), "rss_hump": max(series["rss_mib"]) / series["rss_mib"][-1],
        "silent_s": _silent_s(series), "kib_each": (max(series["rss_mib"]) * 1024 - before) / number,
        "lost": counts["lost"], "errors": counts["errors"],
        "p50_ms": quantile_ms(times, 0.5), "p99_ms": quantile_ms(times, 0.99), "others_cores": _others_cores(series),
    }, _rates(series))  # fmt: skip


def _sample(
    seconds: float, look: Callable[[], dict[str, float]], is_over: Callable[[dict[str, float]], bool] | None = None
) -> Series:
    began, series = time.monotonic(), Series()
    while True:
        now = {"at_s": time.monotonic() - began, **look()}
        for name, value in now.items():
            series.setdefault(name, []).append(value)
        if now["at_s"] >= seconds or (is_over is not None and is_over(now)):
            return series
        time.sleep(min(SAMPLE_S, max(0.0, seconds - now["at_s"])))


def _look(house: House, loading: Load, cloud: Child, pids: list[int]) -> dict[str, float]:
    # Without it every CALL is answered with an error after 30 s, and nothing else says why.
    cloud.check("the cloud")
    return {
        **loading.counts(), "rss_mib": sum(map(rss_kib, pids)) / 1024, "cpu_s": sum(map(_cpu_s, pids)),
        "cloud_cpu_s": _cpu_s(cloud.pid), "broker_cpu_s": _cpu_s(house.broker.pid), "load_cpu_s": loading.cpu_s,
        "machine_cpu_s": busy_s(),
    }  # fmt: skip


def _cpu_s(pid: int) -> float:
    return sum(cpu_s(pid))


def _last_counts(loading: Load) -> dict[str, int]:
    """What became of them once everything that was asked is answered, or has had the time to be."""
    deadline = time.monotonic() + LAST_ANSWERS_S
    while True:
        counts = loading.counts()
        if counts["sent"] <= counts["answers"] or time.monotonic() > deadline:
            return counts
        time.sleep(0.5)


def _silent_s(series: Series) -> float:
    """The longest time in which hardly an answer came: less than a tenth of what comes otherwise."""
    rates, at = _per_s(series, "answers"), series["at_s"]
    usual = sorted(rates)[len(rates) // 2]
    longest = began = 0.0
    for n in range(1, len(at)):
        began = at[n] if rates[n] > usual / 10 else began
        longest = max(longest, at[n] - began)
    return longest


def _others_cores(series: Series) -> float:
    """What those took who are none of ours: with more than a tenth of a core the row was not alone."""
    ours = ("cpu_s", "cloud_cpu_s", "broker_cpu_s", "load_cpu_s")
    used = {name: series[name][-1] - series[name][0] for name in (*ours, "machine_cpu_s")}
    lasted_s = max(1e-9, series["at_s"][-1] - series["at_s"][0])
    return max(0.0, used["machine_cpu_s"] - sum(used[name] for name in ours)) / lasted_s


def _rates(series: Series) -> Series:
    """The same with what grows told per second."""
    grows = {
        "answers_per_s": "answers", "refused_per_s": "refused", "cores": "cpu_s", "cloud_cores": "cloud_cpu_s",
        "broker_cores": "broker_cpu_s", "load_cores": "load_cpu_s", "machine_cores": "machine_cpu_s",
    }  # fmt: skip
    told = {name: series[name] for name in ("at_s", "connected", "rss_mib")}
    return told | {name: _per_s(series, source) for name, source in grows.items()}


def _per_s(series: Series, name: str) -> list[float]:
    at, values = series["at_s"], series[name]
    return [0.0] + [(values[n] - values[n - 1]) / max(1e-9, at[n] - at[n - 1]) for n in range(1, len(at))]


@contextmanager
def _workers(port: int, mqtt: str) -> Iterator[int]:
    command = [
        sys.executable, "-m", "gateway", "--port", str(port), "--admin-port", str(free_port()), "--mqtt", mqtt,
        "--registry", "open", "--workers", str(WORKERS), "--ping-interval-s", "0",
        "--charge-points-per-link", str(PER_LINK),
    ]  # fmt: skip
    with Popen(command, stdout=DEVNULL, stderr=DEVNULL) as process:  # noqa: S603
        try:
            wait_for(port)
            time.sleep(START_S)
            yield process.pid
        finally:
            for pid in (process.pid, *_children(process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _metric(port: int, name: str) -> float:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
        lines = page.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def _end(loading: Load, *children: Child) -> None:
    loading.end()
    for child in children:
        child.end()
