"""Gateways that end, by order or by force, and what becomes of those who were connected to them."""

import asyncio
import signal
from collections.abc import Callable

import pytest

from tests.brokers import Mosquitto
from tests.faults.chargers import connected
from tests.faults.cloud import Cloud
from tests.faults.scene import Site, Watch, until, until_told
from tests.faults.sizes import measured, size
from tests.gateway.test_main import Process

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

OFFLINE_S = 120.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_fleet_comes_back_to_a_gateway_that_was_restarted(
    start: Callable[..., Process], broker: Mosquitto, cloud: Cloud, number: signal.Signals
) -> None:
    """100 charge points with a frame a second; the full size is 500."""
    mqtt = f"mqtt://127.0.0.1:{broker.port}"
    process = start(mqtt)
    await process.ready()
    ids = [f"CP{number}" for number in range(size(100, 500))]

    async with connected(f"ws://127.0.0.1:{process.port}", ids, interval_s=1, stays=True) as chargers:
        await until(lambda: all(charger.answers for charger in chargers), 30)
        process.child.send_signal(number)
        status = await asyncio.to_thread(process.ended)
        again = start(mqtt, "--port", str(process.port))
        await again.ready()
        back_s = await until(lambda: all(charger.is_connected for charger in chargers), 60)
        answered = {charger: sum(charger.answers.values()) for charger in chargers}
        await until(lambda: all(sum(charger.answers.values()) > answered[charger] for charger in chargers), 30)

    measured("gateway restart", signal=number.name, charge_points=len(chargers), back_s=round(back_s, 2))
    assert status == (0 if number is signal.SIGTERM else -signal.SIGKILL)
    assert {charger.closes[0] for charger in chargers} == {1001 if number is signal.SIGTERM else None}
    assert {count for charger in chargers for count in charger.answers.values()} == {1}


async def test_who_is_connected_to_a_gateway_that_is_killed_goes_offline_and_who_moved_before_does_not(
    start_in_house: Callable[..., Process], site: Site
) -> None:
    """30 charge points, 10 of which move to another gateway before; lease 1 s, delay 2 s; full: 300, 30 s and 60 s."""
    process = start_in_house(OCPPGW_LEASE_S=str(size(1, 30)))
    await process.ready()
    ids = site.register("killed", size(30, 300))
    moved = ids[: len(ids) // 3]
    stayed = ids[len(moved) :]

    async with connected(f"ws://127.0.0.1:{process.port}", ids, interval_s=30):
        await until_told(lambda: not site.offline_rows(ids), 30)
        async with connected(site.house.ws_url, moved, interval_s=30), Watch(lambda: site.offline_rows(moved)) as watch:
            await until_told(lambda: len(site.online_shadows(ids)) == len(ids), 60)
            process.child.kill()
            offline_s = await until_told(lambda: site.offline_rows(stayed) == set(stayed), OFFLINE_S)
            await until_told(lambda: site.offline_shadows(stayed) == set(stayed), OFFLINE_S)
            wrong = site.offline_shadows(moved)

    measured("gateway killed", charge_points=len(stayed), moved=len(moved), offline_s=round(offline_s, 1))
    assert watch.looks > 1
    assert watch.seen == set()
    assert wrong == set()
