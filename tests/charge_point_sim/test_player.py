"""Scenarios played against a CSMS on a real socket."""

import asyncio
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from charge_point_sim.player import Outcome, Player, Stage
from charge_point_sim.scenario import read, shipped
from ocppj.frames import CallError
from ocppj.versions import V16, V201
from tests.charge_point_sim.csms import Csms, Refusal
from tests.charge_point_sim.script import Script

HEAD = 'version: "1.6"\nsteps:\n- connect:\n'


async def _play(text: str, csms: Csms) -> list[Outcome]:
    outcomes: list[Outcome] = []
    await Player(read(text), Stage(csms.url, "CP1", "TAG-1"), outcomes.append).play()
    return outcomes


async def _problem(steps: str, script: Script | None = None, refusals: list[Refusal] | None = None) -> str:
    async with Csms(script or Script(V16), refusals) as csms:
        outcomes = await _play(HEAD + steps, csms)
    assert all(not outcome.problem for outcome in outcomes[:-1])
    return outcomes[-1].problem


@pytest.mark.parametrize("name", ["boot-16", "offline-replay-16", "boot-201", "session-201", "offline-replay-201"])
async def test_a_good_csms_passes(name: str) -> None:
    scenario = shipped()[name]
    outcomes: list[Outcome] = []

    async with Csms(Script(scenario.version)) as csms:
        ok = await Player(scenario, Stage(csms.url, "CP1", "TAG-1"), outcomes.append).play()

    assert [outcome.problem for outcome in outcomes if outcome.problem] == []
    assert ok
    assert len(outcomes) == len(scenario.steps)


async def test_an_answer_that_is_not_as_expected_ends_the_scenario() -> None:
    script = Script(V16)
    script.replies["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
    steps = "- {call: Authorize, payload: {idTag: A}, expect: {idTagInfo: {status: Accepted}}}\n- wait: 0"

    assert await _problem(steps, script) == "/idTagInfo/status is 'Blocked', not 'Accepted'"


BUSY: Refusal = (HTTPStatus.SERVICE_UNAVAILABLE, '{"detail": "Too busy."}', {"Retry-After": "0"})


@pytest.mark.parametrize(
    ("refusals", "problem"),
    [
        ([BUSY] * 2, ""),
        ([BUSY] * 4, "/status is 503, not 101: Too busy."),
        ([(BUSY[0], "Gone.", {})], "/status is 503, not 101: Gone."),
        ([(BUSY[0], "Long.", {"Retry-After": "3600"})], "/status is 503, not 101: Long."),
        ([(HTTPStatus.NOT_FOUND, "Who?", {"Retry-After": "0"})], "/status is 404, not 101: Who?"),
    ],
)
async def test_who_is_busy_for_a_while_is_asked_again_and_who_refuses_is_quoted(
    refusals: list[Refusal], problem: str
) -> None:
    assert await _problem("- call: Heartbeat", refusals=refusals) == problem


async def test_a_503_that_is_expected_is_one() -> None:
    async with Csms(Script(V16), [BUSY]) as csms:
        outcomes = await _play('version: "1.6"\nsteps: [{connect: , expect: {status: 503}}]', csms)

    assert [outcome.problem for outcome in outcomes] == [""]


async def test_an_answer_against_the_schema_is_a_failure_even_if_nothing_is_expected() -> None:
    script = Script(V16)
    script.replies["Heartbeat"] = {"currentTime": 7}

    assert "currentTime" in await _problem("- call: Heartbeat", script)


async def test_an_error_may_be_what_is_expected() -> None:
    script = Script(V16)
    script.replies["Heartbeat"] = CallError("", "InternalError")

    expected = await _problem("- {call: Heartbeat, error: InternalError}", script)
    another = await _problem("- {call: Heartbeat, error: NotSupported}", script)
    none = await _problem("- call: Heartbeat", script)

    assert (expected, another) == ("", "is 'InternalError', not 'NotSupported'")
    assert none == "answered by InternalError "


async def test_silence_is_noticed_when_an_answer_is_due() -> None:
    script = Script(V16)
    script.replies["Heartbeat"] = None

    assert await _problem("- {call: Heartbeat, within: 0.05}", script) == "nothing came within 0.05 s"


async def test_a_refusal_may_be_expected() -> None:
    refusal: Refusal = (404, "no", {})  # type: ignore[assignment]

    text = 'version: "1.6"\nsteps: [{connect: {identity: nobody}, expect: {status: 404}}]'
    async with Csms(Script(V16), [refusal]) as csms:
        outcomes = await _play(text, csms)

    assert [outcome.problem for outcome in outcomes] == [""]
    assert csms.requests[0].path == "/ocpp/nobody"


async def test_commands_are_awaited_and_others_answered_meanwhile() -> None:
    text = """
version: "2.0.1"
answers: {ClearCache: {status: Accepted}}
steps:
- connect:
- {await: Reset, match: {type: Immediate}, answer: {status: Rejected}, save: {kind: type}}
- {call: Heartbeat, note: "${kind}"}
"""
    async with Csms(Script(V201)) as csms:
        playing = asyncio.create_task(_play(text, csms))
        await csms.until(lambda: csms.connections == 1)
        cleared = await csms.command("ClearCache")
        unknown = await csms.command("GetLocalListVersion")
        reset = await csms.command("Reset", type="Immediate")
        outcomes = await playing

    assert [outcome.problem for outcome in outcomes] == ["", "", ""]
    assert getattr(cleared, "payload", None) == {"status": "Accepted"}
    assert getattr(unknown, "code", None) == "NotSupported"
    assert getattr(reset, "payload", None) == {"status": "Rejected"}


async def test_a_step_on_a_connection_that_does_not_exist_is_a_failure() -> None:
    assert await _problem("- {call: Heartbeat, line: second}") == "there is no connection second"


async def test_a_connection_that_stays_open_is_noticed_when_its_end_is_due() -> None:
    assert await _problem("- {closed: , within: 0.05}") == "nothing came within 0.05 s"


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ('{currentTime: "~["}', "'[' is no regular expression: unterminated character set at position 0"),
        ("{any_of: 3}", "any_of needs a list, not 3"),
    ],
)
async def test_a_pattern_that_is_none_is_a_failure_with_a_sentence(expect: str, problem: str) -> None:
    assert await _problem(f"- {{call: Heartbeat, expect: {expect}}}") == problem


@pytest.mark.parametrize("text", ['[3,"s-1"]', "[]", '[2,"m-1"]', '[2,"m-1",["Reset"],{}]'])
async def test_a_frame_of_the_csms_that_is_none_is_a_failure_with_a_sentence(text: str) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(text)
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        outcomes: list[Outcome] = []
        stage = Stage(f"ws://127.0.0.1:{port}/ocpp", "CP1", "TAG-1")
        await Player(read(HEAD + "- call: Heartbeat"), stage, outcomes.append).play()

    assert outcomes[-1].problem == f"heard no frame: {text!r}"


async def test_a_url_that_is_none_is_a_failure_with_a_sentence() -> None:
    outcomes: list[Outcome] = []

    await Player(read(HEAD), Stage("http://127.0.0.1:1", "CP1", "TAG-1"), outcomes.append).play()

    assert outcomes[-1].problem.startswith("no connection: http://127.0.0.1:1/CP1 isn't a valid URI")
