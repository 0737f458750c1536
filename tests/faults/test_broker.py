"""The broker dies and comes back under load: every CALL ends, no command is lost or doubled, no socket is closed."""

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.brokers import Mosquitto
from tests.faults.chargers import Charger, connected
from tests.faults.cloud import Cloud
from tests.faults.scene import CALL_TIMEOUT_S, links_back, links_up, time_passes, until
from tests.faults.sizes import measured, size
from tests.gateway.test_main import Process

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

BACK_S = 5.0


async def command_now_and_then(cloud: Cloud, chargers: list[Charger]) -> None:
    """Ten commands a second, until cancelled."""
    number = 0
    while True:
        number += 1
        charger = random.choice(chargers)  # noqa: S311 - no secret
        cloud.command(charger.charge_point_id, f"command-{number}")
        await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)


async def test_a_broker_killed_and_restarted_under_load_costs_no_call_no_command_and_no_socket(
    start: Callable[..., Process], broker: Mosquitto, cloud: Cloud
) -> None:
    """100 charge points and a broker that is away for 3 s; the full size is 500."""
    process = start(f"mqtt://127.0.0.1:{broker.port}")
    await process.ready()
    ids = [f"CP{number}" for number in range(size(100, 500))]

    async with connected(f"ws://127.0.0.1:{process.port}", ids, interval_s=1) as chargers:
        commanding = asyncio.create_task(command_now_and_then(cloud, chargers))
        await until(lambda: all(len(charger.answers) >= 2 for charger in chargers), 30)
        links = await links_up(process)
        broker.kill()
        await time_passes(size(3.0, 8.0))
        broker.start()
        back_s = await links_back(process, links)
        seen = {charger: sum(charger.answers.values()) for charger in chargers}
        await until(lambda: all(sum(charger.answers.values()) > seen[charger] + 2 for charger in chargers), 30)
        commanding.cancel()
        for charger in chargers:
            charger.is_sending = False
        await until(lambda: not cloud.open_commands, 20)
        await until(lambda: not any(charger.open_calls for charger in chargers), CALL_TIMEOUT_S + 5)

    calls = sum(len(charger.sent) for charger in chargers)
    errors = sum(len(charger.errors) for charger in chargers)
    commands = sum(len(charger.commands) for charger in chargers)
    measured(
        "broker restart", charge_points=len(chargers), links=links, links_back_s=round(back_s, 2), calls=calls,
        errors=errors, commands=commands, calls_heard_twice=sum(count > 1 for count in cloud.calls.values()),
    )  # fmt: skip
    assert back_s <= BACK_S
    assert {count for charger in chargers for count in charger.answers.values()} == {1}
    assert {code for charger in chargers for code in charger.errors.values()} <= {"InternalError"}
    assert {count for charger in chargers for count in charger.commands.values()} == {1}
    assert commands == len(cloud.ends)
    assert not any(charger.closes for charger in chargers)
