"""From an HTTP request to the stored answer, all the way through the house: `python -m bench.commands`.

So many charge points are connected to a house of its own (`ocppgw up`) and are commanded all at once, each with
`Prefer: wait`, round after round. What is measured is what a caller sees. On one machine the emulator's Lambdas, which
are processes, take most of it: the figure says what the house does here, not what AWS does.
"""

import argparse
import asyncio
import http.client
import json
import signal
import statistics
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.e2e.operator import until
from tests.house import House

CHARGE_POINTS, ROUNDS = 50, 4
PATIENCE_S = 60
BOOT = [2, "boot", "BootNotification", {"chargePointModel": "One", "chargePointVendor": "Bench"}]


async def answer(socket: ClientConnection) -> None:
    """Accept whatever comes."""
    with suppress(ConnectionClosed):
        async for text in socket:
            frame = json.loads(text)
            if frame[0] == 2:
                await socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))


def command(port: int, name: str) -> tuple[float, str]:
    """Seconds from the request to its answer, and the state that says."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("POST", f"/charge-points/{name}/commands/ClearCache", "{}", {"Prefer": "wait=25"})
    try:
        body = json.loads(connection.getresponse().read())
    except OSError as error:
        body = {"code": type(error).__name__}
    finally:
        connection.close()
    return time.perf_counter() - began, str(body.get("state", body.get("code")))


def is_there(table: Any, name: str) -> bool:
    """Whether the thing has become a charge point."""
    return "Item" in table.get_item(Key={"chargePointId": name})


async def measure(house: House, charge_points: int, rounds: int) -> list[tuple[float, str]]:
    """What each command took, and became."""
    names, things = [f"BENCH-{number:03}" for number in range(charge_points)], house.aws.client("iot")
    for name in names:
        things.create_thing(thingName=name)
    table = house.aws.resource("dynamodb").Table("ChargePointTable")
    for name in names:
        await asyncio.to_thread(until, partial(is_there, table, name), 120)
    port = int(house.environment["OCPPGW_HTTP_PORT"])
    async with AsyncExitStack() as stack:
        for name in names:
            url, subprotocols = f"{house.ws_url}/{name}", [Subprotocol("ocpp1.6")]
            socket = await stack.enter_async_context(connect(url, subprotocols=subprotocols))
            await socket.send(json.dumps(BOOT))
            await socket.recv()
            task = asyncio.create_task(answer(socket), name=name)
            stack.callback(task.cancel)
        pool = stack.enter_context(ThreadPoolExecutor(charge_points))
        loop, done = asyncio.get_running_loop(), []
        for number in range(rounds + 1):
            found = await asyncio.gather(*(loop.run_in_executor(pool, command, port, name) for name in names))
            done += found if number else []  # the first starts the Lambdas
    return done


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--charge-points", type=int, default=CHARGE_POINTS, help="commanded at once")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="beside one that is not counted")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the house ends with it
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
        House(Path(directory), OCPPGW_COMMANDS_PER_MINUTE="0") as house,
    ):
        house.wait_until_ready()
        done = asyncio.run(measure(house, chosen.charge_points, chosen.rounds))
        house.stop()
    taken = sorted(seconds for seconds, state in done if state == "accepted")
    others = Counter(state for _, state in done if state != "accepted")
    print(f"{len(taken)} of {len(done)} commands accepted, {chosen.charge_points} at once {dict(others) or ''}")  # noqa: T201
    if len(taken) > 1:
        p99 = statistics.quantiles(taken, n=100, method="inclusive")[98]
        print(f"p50 {statistics.median(taken) * 1000:,.0f} ms  p99 {p99 * 1000:,.0f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
