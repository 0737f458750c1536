"""What a round trip (CALL in, publish, answer out) costs in CPU time of the gateway, with its native link to mosquitto.

python -m bench.gateway_roundtrip [--sockets 200] [--seconds 8] [--rate 0] [--deflate]; rate 0 saturates: every socket
sends its next CALL as soon as the last one is answered. The load and the cloud run in processes of their own.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

import mqtt5
import structlog
import uvloop
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from adapters.memory import MemoryRegistry
from adapters.mqtt_connection import Connection
from adapters.mqtt_link import MqttLink
from adapters.mqtt_settings import from_url
from domain.models import ChargePoint
from gateway.server import Gateway, Options
from gateway.websocket import WebSocketOptions
from tests.brokers import Mosquitto, free_port, mosquitto_binary

CALL = (
    '[2,"%d","MeterValues",{"connectorId":1,"transactionId":77,"meterValue":[{"timestamp":"2026-11-21T10:00:00.000Z",'
    '"sampledValue":[{"value":"1234.5","unit":"Wh","context":"Sample.Periodic"}]}]}]'
)


def run_gateway(port: int, mqtt: str, sockets: int, deflate: bool, per_link: int) -> None:
    """The gateway, with a registry that knows everybody."""

    # A line per connection is not what we want to see.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

    async def serve() -> None:
        rows = MemoryRegistry(ChargePoint(f"CP{n}") for n in range(sockets))
        options = Options(
            port=port, charge_points_per_link=per_link, websocket=WebSocketOptions(deflate=deflate), ping_interval_s=0
        )
        gateway = Gateway(
            rows,
            lambda number, will, on_state: MqttLink(from_url(mqtt, f"gw-bench-{number}", will=will), on_state),
            options,
        )
        await gateway.run()

    uvloop.run(serve())


def run_cloud(mqtt_port: int) -> None:
    """Answers every CALL with an empty CALLRESULT."""

    async def serve() -> None:
        ids = iter(range(1, 2**62))

        def on_packet(packet: mqtt5.Packet) -> None:
            if isinstance(packet, mqtt5.ConnAckPacket):
                wanted = mqtt5.TopicFilter("+/in", max_qos=mqtt5.QoS.AT_MOST_ONCE)
                connection.send(mqtt5.SubscribePacket(65_000, [wanted]).write())
            elif isinstance(packet, mqtt5.PublishPacket):
                charge_point_id = packet.topic.partition("/")[0]
                message_id = bytes(packet.payload).split(b'"', 2)[1]
                answer = b'[3,"' + message_id + b'",{}]'
                epoch = dict(packet.user_properties).get("epoch", "0")
                out = mqtt5.PublishPacket(
                    f"{charge_point_id}/out", answer, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=next(ids) % 60_000 + 1,
                    user_properties=[("epoch", epoch)],
                )  # fmt: skip
                connection.send(out.write())

        connection = Connection(from_url(f"mqtt://127.0.0.1:{mqtt_port}", "cloud"), on_packet)
        await connection.open()
        await connection.lost

    uvloop.run(serve())


class Charger(asyncio.Protocol):
    """Sends CALLs, one at a time."""

    def __init__(self, url: str, counts: list[int], interval_s: float) -> None:
        from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
        from websockets.typing import Subprotocol

        self._protocol = ClientProtocol(
            parse_uri(url), subprotocols=[Subprotocol("ocpp1.6")], extensions=[ClientPerMessageDeflateFactory()]
        )
        self._counts = counts
        self._interval_s = interval_s
        self._sent = 0
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._counts[0] += 1
                self._next()
            elif self._protocol.state is State.OPEN:
                self.opened.set_result(None)
        self._flush()

    def begin(self) -> None:
        """Send the first one."""
        self.send()

    def send(self) -> None:
        self._sent += 1
        self._protocol.send_text((CALL % self._sent).encode())
        self._flush()

    def _next(self) -> None:
        if self._interval_s:
            asyncio.get_running_loop().call_later(self._interval_s, self.send)
        else:
            self.send()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._transport.write(data)


async def load(
    port: int, sockets: int, seconds: float, rate: float, gateway: int
) -> tuple[int, float, tuple[float, float]]:
    """Round trips, wall time and the gateway's CPU time (user, system), after a second to get warm."""
    loop = asyncio.get_running_loop()
    counts = [0]
    chargers = []
    for number in range(sockets):
        url = f"ws://127.0.0.1:{port}/CP{number}"
        interval_s = sockets / rate if rate else 0.0
        _, charger = await loop.create_connection(
            lambda url=url, i=interval_s: Charger(url, counts, i), "127.0.0.1", port
        )
        await charger.opened
        chargers.append(charger)
    for charger in chargers:
        charger.begin()
        await asyncio.sleep(1 / rate if rate else 0)
    await asyncio.sleep(1)
    done, wall, cpu = counts[0], time.perf_counter(), cpu_s(gateway)
    await asyncio.sleep(seconds)
    used = cpu_s(gateway)
    return counts[0] - done, time.perf_counter() - wall, (used[0] - cpu[0], used[1] - cpu[1])


def cpu_s(pid: int) -> tuple[float, float]:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks, int(fields[12]) / ticks


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Start everything, measure, say it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--per-link", type=int, default=1000)
    parser.add_argument("--deflate", action="store_true")
    options = parser.parse_args()
    binary = mosquitto_binary()
    if binary is None:
        sys.exit("mosquitto is not installed (Debian: apt-get install mosquitto)")
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        broker = Mosquitto(binary, Path(directory))
        broker.start()
        port = free_port()
        mqtt = f"mqtt://127.0.0.1:{broker.port}"
        gateway_arguments = (port, mqtt, options.sockets, options.deflate, options.per_link)
        children = [
            context.Process(target=run_gateway, args=gateway_arguments),
            context.Process(target=run_cloud, args=(broker.port,)),
        ]
        for child in children:
            child.start()
        time.sleep(3)
        gateway = children[0].pid or 0
        trips, wall, cpu = uvloop.run(load(port, options.sockets, options.seconds, options.rate, gateway))
        sys.stdout.write(
            f"{trips} round trips in {wall:.1f} s ({trips / wall:.0f}/s over {options.sockets} sockets): "
            f"{sum(cpu) / trips * 1e6:.1f} us of gateway CPU each ({cpu[1] / trips * 1e6:.1f} of it in the kernel); "
            f"RSS {rss_mb(gateway):.0f} MB\n"
        )
        for child in children:
            child.kill()
            child.join()
        broker.kill()


if __name__ == "__main__":
    main()
