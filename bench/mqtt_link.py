"""What one QoS 1 publish through the native MQTT link costs in CPU time of this process, acknowledgement included.

A broker that sends every PUBACK in a segment of its own makes us pay the kernel for each: hence the two columns.

python -m bench.mqtt_link [--broker mqtt://127.0.0.1:1883] [--messages 200000]; without a broker it starts mosquitto.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import from_url
from domain.ports import Message

PAYLOAD = b'[2,"19223201","MeterValues",' + b"x" * 160 + b"]"
PROPERTIES = (("ocpp", "ocpp1.6"), ("gateway", "3f9c21aa"), ("epoch", "1732147200000"))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a message took (us): in our code and its libraries, in the kernel, and by the clock on the wall."""

    user_us: float
    kernel_us: float
    wall_us: float


class Stopwatch:
    """Measures this process."""

    def __init__(self) -> None:
        self._times, self._began = os.times(), time.perf_counter()

    def cost(self, messages: int) -> Cost:
        """What has passed, per message."""
        now, per = os.times(), 1e6 / messages
        user, kernel = now.user - self._times.user, now.system - self._times.system
        return Cost(user * per, kernel * per, (time.perf_counter() - self._began) * per)


async def publish(link: MqttLink, messages: int, properties: tuple[tuple[str, str], ...]) -> Cost:
    """Publish with the window always full."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    counts = {"left": messages, "acknowledged": 0}

    def more() -> None:
        while counts["left"] and link.publish("CP-001/in", PAYLOAD, properties, acknowledged):
            counts["left"] -= 1

    def acknowledged() -> None:
        counts["acknowledged"] += 1
        if counts["acknowledged"] == messages:
            done.set_result(None)
        elif counts["acknowledged"] % 200 == 0:
            more()

    stopwatch = Stopwatch()
    more()
    await done
    return stopwatch.cost(messages)


async def echo(link: MqttLink, messages: int) -> Cost:
    """Send messages to ourselves, 500 under way."""
    done = asyncio.get_running_loop().create_future()
    counts = {"sent": 0, "back": 0}

    def send() -> None:
        counts["sent"] += 1
        link.publish("CP-001/out", PAYLOAD, PROPERTIES)

    def back(_message: Message) -> None:
        counts["back"] += 1
        if counts["back"] == messages:
            done.set_result(None)
        elif counts["sent"] < messages:
            send()

    def start() -> None:
        for _ in range(500):
            send()

    stopwatch = Stopwatch()
    link.subscribe("CP-001/out", back, start)
    await done
    return stopwatch.cost(messages)


async def bench(url: str, messages: int) -> None:
    """Connect, measure, say it."""
    up = asyncio.Event()
    link = MqttLink(from_url(url, "bench", max_messages=5_000), lambda is_up: up.set() if is_up else None)
    running = asyncio.create_task(link.run())
    await up.wait()
    rows = {
        "publish, no properties": await publish(link, messages, ()),
        "publish, 3 properties": await publish(link, messages, PROPERTIES),
        "there and back": await echo(link, messages // 4),
    }
    await link.close(5)
    await running
    for name, cost in rows.items():
        sys.stdout.write(
            f"{name:24} {cost.user_us:5.1f} us user {cost.kernel_us:5.1f} us kernel {cost.wall_us:5.1f} us wall\n"
        )


def main() -> None:
    """Parse the arguments, find a broker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker")
    parser.add_argument("--messages", type=int, default=200_000)
    arguments = parser.parse_args()
    if arguments.broker:
        uvloop.run(bench(arguments.broker, arguments.messages))
        return
    from tests.brokers import Mosquitto, mosquitto_binary

    binary = mosquitto_binary()
    if binary is None:
        sys.exit("No --broker given, and mosquitto is not installed.")
    with tempfile.TemporaryDirectory() as directory:
        broker = Mosquitto(binary, Path(directory), log_types=())
        broker.start()
        try:
            uvloop.run(bench(f"mqtt://127.0.0.1:{broker.port}", arguments.messages))
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
