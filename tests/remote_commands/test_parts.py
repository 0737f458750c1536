import json
from dataclasses import replace
from typing import Any

import pytest

from domain import delivery
from domain.models import ChargePoint, Command, CommandState
from ocppj.versions import V16, V201
from remote_commands import limits, parts
from tests.remote_commands.desk import EPOCH, NOON, Desk

LIST = {"version": 1, "update": "full", "entries": [{"idToken": f"T{n}"} for n in range(3)], "itemsPerMessage": 1}
PATH = "/charge-points/CP1/commands/send-local-list"


def row(desk: Desk) -> ChargePoint:
    return desk.registry.find_many(["CP1"])["CP1"]


def answer(desk: Desk, command_id: str, state: CommandState) -> None:
    """What the processors do with an answer."""
    command = desk.commands.move(command_id, state, answer={"status": "x"}, answered_at=desk.clock.now)
    assert command is not None
    delivery.answered(command, row(desk), desk.ports.delivery())


def sent(desk: Desk) -> list[str]:
    return [json.loads(published.frame)[1] for published in desk.sent.published]


def answered(answer: dict[str, Any]) -> Command:
    return Command("c", "CP1", "x", {}, V16, CommandState.ACCEPTED, NOON, NOON, answer=answer)


def test_a_command_of_several_messages_is_answered_by_its_last_part() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post(PATH, LIST)

    assert (reply.status, reply.body["commandId"], reply.body["state"]) == (202, "cmd-3", "queued")
    assert (reply.body["partBefore"], reply.body["partAfter"]) == ("cmd-2", None)
    assert sent(desk) == ["cmd-1"]


def test_a_part_is_sent_when_the_one_before_was_accepted() -> None:
    desk = Desk()
    desk.connect("CP1", V201)
    desk.post(PATH, LIST)

    answer(desk, "cmd-1", CommandState.ACCEPTED)
    second = sent(desk)
    answer(desk, "cmd-2", CommandState.ACCEPTED)
    answer(desk, "cmd-3", CommandState.ACCEPTED)

    assert (second, sent(desk)) == (["cmd-1", "cmd-2"], ["cmd-1", "cmd-2", "cmd-3"])
    assert desk.get("/commands/cmd-3").body["state"] == "accepted"


@pytest.mark.parametrize("state", [CommandState.REJECTED, CommandState.ERROR, CommandState.TIMEOUT])
def test_after_a_part_that_was_not_accepted_the_rest_is_not_sent(state: CommandState) -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.post(PATH, LIST)

    answer(desk, "cmd-1", state)

    assert [desk.get(f"/commands/cmd-{n}").body["state"] for n in (2, 3)] == [state, state]
    assert sent(desk) == ["cmd-1"]


def test_an_answer_that_comes_twice_sends_the_next_part_once() -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.post(PATH, LIST)

    answer(desk, "cmd-1", CommandState.ACCEPTED)
    answer(desk, "cmd-1", CommandState.ACCEPTED)

    assert sent(desk) == ["cmd-1", "cmd-2"]


def test_parts_that_nobody_sends_expire() -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.post(PATH, LIST)

    desk.clock.sleep(3 * 35 + 1)

    assert desk.get("/commands/cmd-3").body["state"] == "expired"
    answer(desk, "cmd-1", CommandState.ACCEPTED)
    assert sent(desk) == ["cmd-1"]


def test_an_offline_charge_point_gets_no_part_of_anything() -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.registry.disconnected("CP1", EPOCH, NOON)

    reply = desk.post(PATH, LIST)

    assert (reply.status, reply.body["code"], sent(desk)) == (409, "charge-point-offline", [])


def test_d06_limits_are_what_the_charge_point_said_last() -> None:
    newest = answered({"configurationKey": [{"key": "SendLocalListMaxLength", "value": "7"}, "odd", {"key": "Other"}]})
    older = answered({"configurationKey": [{"key": "SendLocalListMaxLength", "value": "9"}]})
    items = {"variable": {"name": "ItemsPerMessage", "instance": "GetVariables"}, "attributeValue": "4"}

    assert limits.answered([newest, older, answered({"getVariableResult": [items, {}]})]) == {
        "SendLocalListMaxLength": 7,
        "ItemsPerMessage[GetVariables]": 4,
    }


@pytest.mark.parametrize("value", ["0", "-1", "many", None])
def test_a_limit_that_is_none_is_none(value: object) -> None:
    assert limits.answered([answered({"configurationKey": [{"key": "SendLocalListMaxLength", "value": value}]})]) == {}


def test_a_told_limit_cuts_the_next_list() -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    told = {"configurationKey": [{"key": "SendLocalListMaxLength", "readonly": True, "value": "2"}]}
    desk.post("/charge-points/CP1/commands/GetConfiguration", {})
    desk.commands.move("cmd-1", CommandState.ACCEPTED, answer=told)

    reply = desk.post(PATH, {name: value for name, value in LIST.items() if name != "itemsPerMessage"})

    assert reply.body["commandId"] == "cmd-3"


def test_d06_a_message_is_no_longer_than_the_charge_point_said() -> None:
    desk = Desk()
    desk.connect("CP1", V201)
    limit = {"component": {"name": "DeviceDataCtrlr"}, "variable": {"name": "BytesPerMessage"}}
    told = [
        limit | {"variable": {"name": "BytesPerMessage", "instance": "SetVariables"}, "attributeValue": "600"},
        limit | {"variable": {"name": "BytesPerMessage", "instance": "GetVariables"}, "attributeValue": "100"},
    ]
    desk.commands.add(replace(answered({"getVariableResult": told}), version=V201))
    values = {f"Vendor.Variable{number}": "x" * (number * 60) for number in range(9)}

    desk.post("/charge-points/CP1/commands/set-configuration", {"values": values})
    for number in range(1, 20):
        if desk.commands.find(f"cmd-{number}") is not None and len(sent(desk)) == number:
            answer(desk, f"cmd-{number}", CommandState.ACCEPTED)
    frames = [published.frame for published in desk.sent.published]

    names = [each["variable"]["name"] for frame in frames for each in json.loads(frame)[3]["setVariableData"]]
    assert names == [f"Variable{number}" for number in range(9)]
    assert len(frames) > 2
    # What is longer all by itself goes alone.
    assert all(len(frame) <= 600 or len(json.loads(frame)[3]["setVariableData"]) == 1 for frame in frames)


def test_d06_a_limit_that_takes_nothing_takes_one_at_a_time() -> None:
    assert parts.chunks([{"a": 1}, {"b": 2}], None, 100) == [[{"a": 1}], [{"b": 2}]]
    assert parts.chunks([], None, 100) == [[]]
