"""Charge points of a fleet, over real protocols and no time."""

from collections import Counter
from dataclasses import replace

import pytest

from charge_point_sim.plan import Plan
from charge_point_sim.quirks import Quirk
from tests.charge_point_sim.timeless import Timeless

PLAN = Plan(20, rate_per_s=10, session_s=30, pause_s=20, tokens=("A", "B", "C", "D"))


def test_the_same_seed_tells_the_csms_the_same_story() -> None:
    story = Timeless(PLAN).run(120).csms.heard

    again = Timeless(PLAN).run(120).csms.heard

    assert story == again
    assert {action for _, action, _ in story} >= {"BootNotification", "StartTransaction", "TransactionEvent"}


def test_everybody_connects_at_its_time_and_boots_once() -> None:
    fleet = Timeless(PLAN)

    halfway = fleet.run(1).tally.connected
    fleet.run(2)

    assert 9 <= halfway <= 12
    assert fleet.tally.connected == 20
    assert fleet.csms.actions["BootNotification"] == 20
    assert set(fleet.csms.paths) == {f"/ocpp/SIM-{number:05}" for number in range(20)}


def test_answers_are_timed_and_nothing_is_an_error() -> None:
    fleet = Timeless(PLAN).run(60)

    assert fleet.tally.latency.total == sum(fleet.csms.actions.values())
    assert fleet.tally.frames_out >= fleet.tally.frames_in > 0
    assert not fleet.tally.errors


def test_after_a_storm_everybody_is_back_without_a_second_boot() -> None:
    fleet = Timeless(PLAN).run(10)
    for member in fleet.members:
        fleet.act(member.cut)
    without = fleet.tally.connected

    fleet.run(3)

    assert (without, fleet.tally.connected, fleet.csms.connections) == (0, 20, 40)
    assert fleet.csms.actions["BootNotification"] == 20
    assert not fleet.tally.errors


@pytest.mark.parametrize("fault", ["flapping", "half-open"])
def test_faulty_charge_points_come_back_and_count_right(fault: Quirk) -> None:
    fleet = Timeless(replace(PLAN, quirks=((fault, 100),)))

    fleet.run(400)

    assert fleet.csms.connections > 40
    assert 0 <= fleet.tally.connected <= 20
    assert fleet.tally.connected == sum(member.cp.exchange.is_open for member in fleet.members)
    assert not fleet.tally.errors


def test_whoever_leaves_ends_its_transactions_and_does_not_come_back() -> None:
    fleet = Timeless(PLAN).run(60)
    running = sum(member.sessions for member in fleet.members)

    for member in fleet.members:
        fleet.act(member.say_goodbye)
    for member in fleet.members:
        fleet.act(member.leave)
    fleet.run(100)

    said = Counter(payload["eventType"] for _, action, payload in fleet.csms.heard if action == "TransactionEvent")
    assert running > 0
    assert fleet.csms.actions["StartTransaction"] == fleet.csms.actions["StopTransaction"]
    assert said["Started"] == said["Ended"]
    assert (fleet.tally.connected, fleet.csms.connections) == (0, 20)
    assert not fleet.tally.errors


def test_pings_are_answered_and_who_does_not_answer_is_left() -> None:
    fleet = Timeless(replace(PLAN, count=2, ping_s=10)).run(60)
    before = fleet.csms.connections
    deaf = fleet.members[0].line
    assert deaf

    deaf._is_answered = False
    fleet.run(30)

    assert (before, fleet.csms.connections, fleet.tally.connected) == (2, 3, 2)
    assert fleet.tally.errors == {"disconnected 1006": 1}
