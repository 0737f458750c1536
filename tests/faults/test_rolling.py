"""Two gateways replaced one by one, as a deployment on Fargate does it: the new one first, then the old one drains."""

import asyncio
import random
import signal
from collections.abc import Callable, Sequence

import pytest

from tests.brokers import Mosquitto
from tests.faults.chargers import Charger, connected
from tests.faults.cloud import Cloud
from tests.faults.scene import until
from tests.faults.sizes import measured, size
from tests.gateway.test_main import Process

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


class Till(Charger):
    """Ends one transaction after the other, and keeps each until it was told that the house has it (1.6, 3.7.1)."""

    def __init__(self, url: str, charge_point_id: str, interval_s: float, stays: bool = False) -> None:
        super().__init__(url, charge_point_id, interval_s, stays)
        self.attempts = self.stopped = 0

    async def _send_for_ever(self) -> None:
        await asyncio.sleep(random.uniform(0, self._interval_s))  # noqa: S311 - no secret
        while self.is_sending:
            stop = {"transactionId": self.stopped, "meterStop": 1, "timestamp": "2026-01-01T00:00:00Z"}
            self.attempts += 1
            if await self.ask("StopTransaction", stop) is not None:
                self.stopped += 1
            await asyncio.sleep(self._interval_s)


def balance(chargers: Sequence[Charger], processes: Sequence[Process]) -> None:
    """Be the load balancer: who connects from now on comes to one of these."""
    for number, charger in enumerate(chargers):
        port = processes[number % len(processes)].port
        charger.url = f"ws://127.0.0.1:{port}/{charger.charge_point_id}"


async def test_a_rolling_replacement_of_two_gateways_loses_no_transaction(
    start: Callable[..., Process], broker: Mosquitto, cloud: Cloud
) -> None:
    """40 charge points that drain in 1 s; the full size is 2,000 in 20 s."""
    mqtt, drain_s = f"mqtt://127.0.0.1:{broker.port}", size(1, 20)
    old = [start(mqtt, "--drain-seconds", str(drain_s)) for _ in range(2)]
    for process in old:
        await process.ready()
    ids = [f"CP{number}" for number in range(size(40, 2_000))]

    async with connected(f"ws://127.0.0.1:{old[0].port}", ids, size(0.2, 10), stays=True, kind=Till) as chargers:
        serving = list(old)
        balance(chargers, serving)
        for charger in chargers[1::2]:
            charger.cut()
        await until(lambda: all(charger.is_connected for charger in chargers[1::2]), 60)
        await until(lambda: all(charger.stopped for charger in tills(chargers)), 60)
        before = [len(charger.away_s) for charger in chargers]
        for process in old:
            new = start(mqtt, "--drain-seconds", str(drain_s))
            await new.ready()
            serving = [*[each for each in serving if each is not process], new]
            balance(chargers, serving)
            process.child.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.child.wait, drain_s + 30) == 0
            await until(lambda: all(charger.is_connected for charger in chargers), 60)
        stopped = {charger: charger.stopped for charger in tills(chargers)}
        await until(lambda: all(charger.stopped > stopped[charger] for charger in tills(chargers)), 60)
        closes = {code for charger in chargers for code in charger.closes[-1:]}
        claimed = {
            (charger.charge_point_id, number) for charger in tills(chargers) for number in range(charger.stopped)
        }
        failed = sum(charger.attempts - charger.stopped for charger in tills(chargers))
        away_s = sorted(away for charger, skip in zip(chargers, before, strict=True) for away in charger.away_s[skip:])

    measured(
        "rolling replacement", charge_points=len(chargers), reconnects=len(away_s), transactions=len(claimed),
        failed_calls=failed, reconnect_p50_s=round(away_s[len(away_s) // 2], 2),
        reconnect_p99_s=round(away_s[int(len(away_s) * 0.99)], 2),
    )  # fmt: skip
    assert claimed <= cloud.stops
    assert len(away_s) >= len(chargers)
    assert closes == {1001}


def tills(chargers: Sequence[Charger]) -> list[Till]:
    return [charger for charger in chargers if isinstance(charger, Till)]
