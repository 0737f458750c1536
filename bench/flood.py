"""One charge point that sends as much as it can, and what that costs its neighbours.

Calm and flood take turns, a second each, in one run; each turn has a 99th percentile of its own, and the medians of
these are compared. What else the machine does falls on both alike; a second in which it stood still changes neither.
"""

import multiprocessing
import select
import socket
import time
from multiprocessing.connection import Connection
from statistics import median

from bench import load
from bench.processes import Child, Load, quantile_ms

SLOT_S = 1.0
SETTLE_S = {"stop": 1.0, "go": 0.2}  # what a flood has left at the broker and behind it has to be gone
NEIGHBOURS, RATE = 20, 400.0  # charge points, and round trips a second of all of them
FLOODS = {
    "garbage": [b"[]"],
    "calls": [b'[2,"%d","Heartbeat",{}]' % number for number in range(1_000)],
}


def run_flood(port: int, texts: list[bytes], pipe: Connection) -> None:
    """Connect, then obey: "go" sends without a pause, "stop" stops. Reads what it is answered."""
    sending = socket.create_connection(("127.0.0.1", port))
    sending.sendall(
        b"GET /FLOOD HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    sending.recv(4_096)
    sending.setblocking(False)
    frames = b"".join(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text for text in texts)
    chunk = frames * (65_536 // len(frames) + 1)
    pipe.send("connected")
    rest, is_on = b"", False
    while True:
        if pipe.poll(0 if is_on else 0.01):
            is_on = pipe.recv() == "go"
        readable, writable, _ = select.select([sending], [sending] if is_on else [], [], 0.01)
        if readable:
            sending.recv(1_048_576)
        if writable:
            rest = rest or chunk
            rest = rest[sending.send(rest) :]


def measure(port: int, kind: str, seconds: float) -> dict[str, float]:
    """The 99th percentiles of the neighbours' round trips, calm and during the flood, in milliseconds."""
    ours, theirs = multiprocessing.Pipe()
    flood = Child(run_flood, port, FLOODS[kind], theirs)
    ours.recv()
    neighbours = Load(load.Plan(port, NEIGHBOURS, rate=RATE))
    neighbours.connect()
    neighbours.tell("go")
    time.sleep(1)
    p99s: dict[str, list[float]] = {"stop": [], "go": []}
    samples, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        for order, slots in p99s.items():
            ours.send(order)
            time.sleep(SETTLE_S[order])
            neighbours.tell("forget")
            time.sleep(SLOT_S)
            taken = sorted(neighbours.latencies_s())
            slots.append(quantile_ms(taken, 0.99))
            samples += len(taken)
    neighbours.end()
    flood.end()
    calm, noisy = (median(slots) for slots in p99s.values())
    return {
        "calm_p99_ms": calm, "p99_ms": noisy, "ratio": noisy / calm, "worst_calm_ms": max(p99s["stop"]),
        "worst_ms": max(p99s["go"]), "slots": float(len(p99s["go"])), "samples": float(samples),
    }  # fmt: skip
