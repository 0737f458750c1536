"""How many messages a second one core keeps: `python -m bench.telemetry`. In memory: what our own code costs.

JSON in, rows in compressed files out, in batches as a Lambda gets them. With --house everything is real: stations and
charge points on the house of this machine, see bench/telemetry_house.py.
"""

import argparse
import base64
import logging
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson
import structlog

from bench import telemetry_house
from bench.processes import BenchError
from ocppj import timestamps
from telemetry.inbox import FRAME_QUEUE, STATION_QUEUE, Inbox, Message
from tests.telemetry.house import House

DEVICES = 1_000
BATCH = 1_000
SECONDS = 3.0
HOUSE_SECONDS = 600.0
BEGAN = datetime(2026, 11, 21, 5, tzinfo=UTC)

Make = Callable[[int], str]


def station(number: int) -> str:
    """What the rule makes of a station's message."""
    name, at = f"BSS-{number % DEVICES:05}", BEGAN + timedelta(milliseconds=number)
    said = {"station_id": name, "battery_available": 8, "battery_charging": 2, "temperature": 25.5, "humidity": 60}
    raw = orjson.dumps(said | {"status": "online", "timestamp": timestamps.write(at)})
    payload = base64.b64encode(raw).decode()
    return orjson.dumps({"payload": payload, "station": name, "receivedAt": int(at.timestamp() * 1000)}).decode()


def frame(number: int, message: list[object]) -> str:
    """What the rule makes of a frame."""
    at = BEGAN + timedelta(milliseconds=number)
    told = {"receivedAt": int(at.timestamp() * 1000), "epoch": 1, "ocpp": "ocpp1.6"}
    return orjson.dumps({"chargePointId": f"CP-{number % DEVICES:05}", "message": message} | told).decode()


def heartbeat(number: int) -> str:
    """A frame without samples."""
    return frame(number, [2, str(number), "Heartbeat", {}])


def meter_values(number: int) -> str:
    """A frame with three samples."""
    taken = [
        {"value": str(number)},
        {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"},
        {"value": "16", "measurand": "Current.Import", "phase": "L1"},
    ]
    values = [{"timestamp": timestamps.write(BEGAN + timedelta(milliseconds=number)), "sampledValue": taken}]
    return frame(number, [2, str(number), "MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": values}])


WORK: dict[str, tuple[str, Make]] = {
    "station": (STATION_QUEUE, station),
    "Heartbeat": (FRAME_QUEUE, heartbeat),
    "MeterValues": (FRAME_QUEUE, meter_values),
}


def measure(queue: str, make: Make, seconds: float) -> float:
    """Messages a second of processor time."""
    house = House()
    house.things.names |= dict.fromkeys(f"BSS-{number:05}" for number in range(DEVICES))
    inbox, spent, done = Inbox(house.ports()), 0.0, 0
    while spent < seconds:
        batch = [Message(str(number), make(number)) for number in range(done, done + BATCH)]
        began = time.process_time()
        inbox.take(queue, batch)
        spent += time.process_time() - began
        done += BATCH
        house.archive.files.clear()
    return done / spent


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="of processor time for each kind of message; of the load")
    parser.add_argument("--house", action="store_true", help="load the whole house, and see whether it keeps up")
    parser.add_argument("--stations", type=int, default=DEVICES)
    parser.add_argument("--charge-points", type=int, default=DEVICES)
    parser.add_argument("--steps", type=int, default=1, help="in how many steps they come; each lasts for --seconds")
    chosen = parser.parse_args()
    if chosen.house:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # the house ends with it
        seconds = chosen.seconds or HOUSE_SECONDS
        plan = telemetry_house.Plan(chosen.stations, chosen.charge_points, chosen.steps, seconds)
        try:
            sys.exit(0 if telemetry_house.measure(plan) else 1)
        except BenchError as error:
            sys.exit(str(error))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for name, (queue, make) in WORK.items():
        print(f"{name:12} {measure(queue, make, chosen.seconds or SECONDS):8,.0f} messages/s per core, in memory")  # noqa: T201


if __name__ == "__main__":
    main()
