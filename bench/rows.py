"""The rows of the bench: each starts what it needs, measures, and ends it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mqtt5
import uvloop

from adapters.mqtt_connection import Connection
from adapters.mqtt_settings import from_url
from bench import load, servers
from bench.bare import run_bare
from bench.flood import measure as measure_flood
from bench.naive_bridge import run_naive_bridge
from bench.processes import Child, Load, Trips, cpu_s, measure, rss_kib, wait_for
from gateway.tls import TlsFiles
from infra.local.cloud import free_port
from tests.brokers import Mosquitto
from tests.certificates import Authority

PER_LINK = 1_000  # charge points
UNDER_WAY = 200  # messages, in mosquitto's own row

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a row may use."""

    broker: Mosquitto
    directory: Path
    seconds: float

    @property
    def mqtt(self) -> str:
        return f"mqtt://127.0.0.1:{self.broker.port}"


def echo(bench: Bench) -> Row:
    """The bare Sans-I/O WebSocket, without MQTT."""
    port = free_port()
    server = Child(servers.run_echo, port)
    return _loaded(bench, server, load.Plan(port, 200), [])


def mosquitto(bench: Bench) -> Row:
    """Publish and be subscribed, QoS 1 in, QoS 1 out: the CPU time of mosquitto itself."""
    trips, took_s, used = uvloop.run(_to_ourselves(bench))
    return {"per_second": trips / took_s, "user_us": used[0] / trips * 1e6, "kernel_us": used[1] / trips * 1e6}


def naive(bench: Bench) -> Row:
    """The straightforward bridge."""
    port = free_port()
    children = [Child(run_naive_bridge, port, bench.broker.port), Child(servers.run_cloud, bench.mqtt)]
    return _loaded(bench, children[0], load.Plan(port, 200), children[1:])


def bare(bench: Bench) -> Row:
    """The least a gateway of this shape can do."""
    return _bare(bench, load.Plan(free_port(), 200))


def bare_busy(bench: Bench) -> Row:
    """The same at the rate of `gateway-2000`."""
    return _bare(bench, load.Plan(free_port(), 2_000, rate=3_000))


def gateway(bench: Bench) -> Row:
    """The gateway, as fast as it goes."""
    return _gateway(bench, load.Plan(free_port(), 200))


def gateway_busy(bench: Bench) -> Row:
    """The gateway at a rate that leaves it time between messages: the costlier case."""
    return _gateway(bench, load.Plan(free_port(), 2_000, rate=3_000))


def flood(bench: Bench) -> Row:
    """What a charge point that floods with garbage costs its neighbours."""
    return _flooded(bench, "garbage")


def flood_of_calls(bench: Bench) -> Row:
    """The same with CALLs."""
    return _flooded(bench, "calls")


def idle(bench: Bench) -> Row:
    """What 4,000 charge points that have booted and are silent cost in memory, and their handshakes in CPU."""
    return _idle(bench, 4_000)


def idle_tls(bench: Bench) -> Row:
    """The same over TLS 1.3 with an ECDSA certificate."""
    authority = Authority(bench.directory, name="Bench CA")
    leaf = authority.issue("localhost", server=True)
    return _idle(bench, 1_500, TlsFiles([(leaf.certificate, leaf.key)]), authority.certificate)


ROWS: dict[str, Callable[[Bench], Row]] = {
    "echo": echo,
    "mosquitto": mosquitto,
    "naive": naive,
    "bare": bare,
    "gateway": gateway,
    "bare-2000": bare_busy,
    "gateway-2000": gateway_busy,
    "flood": flood,
    "flood-of-calls": flood_of_calls,
    "idle": idle,
    "idle-tls": idle_tls,
}


def in_words(row: Row) -> str:
    """One line."""
    return "  ".join(f"{name} {value:,.1f}" for name, value in row.items())


def table(results: dict[str, Row]) -> str:
    """The rows beside each other, and the ratios that were promised."""
    lines = [f"{'':14}{'us/trip':>9}{'kernel':>9}{'trips/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'x echo':>9}{'x naive':>9}"]
    for name, row in results.items():
        if "per_second" in row:
            cpu = row["user_us"] + row["kernel_us"]
            versus = [
                f"{cpu / _cpu(results, other):9.2f}" if other in results else " " * 9 for other in ("echo", "naive")
            ]
            waits = [f"{row[key]:9.2f}" if key in row else " " * 9 for key in ("p50_ms", "p99_ms")]
            numbers = f"{cpu:9.1f}{row['kernel_us']:9.1f}{row['per_second']:10,.0f}"
            lines.append(f"{name:14}" + numbers + "".join(waits + versus))
        elif "ratio" in row:
            calm, noisy = row["calm_p99_ms"], row["p99_ms"]
            lines.append(f"{name:14} neighbours' p99 {noisy:.2f} ms, {calm:.2f} ms without it: x {row['ratio']:.2f}")
        elif "handshake_us" in row:
            times = row["handshake_us"] / row["bare_us"]
            lines.append(
                f"{name:14}{row['kib_each']:9.1f} KiB each, {row['handshake_us']:,.0f} us CPU per handshake, "
                f"{times:.1f} times a bare one ({row['bare_us']:,.0f} us)"
            )
    return "\n".join(lines) + "\n"


def _cpu(results: dict[str, Row], name: str) -> float:
    return results[name]["user_us"] + results[name]["kernel_us"]


def _gateway(bench: Bench, plan: load.Plan) -> Row:
    children = [
        Child(servers.run_gateway, plan.port, bench.mqtt, PER_LINK), Child(servers.run_cloud, bench.mqtt)
    ]  # fmt: skip
    return _loaded(bench, children[0], plan, children[1:])


def _bare(bench: Bench, plan: load.Plan) -> Row:
    children = [Child(run_bare, plan.port, bench.mqtt), Child(servers.run_cloud, bench.mqtt)]
    return _loaded(bench, children[0], plan, children[1:])


def _flooded(bench: Bench, kind: str) -> Row:
    port = free_port()
    children = [Child(servers.run_gateway, port, bench.mqtt, PER_LINK), Child(servers.run_cloud, bench.mqtt)]
    wait_for(port)
    row = measure_flood(port, kind, 3 * bench.seconds)
    for child in children:
        child.end()
    return row


def _loaded(bench: Bench, server: Child, plan: load.Plan, others: list[Child]) -> Row:
    wait_for(plan.port)
    loading = Load(plan)
    loading.connect()
    trips: Trips = measure(loading, server.pid, bench.seconds)
    loading.end()
    for child in (server, *others):
        child.end()
    return {
        "per_second": trips.per_second, "user_us": trips.user_us, "kernel_us": trips.kernel_us,
        "p50_ms": trips.p50_ms, "p99_ms": trips.p99_ms, "load_us": trips.load_us,
    }  # fmt: skip


def _idle(bench: Bench, sockets: int, tls: TlsFiles | None = None, ca: Path | None = None) -> Row:
    port = free_port()
    bare_us = _bare_handshake_us(sockets, tls, ca)
    children = [Child(servers.run_gateway, port, bench.mqtt, PER_LINK, tls), Child(servers.run_cloud, bench.mqtt)]
    server = children[0].pid
    wait_for(port)
    warm = Load(load.Plan(port, 200, first=60_000, silent=True, ca=str(ca) if ca else None))
    warm.connect()
    _boot(warm, 200)
    memory, cpu = rss_kib(server), sum(cpu_s(server))
    loading = Load(load.Plan(port, sockets, silent=True, ca=str(ca) if ca else None))
    loading.connect()
    handshakes_s = sum(cpu_s(server)) - cpu
    _boot(loading, sockets)
    row = {
        "kib_each": (rss_kib(server) - memory) / sockets, "handshake_us": handshakes_s / sockets * 1e6,
        "bare_us": bare_us,
    }  # fmt: skip
    for part in (loading, warm):
        part.end()
    for child in children:
        child.end()
    return row


def _bare_handshake_us(sockets: int, tls: TlsFiles | None, ca: Path | None) -> float:
    """What is left of a handshake without a gateway: kernel, uvloop, OpenSSL, and the WebSocket library."""
    port = free_port()
    server = Child(servers.run_echo, port, tls)
    wait_for(port)
    loading = Load(load.Plan(port, sockets, ca=str(ca) if ca else None))
    loading.counts()  # it has started
    before = sum(cpu_s(server.pid))
    loading.connect()
    used = sum(cpu_s(server.pid)) - before
    loading.end()
    server.end()
    return used / sockets * 1e6


def _boot(loading: Load, sockets: int) -> None:
    loading.tell("go")
    deadline = time.monotonic() + 20
    while loading.answers() < sockets and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)


async def _to_ourselves(bench: Bench) -> tuple[int, float, tuple[float, float]]:
    counts = {"sent": 0, "back": 0}

    def send() -> None:
        counts["sent"] += 1
        packet_id = counts["sent"] % 60_000 + 1
        text = b'[2,"1",' + load.CALL
        packet: Any = mqtt5.PublishPacket("CP/in", text, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id)
        connection.send(packet.write())

    def on_packet(packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PublishPacket):
            counts["back"] += 1
            connection.send(mqtt5.PubAckPacket(packet.packet_id or 0).write())
            send()
        elif isinstance(packet, mqtt5.ConnAckPacket):
            wanted = mqtt5.TopicFilter("CP/in", max_qos=mqtt5.QoS.AT_LEAST_ONCE)
            connection.send(mqtt5.SubscribePacket(65_000, [wanted]).write())
        elif isinstance(packet, mqtt5.SubAckPacket):
            for _ in range(UNDER_WAY):
                send()

    connection = Connection(from_url(bench.mqtt, "to-ourselves"), on_packet)
    await connection.open()
    await asyncio.sleep(1)
    pid = bench.broker.pid
    before, began, cpu = counts["back"], time.perf_counter(), cpu_s(pid)
    await asyncio.sleep(bench.seconds)
    now = cpu_s(pid)
    done, took_s = counts["back"] - before, time.perf_counter() - began
    connection.disconnect()
    await connection.lost
    return done, took_s, (now[0] - cpu[0], now[1] - cpu[1])
