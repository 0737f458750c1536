"""Every command of every version: the right frame leaves, and its answer lands on the record."""

import json
from typing import Any

import pytest

from ocppj import actions, schemas
from ocppj.frames import CallError, CallResult
from ocppj.versions import V16, V21, V201, VERSIONS, Version
from processors import results
from tests.processors.house import House
from tests.processors.samples import MOMENT, sample
from tests.remote_commands.desk import NOON, Desk

EVERY = [(version, action) for version in VERSIONS for action in sorted(actions.commands(version))]


def on_stores_of(desk: Desk) -> House:
    """The processors, on what the desk has stored."""
    return House(registry=desk.registry, commands=desk.commands, command_lines=desk.lines, outbound=desk.sent)


def at_desk(version: Version) -> Desk:
    desk = Desk()
    desk.connect("CP1", version)
    return desk


def test_there_are_as_many_commands_as_the_specifications_have() -> None:
    assert [len(actions.commands(version)) for version in (V16, V201, V21)] == [26, 40, 55]


@pytest.mark.parametrize("full", [False, True], ids=["least", "everything"])
@pytest.mark.parametrize(("version", "action"), EVERY)
def test_the_right_frame_leaves_and_its_answer_lands_on_the_record(version: Version, action: str, full: bool) -> None:
    desk = at_desk(version)
    payload = sample(version, action, full=full)
    answer = CallResult("cmd-1", sample(version, action, full=full, kind="response"))

    reply = desk.post(f"/charge-points/CP1/commands/{action}", payload)
    results.receive("CP1", desk.row("CP1"), answer, NOON, on_stores_of(desk).ports())

    assert reply.status == 202, reply.body
    (published,) = desk.sent.published
    assert json.loads(published.frame) == [2, "cmd-1", action, payload]
    shown = desk.get("/commands/cmd-1").body
    assert (shown["answer"], shown["state"]) == (answer.payload, expected(answer.payload))


@pytest.mark.parametrize(("version", "action"), EVERY)
def test_d09_a_refusal_to_know_the_action_is_told_as_it_is(version: Version, action: str) -> None:
    desk = at_desk(version)
    desk.post(f"/charge-points/CP1/commands/{action}", sample(version, action, full=False))
    error = CallError("cmd-1", "NotSupported", "no such feature", {})

    results.receive("CP1", desk.row("CP1"), error, NOON, on_stores_of(desk).ports())

    shown = desk.get("/commands/cmd-1").body
    assert (shown["state"], shown["answer"]["code"]) == ("error", "NotSupported")


@pytest.mark.parametrize(("version", "action"), EVERY)
def test_a_field_that_no_schema_knows_is_422_and_named(version: Version, action: str) -> None:
    desk = at_desk(version)

    reply = desk.post(f"/charge-points/CP1/commands/{action}", sample(version, action, full=False) | {"colour": 1})

    assert (reply.status, reply.body["errors"][0]["pointer"]) == (422, "/colour")
    assert desk.sent.published == []


def test_the_order_and_the_numbers_of_a_payload_stay() -> None:
    desk = at_desk(V201)
    text = '{"data":{"z":1.50,"a":[1,2.0,1e3],"m":"\\u00e9"},"vendorId":"v"}'

    desk.post("/charge-points/CP1/commands/DataTransfer", text)

    (published,) = desk.sent.published
    assert published.frame == '[2,"cmd-1","DataTransfer",{"data":{"z":1.5,"a":[1,2.0,1000.0],"m":"é"},"vendorId":"v"}]'


def expected(answer: dict[str, Any]) -> str:
    yes = {"Accepted", "AcceptedCanceled", "Scheduled", "Unlocked", "RebootRequired"}
    return "accepted" if answer.get("status", "Accepted") in yes else "rejected"


def test_samples_are_what_the_schemas_ask_for() -> None:
    for version, action in EVERY:
        for kind in ("request", "response"):
            schemas.check(version, action, kind, sample(version, action, full=True, kind=kind))
    assert MOMENT.endswith("Z")
