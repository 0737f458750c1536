"""What the stores of commands promise, and those beside them: lines that commands wait in, and guards."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.models import Claim, Command, CommandState
from ocppj.versions import V201
from tests.adapters.stores import NOON, SECOND, Stores

DAY = timedelta(days=1)


def command(charge_point_id: str, command_id: str, created_at: datetime = NOON) -> Command:
    deadline = created_at + 30 * SECOND
    payload = {"z": 1, "a": 0.1}
    return Command(command_id, charge_point_id, "Reset", payload, V201, CommandState.QUEUED, created_at, deadline)


def test_a_command_comes_back_as_it_was_added(stores: Stores) -> None:
    added = replace(command(stores.name, f"{stores.name}-1"), issued_by="olga")

    stores.commands.add(added)

    found = stores.commands.find(f"{stores.name}-1")
    assert found == added
    assert found is not None
    assert list(found.payload) == ["z", "a"]
    assert stores.commands.find("none") is None


def test_a_command_moves_on_with_its_answer(stores: Stores) -> None:
    name = f"{stores.name}-1"
    added = command(stores.name, name)
    stores.commands.add(added)

    sent = stores.commands.move(name, CommandState.SENT)
    moved = stores.commands.move(name, CommandState.ACCEPTED, answer={"status": "Accepted"}, answered_at=NOON)

    assert sent == replace(added, state=CommandState.SENT)
    assert moved == replace(added, state=CommandState.ACCEPTED, answer={"status": "Accepted"}, answered_at=NOON)
    assert stores.commands.find(name) == moved


def test_a_final_command_keeps_its_state_and_answer(stores: Stores) -> None:
    name = f"{stores.name}-1"
    stores.commands.add(command(stores.name, name))
    timed_out = stores.commands.move(name, CommandState.TIMEOUT)

    stays = stores.commands.move(name, CommandState.ACCEPTED, answer={"status": "Accepted"})
    stores.commands.note(name, late_answer={"status": "Accepted"})

    assert timed_out is not None
    assert stays == timed_out
    assert stores.commands.find(name) == replace(timed_out, late_answer={"status": "Accepted"})


def test_an_unknown_command_neither_moves_nor_appears(stores: Stores) -> None:
    moved = stores.commands.move(f"{stores.name}-1", CommandState.SENT)
    stores.commands.note(f"{stores.name}-1", late_answer={})

    assert moved is None
    assert stores.commands.find(f"{stores.name}-1") is None


def test_a_command_added_again_stays_what_it_became(stores: Stores) -> None:
    stores.commands.add(command(stores.name, f"{stores.name}-1"))
    moved = stores.commands.move(f"{stores.name}-1", CommandState.EXPIRED)

    stores.commands.add(command(stores.name, f"{stores.name}-1"))

    assert stores.commands.find(f"{stores.name}-1") == moved


def test_the_commands_of_a_charge_point_come_newest_first_page_by_page(stores: Stores) -> None:
    for number in range(5):
        stores.commands.add(command(stores.name, f"{stores.name}-{number}", NOON + number * SECOND))
    stores.commands.add(command(f"{stores.name}-other", f"{stores.name}-9"))

    first = stores.commands.of_charge_point(stores.name, 2)
    rest = stores.commands.of_charge_point(stores.name, 10, after=(first[-1].created_at, first[-1].command_id))

    assert [each.command_id for each in first] == [f"{stores.name}-4", f"{stores.name}-3"]
    assert [each.command_id for each in rest] == [f"{stores.name}-2", f"{stores.name}-1", f"{stores.name}-0"]


def test_a_line_hands_out_its_commands_oldest_first_and_each_once(stores: Stores) -> None:
    for number in (2, 0, 1):
        stores.lines.put(stores.name, command(stores.name, f"{stores.name}-{number}", NOON + number * SECOND))

    waiting = stores.lines.waiting(stores.name)
    taken = [stores.lines.take(stores.name, waiting[0]) for _ in range(2)]

    assert waiting == [f"{stores.name}-{number}" for number in range(3)]
    assert taken == [True, False]
    assert list(stores.lines.waiting(stores.name)) == waiting[1:]


def test_a_line_that_nobody_stands_in_is_empty(stores: Stores) -> None:
    assert list(stores.lines.waiting(stores.name)) == []
    assert not stores.lines.take(stores.name, "none")


def test_lines_buckets_and_claims_are_no_commands(stores: Stores) -> None:
    stores.lines.put(stores.name, command(stores.name, "c"))
    stores.guards.claim(stores.name, Claim("c", "d"), NOON, NOON + DAY)
    stores.guards.spend(stores.name, 10, NOON)

    for kind in ("line", "claim", "bucket"):
        key = f"{kind}#{stores.name}"
        stores.commands.note(key, late_answer={})
        assert stores.commands.find(key) is None
        assert stores.commands.move(key, CommandState.SENT) is None
    assert list(stores.commands.of_charge_point(stores.name, 10)) == []
    assert list(stores.lines.waiting(stores.name)) == ["c"]


def test_the_first_to_claim_a_key_holds_it(stores: Stores) -> None:
    first = stores.guards.claim(stores.name, Claim("c-1", "d-1"), NOON, NOON + DAY)
    second = stores.guards.claim(stores.name, Claim("c-2", "d-2"), NOON + SECOND, NOON + DAY)
    other = stores.guards.claim(f"{stores.name}-other", Claim("c-3", "d-3"), NOON, NOON + DAY)

    assert first == second == Claim("c-1", "d-1")
    assert other == Claim("c-3", "d-3")


def test_a_claim_that_is_over_can_be_claimed(stores: Stores) -> None:
    stores.guards.claim(stores.name, Claim("c-1", "d-1"), NOON, NOON + DAY)

    later = stores.guards.claim(stores.name, Claim("c-2", "d-2"), NOON + DAY, NOON + 2 * DAY)

    assert later == Claim("c-2", "d-2")


def test_a_key_may_be_longer_than_a_table_takes(stores: Stores) -> None:
    key = stores.name + "k" * 4000

    stores.guards.claim(key, Claim("c-1", "d"), NOON, NOON + DAY)

    assert stores.guards.claim(key, Claim("c-2", "d"), NOON, NOON + DAY) == Claim("c-1", "d")


def test_a_bucket_gives_its_minute_at_once_and_then_as_it_fills(stores: Stores) -> None:
    burst = [stores.guards.spend(stores.name, 3, NOON) for _ in range(4)]
    soon = stores.guards.spend(stores.name, 3, NOON + 5 * SECOND)
    filled = stores.guards.spend(stores.name, 3, NOON + 20 * SECOND)
    empty = stores.guards.spend(stores.name, 3, NOON + 20 * SECOND)

    assert burst == pytest.approx([0, 0, 0, 20])
    assert [soon, filled, empty] == pytest.approx([15, 0, 20])


def test_facts_of_a_command_come_back_as_they_were_stored(stores: Stores) -> None:
    name = f"{stores.name}-1"
    waiting = replace(command(stores.name, name), queued_until=NOON + DAY, part_before="b", part_after="a")
    stores.commands.add(waiting)

    stores.commands.note(name, effect="confirmed", evidence={"action": "BootNotification"})

    assert stores.commands.find(name) == replace(waiting, effect="confirmed", evidence={"action": "BootNotification"})


def test_commands_of_the_same_millisecond_are_all_on_some_page(stores: Stores) -> None:
    made = [f"{stores.name}-{number}" for number in range(3)]
    for name in made:
        stores.commands.add(command(stores.name, name))

    found = list(stores.commands.of_charge_point(stores.name, 1))
    for _ in range(2):
        found += stores.commands.of_charge_point(stores.name, 1, (found[-1].created_at, found[-1].command_id))

    assert sorted(each.command_id for each in found) == made
    assert not stores.commands.of_charge_point(stores.name, 1, (found[-1].created_at, found[-1].command_id))
