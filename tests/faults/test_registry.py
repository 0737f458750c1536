"""A registry that is slow, silent or throttled: who is connected does not notice, who comes is told to come back."""

import asyncio
from collections import Counter
from collections.abc import Callable
from statistics import quantiles

import pytest

from tests.brokers import Mosquitto
from tests.faults.chargers import Charger, connected
from tests.faults.cloud import Cloud
from tests.faults.newcomers import knocking
from tests.faults.scene import Site, time_passes, until
from tests.faults.sizes import charge_points, measured, seconds
from tests.faults.wires import slow_aws
from tests.gateway.test_main import Process

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

# Answers take milliseconds; a frozen loop would cost as much as the registry's delay.
UNNOTICED_S = 1.0
SLOW_S = 1.0


async def slowest(chargers: list[Charger], during_s: float) -> float:
    """The 99th percentile of what answers take now."""
    for charger in chargers:
        charger.took.clear()
    await time_passes(during_s)
    return quantiles([took for charger in chargers for took in charger.took], n=100)[-1]


async def test_a_registry_that_is_slow_or_throttled_freezes_no_socket_that_is_open(
    start: Callable[..., Process], site: Site, broker: Mosquitto, cloud: Cloud
) -> None:
    """40 charge points with 2 frames a second, 40 newcomers each time; the full size is 200 and 200.

    Each request of the registry takes 1 s; then each is throttled; then all is well.
    """
    ids = site.register("registry", charge_points(40, 200))
    newcomers = site.register("newcomer", charge_points(40, 200))
    async with slow_aws(site.aws.port) as registry:
        environment = site.aws.environment() | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{registry.port}"}
        process = start(f"mqtt://127.0.0.1:{broker.port}", registry="dynamodb", environment=environment)
        await process.ready()

        async with connected(f"ws://127.0.0.1:{process.port}", ids, interval_s=0.5) as chargers:
            await until(lambda: all(charger.answers for charger in chargers), 30)
            well_s = await slowest(chargers, 3)
            registry.delay_s = SLOW_S
            slow_s, slow = await _meanwhile(process, chargers, newcomers)
            registry.delay_s, registry.is_throttling = 0.0, True
            throttled_s, throttled = await _meanwhile(process, chargers, newcomers)
            registry.is_throttling = False
            again = await knocking(process.port, newcomers)

    measured(
        "registry", charge_points=len(ids), requests=registry.requests, p99_s=round(well_s, 3),
        p99_slow_s=round(slow_s, 3), p99_throttled_s=round(throttled_s, 3), slow=dict(slow),
        throttled=dict(throttled),
    )  # fmt: skip
    assert max(slow_s, throttled_s) < UNNOTICED_S
    assert set(slow) <= {101, 503}
    assert set(throttled) == {503}
    assert set(again) == {101}
    assert not any(charger.closes or charger.errors for charger in chargers)


async def _meanwhile(process: Process, chargers: list[Charger], newcomers: list[str]) -> tuple[float, Counter[int]]:
    at_the_door = asyncio.create_task(knocking(process.port, newcomers))
    took_s = await slowest(chargers, seconds(5.0, 20.0))
    return took_s, await at_the_door
