"""A share of a fleet on real sockets."""

import sys
import time

import pytest

from charge_point_sim.load import PER_ADDRESS, Load, Share
from charge_point_sim.plan import Plan
from charge_point_sim.tally import Tick
from charge_point_sim.target import resolve
from tests.charge_point_sim.anybody import Anybody


async def test_a_load_connects_everybody_and_leaves_nobody_behind() -> None:
    ticks: list[Tick] = []

    async with Anybody() as csms:
        plan = Plan(30, rate_per_s=200, duration_s=2)
        await Load(Share(plan, resolve(csms.url)), ticks.append).run(time.monotonic())

    assert csms.connections == csms.actions["BootNotification"] == 30
    assert max(tick.connected for tick in ticks) == 30
    assert ticks[-1].connected == 0
    assert not any(tick.errors for tick in ticks)


async def test_nobody_listening_is_an_error_with_a_name() -> None:
    ticks: list[Tick] = []
    async with Anybody() as csms:
        url = csms.url

    await Load(Share(Plan(3, duration_s=0.3), resolve(url)), ticks.append).run(time.monotonic())

    assert {kind for tick in ticks for kind in tick.errors} == {"no connection: ConnectionRefusedError"}


def test_shares_of_several_processes_are_the_whole_fleet() -> None:
    shares = [Share(Plan(10), resolve("ws://127.0.0.1"), part, 3) for part in range(3)]

    assert sorted(number for share in shares for number in share.numbers) == list(range(10))


def test_a_charge_point_is_the_same_in_however_many_processes_its_fleet_lives() -> None:
    plan, target = Plan(10, quirks=(("mute", 30.0), ("flapping", 30.0))), resolve("ws://127.0.0.1")

    alone, shared = ({
        member.number: (member.cp.setup, member.cp.rng.random(), next(plan.visits(member.number)))
        for part in range(processes)
        for member in Load(Share(plan, target, part, processes), lambda _: None).members
    } for processes in (1, 3))  # fmt: skip

    assert len(alone) == 10
    assert alone == shared


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 without being asked")
async def test_a_charge_point_beyond_twenty_thousand_comes_from_another_address() -> None:
    async with Anybody() as csms:
        plan = Plan(PER_ADDRESS + 1, rate_per_s=1e9, duration_s=0.3)
        await Load(Share(plan, resolve(csms.url), PER_ADDRESS, PER_ADDRESS + 1), lambda _: None).run(time.monotonic())

    assert csms.peers == {"127.0.0.2"}
