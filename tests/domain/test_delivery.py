import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.memory import MemoryCommands, MemoryOutbound
from adapters.memory_commands import MemoryCommandLines
from domain import delivery
from domain.delivery import Delivery
from domain.models import ChargePoint, Command, CommandState, Connection, Registration
from ocppj.versions import V16, V21, V201, Version

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class LookedAtBefore(MemoryCommandLines):
    """A line as it was seen when all that ever stood in it still did."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def put(self, line: str, command: Command) -> None:
        super().put(line, command)
        self.seen.append(command.command_id)

    def waiting(self, line: str) -> list[str]:
        return self.seen


class Post:
    """A line of commands for CP1, and where they go."""

    def __init__(self) -> None:
        self.commands = MemoryCommands()
        self.lines: MemoryCommandLines = MemoryCommandLines()
        self.outbound = MemoryOutbound()

    def at(self, now: datetime) -> Delivery:
        return Delivery(self.commands, self.lines, self.outbound, now)

    def queue(self, name: str, version: Version = V16, minutes: int = 0, **fields: Any) -> None:
        at = NOON + timedelta(minutes=minutes)
        command = Command(
            name, "CP1", "Reset", {"type": "Soft"}, version, CommandState.QUEUED, at, at + timedelta(seconds=30)
        )
        command = replace(command, **{"queued_until": NOON + HOUR, **fields})
        self.commands.add(command)
        self.lines.put("CP1", command)

    def sent(self) -> list[str]:
        return [json.loads(published.frame)[1] for published in self.outbound.published]

    def state(self, name: str) -> CommandState:
        command = self.commands.find(name)
        assert command is not None
        return command.state


def connected(version: Version = V16, **facts: Any) -> ChargePoint:
    return replace(ChargePoint("CP1", connection=Connection(version, "gw1", 3, 1, NOON)), **facts)


def test_the_oldest_is_sent_first_and_the_next_when_it_is_answered() -> None:
    post = Post()
    post.queue("late", minutes=2)
    post.queue("early", minutes=1)

    delivery.release("CP1", connected(), post.at(NOON + HOUR / 2))
    first = post.sent()
    answered = post.commands.move("early", CommandState.REJECTED)
    assert answered is not None
    delivery.answered(answered, connected(), post.at(NOON + HOUR / 2))

    assert (first, post.sent()) == (["early"], ["early", "late"])


def test_its_time_starts_when_it_is_sent() -> None:
    post = Post()
    post.queue("c-1")
    now = NOON + HOUR / 2

    delivery.release("CP1", connected(), post.at(now))

    (published,) = post.outbound.published
    assert (published.deadline, published.expires_in_s) == (now + timedelta(seconds=30), 30)
    assert (published.route.gateway, published.route.link) == ("gw1", 3)
    stored = post.commands.find("c-1")
    assert stored is not None
    assert (stored.state, stored.deadline) == (CommandState.SENT, published.deadline)


def test_d08_however_often_a_line_is_looked_at_a_command_leaves_once() -> None:
    post = Post()
    post.queue("c-1")

    for _ in range(3):
        delivery.release("CP1", connected(), post.at(NOON))

    assert post.sent() == ["c-1"]


def test_d08_of_two_who_look_at_once_one_sends() -> None:
    post = Post()
    post.lines = LookedAtBefore()
    post.queue("c-1")

    post.lines.take("CP1", "c-1")  # the other one, who has not got any further yet
    delivery.release("CP1", connected(), post.at(NOON))

    assert post.sent() == []


def test_what_waited_too_long_is_expired_and_the_next_is_sent() -> None:
    post = Post()
    post.queue("old", queued_until=NOON)
    post.queue("young", minutes=1)

    delivery.release("CP1", connected(), post.at(NOON + HOUR / 2))

    assert (post.state("old"), post.sent()) == (CommandState.EXPIRED, ["young"])


@pytest.mark.parametrize(
    "row",
    [
        ChargePoint("CP1"),
        connected(registration=Registration.PENDING),
        connected(registration=Registration.REJECTED),
        connected(connection=Connection(V16, "gw1", 3, 1, NOON, disconnected_at=NOON)),
    ],
)
def test_who_is_not_there_or_not_accepted_is_sent_nothing(row: ChargePoint) -> None:
    post = Post()
    post.queue("c-1")

    delivery.release("CP1", row, post.at(NOON))

    assert (post.sent(), list(post.lines.waiting("CP1"))) == ([], ["c-1"])


def test_a_command_in_the_words_of_another_version_is_an_error_and_not_sent() -> None:
    post = Post()
    post.queue("c-1", V16)

    delivery.release("CP1", connected(V201), post.at(NOON))

    assert (post.state("c-1"), post.sent()) == (CommandState.ERROR, [])


def test_a_command_that_means_the_same_in_the_new_version_is_sent() -> None:
    post = Post()
    post.queue("c-1", V201, payload={"type": "OnIdle"})

    delivery.release("CP1", connected(V21), post.at(NOON))

    assert post.sent() == ["c-1"]


def test_what_ended_while_it_waited_is_not_sent() -> None:
    post = Post()
    post.queue("c-1")
    post.commands.move("c-1", CommandState.EXPIRED)

    delivery.release("CP1", connected(), post.at(NOON))

    assert post.sent() == []
