from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory import MemoryCommands
from adapters.memory_commands import MemoryCommandGuards
from domain.models import Command, CommandState
from ocppj.versions import V16
from remote_commands import guards
from remote_commands.errors import ProblemError
from tests.remote_commands.desk import EPOCH, NOON, Desk, Reply

PATH = "/charge-points/CP1/commands/Reset"
SOFT, HARD = {"type": "Soft"}, {"type": "Hard"}


def at_desk() -> Desk:
    desk = Desk()
    desk.connect("CP1", V16)
    return desk


def outcome(reply: Reply) -> tuple[int, Any]:
    return reply.status, reply.body.get("code") or reply.body["commandId"]


def test_the_same_request_with_the_same_key_is_the_same_command() -> None:
    desk = at_desk()

    first = desk.post(PATH, SOFT, key="k-1")
    again = desk.post(PATH, '{"type" : "Soft"}', key='"k-1"')

    assert outcome(first) == outcome(again) == (202, "cmd-1")
    assert len(desk.sent.published) == 1


def test_who_repeats_a_request_may_wait_for_the_answer_of_the_first() -> None:
    desk = at_desk()
    desk.post(PATH, SOFT, key="k-1")
    desk.commands.move("cmd-1", CommandState.ACCEPTED, answer={"status": "Accepted"})

    again = desk.post(PATH, SOFT, key="k-1", prefer="wait=5")

    assert (again.status, again.body["state"]) == (200, "accepted")


@pytest.mark.parametrize(
    ("path", "body"),
    [(PATH, HARD), ("/charge-points/CP1/commands/reset", {}), (f"{PATH}?ttlSeconds=5", SOFT)],
)
def test_the_same_key_with_another_request_is_422(path: str, body: Any) -> None:
    desk = at_desk()
    desk.post(PATH, SOFT, key="k-1")

    assert outcome(desk.post(path, body, key="k-1")) == (422, "idempotency-key-reused")
    assert len(desk.sent.published) == 1


def test_a_key_is_forgotten_after_24_hours() -> None:
    desk = at_desk()
    desk.post(PATH, SOFT, key="k-1")

    desk.clock.now += timedelta(hours=24)
    desk.registry.renew_lease("gw1", desk.clock.now + timedelta(hours=1))

    assert desk.post(PATH, HARD, key="k-1").status == 202


def test_a_key_belongs_to_its_caller() -> None:
    desk = at_desk()
    desk.post(PATH, SOFT, key="k-1")

    other = desk.post(PATH, HARD, key="k-1", requestContext={"http": {"method": "POST"}, "stage": "$default"})

    assert other.status == 202


def test_a_request_that_was_wrong_uses_no_key_up() -> None:
    desk = at_desk()

    wrong = desk.post(PATH, {"type": "Gently"}, key="k-1")
    right = desk.post(PATH, SOFT, key="k-1")

    assert (wrong.status, right.status) == (422, 202)


def test_a_key_whose_command_is_not_there_is_409() -> None:
    command = Command("cmd-1", "CP1", "Reset", SOFT, V16, CommandState.QUEUED, NOON, NOON)
    stores = MemoryCommandGuards(), MemoryCommands()
    assert guards.earlier(command, guards.Key("k", "d"), *stores) is None

    with pytest.raises(ProblemError) as caught:
        guards.earlier(replace(command, command_id="cmd-2"), guards.Key("k", "d"), *stores)

    assert (caught.value.status, caught.value.code) == (409, "idempotency-key-in-use")
    assert caught.value.retry_after_s == 1


def test_a_repeated_request_for_an_offline_charge_point_is_the_same_409() -> None:
    desk = at_desk()
    desk.registry.disconnected("CP1", EPOCH, NOON)

    first, again = desk.post(PATH, SOFT, key="k-1"), desk.post(PATH, SOFT, key="k-1")

    assert first.status == 409
    assert first.body == again.body


def test_a_charge_point_gets_ten_commands_a_minute() -> None:
    desk = at_desk()
    desk.connect("CP2", V16)
    for _ in range(10):
        assert desk.post(PATH, SOFT).status == 202

    refused = desk.post(PATH, SOFT)
    other = desk.post("/charge-points/CP2/commands/Reset", SOFT)
    desk.clock.sleep(int(refused.headers["Retry-After"]))

    assert (outcome(refused), refused.headers["Retry-After"]) == ((429, "too-many-commands"), "6")
    assert (other.status, desk.post(PATH, SOFT).status) == (202, 202)
    assert len(desk.sent.published) == 12


def test_a_command_that_is_refused_counts_for_nothing() -> None:
    desk = at_desk()
    for _ in range(20):
        assert desk.post(PATH, {"type": "Gently"}).status == 422

    assert desk.post(PATH, SOFT).status == 202
