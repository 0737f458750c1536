"""One connection's conversation: commands, each of which comes back exactly once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppj.frames import CallError, CallResult
from ocppj.terms import Handover
from ocppj.versions import VERSIONS, Version
from tests.ocppj.talk import T, Talk, beat, command


def test_a_full_line_sends_the_command_back_as_busy() -> None:
    talk = Talk(max_waiting=1)

    talk.tell(command("m1"), command("m2"), command("m3"))

    assert talk.fates() == {"m3": "busy"}
    assert [frame[1] for frame in talk.wire] == ["m1"]


def test_a_command_past_its_deadline_is_never_sent() -> None:
    talk = Talk()

    talk.tell(command("m1"), now=10.0, deadline=9.9)

    assert talk.wire == []
    assert talk.fates() == {"m1": "expired"}


def test_a_command_whose_deadline_passes_in_line_comes_back_then() -> None:
    talk = Talk()

    talk.tell(command("m1"), deadline=100.0)
    talk.tell(command("m2"), deadline=10.0)
    wakes_at = talk.conversation.wakes_at
    talk.conversation.expire(10.0)

    assert wakes_at == 10.0
    assert talk.fates() == {"m2": "expired"}


def test_a_command_that_expired_unnoticed_is_not_sent_when_its_turn_comes() -> None:
    talk = Talk()

    talk.tell(command("m1"))
    talk.tell(command("m2"), deadline=10.0)
    talk.tell(command("m3"))
    talk.hear(CallResult("m1"), now=11.0)

    assert talk.fates() == {"m2": "expired"}
    assert [frame[1] for frame in talk.wire] == ["m1", "m3"]


def test_a_redelivered_command_is_sent_once() -> None:
    talk = Talk()

    talk.tell(command("m1"), command("m1"), command("m2"), command("m2"), deadline=20.0)
    talk.hear(CallResult("m1"), CallResult("m2"))
    talk.tell(command("m1"), command("m2"), deadline=20.0)

    assert [frame[1] for frame in talk.wire] == ["m1", "m2"]
    assert talk.tally.duplicates == 4


def test_ids_of_commands_without_a_deadline_may_repeat() -> None:
    talk = Talk()

    for _ in range(3):
        talk.tell(command("1"))
        talk.hear(CallResult("1"))

    assert len(talk.wire) == len(talk.cloud) == 3


def test_finished_commands_are_forgotten_in_the_end() -> None:
    talk = Talk()

    talk.tell(command("m1"), deadline=20.0)
    talk.hear(CallResult("m1"), now=1.0)
    talk.conversation.expire(20.0 + T)
    talk.tell(command("m1"), now=60.0, deadline=70.0)

    assert len(talk.wire) == 2


def test_on_close_every_command_comes_back_as_closed() -> None:
    talk = Talk()

    talk.hear(beat())
    talk.tell(command("m1"), command("m2"), command("m3"))
    talk.conversation.close(1.0)
    talk.conversation.close(2.0)

    assert talk.fates() == {"m1": "closed", "m2": "closed", "m3": "closed"}
    assert len(talk.wire) == 1


def test_after_the_close_nothing_reaches_the_charge_point() -> None:
    talk = Talk()

    talk.hear(beat())
    talk.conversation.close(1.0)
    talk.tell(CallResult("c1"), command("m1"))
    talk.hear(beat("c2"))
    talk.conversation.expire(1000.0)

    assert talk.wire == []
    assert talk.fates() == {"m1": "closed"}
    assert [frame[1] for frame in talk.cloud] == ["c1", "m1"]


def test_an_answer_the_cloud_does_not_take_now_is_handed_over_later_and_in_order() -> None:
    talk = Talk()
    talk.tell(command("m1"), command("m2"))
    talk.ends.handover = Handover.BUSY
    talk.hear(CallResult("m1"), CallError("m2", "GenericError"), now=1.0)
    talk.conversation.expire(3.0)

    talk.ends.handover = Handover.TAKEN
    talk.conversation.expire(5.0)

    assert [frame[:2] for frame in talk.cloud] == [[3, "m1"], [4, "m2"]]


def test_fates_nobody_can_be_told_are_counted() -> None:
    talk = Talk()
    talk.tell(command("m1"), command("m2"))
    talk.ends.handover = Handover.BUSY

    talk.conversation.close(1.0)

    assert talk.tally.lost == 2


@pytest.mark.parametrize("version", VERSIONS)
@given(text=st.binary(max_size=60) | st.from_regex(rb'\[[2-7],"?[a-c1]"?,("X",)?[\[{].{0,9}', fullmatch=True))
@settings(max_examples=200)
def test_no_bytes_from_either_side_raise(version: Version, text: bytes) -> None:
    talk = Talk(version)

    talk.hear(text)
    talk.tell(text)
    talk.conversation.expire(T)
    talk.conversation.close(T)

    assert all(isinstance(frame, list) for frame in talk.wire + talk.cloud)


STEPS = st.lists(
    st.tuples(st.sampled_from(["command", "answer", "late", "wait", "full", "free"]), st.integers(0, 9)), max_size=40
)


@given(steps=STEPS)
@settings(max_examples=200)
def test_every_command_comes_back_exactly_once_whatever_happens(steps: list[tuple[str, int]]) -> None:
    talk = Talk(max_waiting=3)
    now = 0.0
    asked: list[str] = []

    for step, number in steps:
        if step == "command":
            asked.append(f"m{len(asked)}")
            talk.tell(command(asked[-1]), now=now, deadline=now + number if number else None)
        elif step == "answer" and talk.wire:
            talk.hear(CallResult(talk.wire[-1][1]), now=now)
        elif step == "late" and talk.wire:
            talk.hear(CallResult(talk.wire[0][1]), now=now)
        elif step == "wait":
            now += number * 5
            talk.conversation.expire(now)
        elif step in ("full", "free"):
            talk.ends.handover = Handover.BUSY if step == "full" else Handover.TAKEN
    talk.ends.handover = Handover.TAKEN
    talk.conversation.close(now)

    assert sorted(frame[1] for frame in talk.cloud) == sorted(asked)
