"""Reading scenarios."""

from pathlib import Path

import pytest

from charge_point_sim.scenario import ScenarioError, find, read, shipped
from ocppj import actions, schemas
from ocppj.versions import V16


def test_at_least_ten_scenarios_are_shipped_and_each_says_what_it_is() -> None:
    scenarios = shipped()

    assert len(scenarios) >= 10
    assert all(scenario.name and scenario.steps for scenario in scenarios.values())
    assert {scenario.version.name for scenario in scenarios.values()} == {"1.6", "2.0.1"}


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_scenario_names_actions_that_exist(name: str) -> None:
    scenario = shipped()[name]

    called = [str(step.value) for step in scenario.steps if step.kind == "call" and "error" not in step.keys]
    awaited = [str(step.value) for step in scenario.steps if step.kind == "await"]

    assert set(called) <= actions.sent_by_charge_point(scenario.version)
    assert set(awaited) <= schemas.actions(scenario.version) - set(called)


def test_a_version_may_be_written_as_a_number() -> None:
    assert read("version: 1.6\nsteps: [{wait: 1}]").version is V16


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: [", "not YAML"),
        ("[]", "a mapping with a list of steps"),
        ("version: 1.6\nsteps: [{wait: 1}]\nstpes: []", "unknown key 'stpes'"),
        ("version: 1.5\nsteps: []", "1.5 is none of 1.6"),
        ("version: 1.6\nsteps: [7]", "step 1: is no mapping"),
        ("version: 1.6\nsteps: [{wait: 1}, {cal: Heartbeat}]", "step 2: needs exactly one of connect"),
        ("version: 1.6\nsteps: [{call: Heartbeat, wait: 1}]", "step 1: needs exactly one of"),
        ("version: 1.6\nsteps: [{call: Heartbeat, expct: {}}]", "step 1: call has no 'expct'"),
        ("version: 1.6\nsteps: [{wait: soon}]", "step 1: wait needs a number, not 'soon'"),
        ("version: 1.6\nsteps: [{wait: yes}]", "step 1: wait needs a number, not True"),
        ("version: 1.6\nsteps: [{call: }]", "step 1: call needs a word, not None"),
        ("version: 1.6\nsteps: [{call: Heartbeat, within: soon}]", "step 1: within needs a number"),
        ("version: 1.6\nsteps: [{call: Heartbeat, save: [x]}]", "step 1: save needs a mapping"),
        ("version: 1.6\nsteps: [{connect: now}]", "step 1: connect needs a mapping"),
        ("version: 1.6\nsteps: [{connect: {subprotocols: ocpp1.6}}]", "step 1: subprotocols needs a list"),
        ("version: 1.6\nsteps: [{close: now}]", "step 1: close needs a number"),
        ("version: 1.6\nanswers: [x]\nsteps: []", "answers needs a mapping"),
        ("version: 1.6\nsteps: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_what_is_no_scenario_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(text)

    assert words in str(caught.value)


def test_a_scenario_is_found_by_its_name_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("steps: []")

    assert find(str(tmp_path / "mine.yaml")) == "steps: []"
    assert "BootNotification" in find("boot-16")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.yaml").write_bytes(b"\xff\xd8")

    with pytest.raises(ScenarioError, match=r"photo\.yaml: is no text"):
        find(str(tmp_path / "photo.yaml"))


@pytest.mark.parametrize("name", ["nowhere.yaml", "no-such-scenario"])
def test_a_scenario_that_is_nowhere_is_named(name: str) -> None:
    with pytest.raises(ScenarioError, match=name):
        find(name)
