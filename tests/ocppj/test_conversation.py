from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppj.conversation import Conversation, Direction, Handover, Limits, Tally
from ocppj.frames import Call, CallError, CallResult, CallResultError, Send, encode
from ocppj.versions import V16, V21, V201, VERSIONS, Version

EPOCH = 1_700_000_000_000
T = 30.0  # call_timeout_s of every conversation here


class Ends:
    """Two lists, and what happened."""

    def __init__(self) -> None:
        self.wire: list[list[Any]] = []
        self.cloud: list[list[Any]] = []
        self.texts: list[bytes] = []
        self.outcomes: list[tuple[Direction, str, str]] = []
        self.oddities: list[str] = []
        self.handover = Handover.TAKEN

    def to_charge_point(self, frame: bytes) -> None:
        self.texts.append(frame)
        self.wire.append(orjson.loads(frame))

    def to_cloud(self, frame: bytes) -> Handover:
        if self.handover is Handover.TAKEN:
            self.texts.append(frame)
            self.cloud.append(orjson.loads(frame))
        return self.handover

    def finished(self, direction: Direction, action: str, outcome: str, took_s: float) -> None:
        self.outcomes.append((direction, action, outcome))

    def odd(self, what: str, message_id: str) -> None:
        self.oddities.append(what)


class Talk:
    """A conversation with its ends and its tally at hand."""

    def __init__(self, version: Version = V16, **limits: Any) -> None:
        self.ends = Ends()
        self.tally = Tally()
        self.conversation = Conversation(
            self.ends, version, gateway="g1", epoch=EPOCH, limits=Limits(call_timeout_s=T, **limits), tally=self.tally
        )

    def hear(self, *frames: Any, now: float = 0.0) -> None:
        """The charge point sends."""
        for frame in frames:
            self.conversation.from_charge_point(_text(frame), now)

    def tell(self, *frames: Any, now: float = 0.0, epoch: int | None = None, deadline: float | None = None) -> None:
        """The cloud sends."""
        for frame in frames:
            self.conversation.from_cloud(_text(frame), now, epoch=epoch, deadline=deadline)

    @property
    def wire(self) -> list[list[Any]]:
        return self.ends.wire

    @property
    def cloud(self) -> list[list[Any]]:
        return self.ends.cloud

    @property
    def codes(self) -> list[str]:
        return [frame[2] for frame in self.wire if frame[0] == 4]

    def fates(self) -> dict[str, str]:
        """Of the commands that came back as synthetic errors: id -> reason."""
        return {frame[1]: frame[4]["reason"] for frame in self.cloud if frame[0] == 4 and "reason" in frame[4]}


def _text(frame: Any) -> bytes:
    if isinstance(frame, bytes | str):
        return frame if isinstance(frame, bytes) else frame.encode()
    return orjson.dumps(frame) if isinstance(frame, list) else encode(frame).encode()


def beat(message_id: str = "c1") -> Call:
    return Call(message_id, "Heartbeat")


def command(message_id: str) -> Call:
    return Call(message_id, "Reset", {"type": "Soft"})


def test_a_call_and_its_answer_pass_as_the_very_same_text() -> None:
    talk = Talk()
    call = b'[2, "c1",\t"BootNotification", {"b": 1.50, "a": "Z\xc3\xbcrich"} ]'
    answer = b'[3, "c1", {"status": "Accepted", "interval": 3.0e2}]'

    talk.hear(call)
    talk.tell(answer, epoch=EPOCH)

    assert talk.ends.texts == [call, answer]
    assert talk.ends.outcomes == [("call", "BootNotification", "result")]


def test_b02_ids_of_1_to_36_characters_of_any_kind_pass() -> None:
    talk = Talk()
    ids = ["1", "x" * 36, "{a/b+#}", "ü"]

    talk.hear(*[beat(i) for i in ids])

    assert [frame[1] for frame in talk.cloud] == ids


def test_b03_an_id_may_be_used_again_once_answered() -> None:
    talk = Talk()

    for _ in range(3):
        talk.hear(beat("1"))
        talk.tell(CallResult("1", {"currentTime": "x"}))

    assert len(talk.cloud) == len(talk.wire) == 3


def test_b03_an_answer_of_another_epoch_is_dropped() -> None:
    talk = Talk()

    talk.hear(beat("1"))
    talk.tell(CallResult("1"), epoch=EPOCH - 1)
    talk.tell(CallResult("1", {"right": 1}), epoch=EPOCH)

    assert talk.wire == [[3, "1", {"right": 1}]]
    assert talk.tally.stale == 1


def test_b04_e18_a_call_repeated_while_it_is_processed_is_answered_once() -> None:
    talk = Talk(V201)

    talk.hear(beat(), beat())
    talk.tell(CallResult("c1"))

    assert len(talk.cloud) == len(talk.wire) == 1
    assert talk.tally.duplicates == 1


def test_b05_one_command_at_a_time_is_on_the_wire_first_in_first_out() -> None:
    talk = Talk()
    ids = [f"m{n}" for n in range(5)]

    talk.tell(*[command(i) for i in ids])
    seen = []
    for expected in ids:
        seen.append([frame[1] for frame in talk.wire])
        talk.hear(CallResult(expected, {"status": "Accepted"}))

    assert seen == [ids[: n + 1] for n in range(5)]
    assert [frame[1] for frame in talk.cloud] == ids


def test_b06_a_call_is_answered_while_a_command_is_outstanding() -> None:
    talk = Talk()

    talk.tell(command("m1"))
    talk.hear(beat("m1"))  # ids of the two directions have nothing to do with each other
    talk.tell(CallResult("m1", {"currentTime": "x"}))
    talk.hear(CallResult("m1", {"status": "Accepted"}))

    assert talk.wire == [[2, "m1", "Reset", {"type": "Soft"}], [3, "m1", {"currentTime": "x"}]]
    assert talk.cloud == [[2, "m1", "Heartbeat", {}], [3, "m1", {"status": "Accepted"}]]


def test_b07_pipelined_calls_are_each_forwarded_and_answered() -> None:
    talk = Talk(V201)

    talk.hear(*[beat(f"c{n}") for n in range(3)])
    talk.tell(*[CallResult(f"c{n}") for n in range(3)])

    assert [frame[1] for frame in talk.cloud] == [frame[1] for frame in talk.wire] == ["c0", "c1", "c2"]


def test_calls_beyond_the_limit_are_refused_not_collected() -> None:
    talk = Talk(max_unanswered=2)

    talk.hear(beat("c0"), beat("c1"), beat("c2"))

    assert len(talk.cloud) == 2
    assert talk.wire[0][1:3] == ["c2", "InternalError"]


def test_b08_a_command_nobody_answers_times_out_and_frees_the_slot() -> None:
    talk = Talk()

    talk.tell(command("m1"), command("m2"))
    talk.conversation.expire(T - 0.1)
    on_time = list(talk.cloud)
    talk.conversation.expire(T)

    assert on_time == []
    assert talk.cloud[0][:3] == [4, "m1", "GenericError"]
    assert talk.cloud[0][4] == {"reason": "timeout", "gateway": "g1", "epoch": EPOCH}
    assert [frame[1] for frame in talk.wire] == ["m1", "m2"]


def test_b08_the_time_of_a_command_begins_when_it_is_sent() -> None:
    talk = Talk()

    talk.tell(command("m1"), command("m2"))
    talk.hear(CallResult("m1"), now=20.0)
    talk.conversation.expire(45.0)
    before = talk.fates()
    talk.conversation.expire(50.0)

    assert before == {}
    assert talk.fates() == {"m2": "timeout"}


def test_b09_late_answer_is_ignored() -> None:
    talk = Talk()

    talk.tell(command("m1"), command("m2"))
    talk.conversation.expire(T)
    talk.hear(CallResult("m1", {"status": "Accepted"}), now=T + 1)

    assert talk.fates() == {"m1": "timeout"}
    assert len(talk.cloud) == 1
    assert talk.tally.late == 1
    talk.hear(CallResult("m2"), now=T + 2)
    assert talk.cloud[-1] == [3, "m2", {}]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("answer", [[3, "zzz", {}], [4, "zzz", "GenericError", "", {}]])
def test_b10_an_answer_to_nothing_is_ignored_and_never_answered(version: Version, answer: list[Any]) -> None:
    talk = Talk(version)

    talk.hear(answer)
    talk.tell(answer)

    assert talk.wire == talk.cloud == []
    assert talk.tally.unknown == 2


def test_b11_of_two_answers_the_first_wins() -> None:
    talk = Talk()

    talk.tell(command("m1"))
    talk.hear(CallResult("m1", {"status": "Accepted"}), CallResult("m1", {"status": "Rejected"}))

    assert talk.cloud == [[3, "m1", {"status": "Accepted"}]]


def test_b11_a_redelivered_answer_reaches_the_charge_point_once() -> None:
    talk = Talk()

    talk.hear(beat())
    talk.tell(CallResult("c1"), CallResult("c1"), epoch=EPOCH)

    assert len(talk.wire) == 1


@pytest.mark.parametrize("code", ["FormatViolation", "OccurenceConstraintViolation", "SomethingOfTheVendor"])
def test_b12_a_callerror_of_any_code_reaches_the_cloud(code: str) -> None:
    talk = Talk()
    error = [4, "m1", code, "x", {"why": 1}]

    talk.tell(command("m1"))
    talk.hear(error)

    assert talk.cloud == [error]
    assert talk.ends.outcomes == [("command", "Reset", "error")]


@pytest.mark.parametrize("version", VERSIONS)
def test_b13_every_error_we_make_has_five_elements_and_a_code_of_the_version(version: Version) -> None:
    talk = Talk(version, max_unanswered=1)

    talk.hear("", "{}", [2, "a"], [2, 5, "X", {}], [2, "y" * 37, "X", {}], [2, "b", 1, {}], [2, "c", "X", []])
    talk.hear(beat("d"), beat("e"))
    talk.conversation.expire(T)

    codes_16 = {"FormationViolation", "ProtocolError", "InternalError"}
    codes_2x = {"RpcFrameworkError", "FormatViolation", "InternalError"}
    assert len(talk.wire) == 9
    assert set(talk.codes) == (codes_16 if version is V16 else codes_2x)
    for kind, message_id, _, description, details in talk.wire:
        assert (kind, details) == (4, {})
        assert 1 <= len(description) <= 255
        assert 1 <= len(message_id) <= (37 if version is V16 else 36)


def test_b15_a_null_payload_passes() -> None:
    talk = Talk()

    talk.hear([2, "c1", "Heartbeat", None])

    assert talk.cloud == [[2, "c1", "Heartbeat", None]]


def test_b26_a_large_frame_the_broker_takes_passes() -> None:
    talk = Talk()
    large = Call("c1", "StopTransaction", {"transactionData": ["x" * 300_000]})

    talk.hear(large)

    assert len(talk.cloud) == 1


def test_b26_a_call_larger_than_the_broker_takes_is_answered() -> None:
    talk = Talk()
    talk.ends.handover = Handover.TOO_LARGE

    talk.hear(beat())

    assert talk.wire[0][1:3] == ["c1", "InternalError"]


def test_b26_an_answer_larger_than_the_broker_takes_comes_back_as_an_error_once() -> None:
    talk = Talk()
    talk.tell(command("m1"), deadline=T)
    talk.ends.handover = Handover.TOO_LARGE

    talk.hear(CallResult("m1"))

    assert talk.ends.outcomes == [("command", "Reset", "result")]
    assert talk.cloud == []  # the error was too large for these ends, too


@pytest.mark.parametrize("text", ['[2,"1","A",{"x":NaN}]', '[2,"1","A",{"x":Infinity}]', "[" * 100_000, "\x00", "nul"])
def test_b27_what_is_no_json_is_refused(text: str) -> None:
    talk = Talk(V201)

    talk.hear(text)

    assert talk.wire[0][:3] == [4, "-1", "RpcFrameworkError"]
    assert talk.cloud == []


@pytest.mark.parametrize("version", VERSIONS)
def test_b28_a_call_the_cloud_does_not_answer_gets_internal_error(version: Version) -> None:
    talk = Talk(version)

    talk.hear(beat("c1"), now=0.0)
    talk.hear(beat("c2"), now=5.0)
    talk.conversation.expire(T)
    first = list(talk.wire)
    talk.conversation.expire(T + 5)

    assert [frame[:3] for frame in first] == [[4, "c1", "InternalError"]]
    assert talk.wire[1][:3] == [4, "c2", "InternalError"]
    assert talk.ends.outcomes == [("call", "Heartbeat", "timeout")] * 2


def test_b28_the_clouds_answer_after_the_time_out_stays_here() -> None:
    talk = Talk()

    talk.hear(beat())
    talk.conversation.expire(T)
    talk.tell(CallResult("c1"), now=T + 1)

    assert len(talk.wire) == 1
    assert talk.tally.unknown == 1


def test_b28_a_call_is_refused_while_the_cloud_can_not_be_reached() -> None:
    talk = Talk()
    talk.ends.handover = Handover.BUSY

    talk.hear(beat())
    talk.ends.handover = Handover.TAKEN
    talk.hear(beat())

    assert [frame[:3] for frame in talk.wire] == [[4, "c1", "InternalError"]]
    assert len(talk.cloud) == 1


def test_b31_a_callresulterror_passes_both_ways_in_21() -> None:
    talk = Talk(V21)
    error = CallResultError("m1", "FormatViolation", "x")

    talk.hear(error)
    talk.tell(error)

    assert talk.cloud == talk.wire == [[5, "m1", "FormatViolation", "x", {}]]


def test_b31_a_callresulterror_from_the_cloud_reaches_only_21() -> None:
    talk = Talk(V201)

    talk.tell(CallResultError("m1", "FormatViolation", "x"))

    assert talk.wire == []
    assert talk.tally.unsendable == 1


def test_b32_a_send_is_forwarded_and_never_answered_in_21() -> None:
    talk = Talk(V21)

    talk.tell(command("m1"))
    talk.hear(Send("s1", "NotifyPeriodicEventStream", {"id": 1}), [6, "s2"], [6, "s3", 1, {}])
    talk.ends.handover = Handover.BUSY
    talk.hear(Send("s4", "NotifyPeriodicEventStream", {}))
    talk.conversation.expire(T - 1)

    assert [frame[1] for frame in talk.cloud] == ["s1"]
    assert [frame[1] for frame in talk.wire] == ["m1"]


@pytest.mark.parametrize("frame", [[5, "x1", "A", "", {}], [6, "x1", "A", {}], [7, "x1", "A", {}]])
def test_b32_e8_another_message_type_is_refused_in_201_and_ignored_in_16(frame: list[Any]) -> None:
    talks = {version: Talk(version) for version in (V16, V201)}

    for talk in talks.values():
        talk.hear(frame)

    assert talks[V16].wire == []
    assert talks[V201].wire[0][:3] == [4, "x1", "MessageTypeNotSupported"]
    assert talks[V16].cloud == talks[V201].cloud == []


def test_e8_an_unknown_message_type_is_ignored_in_21() -> None:
    talk = Talk(V21)

    talk.hear([7, "x1", "A", {}])

    assert talk.wire == talk.cloud == []


@pytest.mark.parametrize("version", VERSIONS)
def test_b33_twenty_bad_frames_later_all_is_well(version: Version) -> None:
    talk = Talk(version)

    talk.hear(*["garbage", "[]", '[2,"1"]', '{"a":1}', "[9]"] * 4)
    talk.hear(beat())
    talk.tell(CallResult("c1"))

    assert talk.cloud == [[2, "c1", "Heartbeat", {}]]
    assert talk.wire[-1] == [3, "c1", {}]
    assert talk.tally.malformed == 20


def test_b34_the_error_about_broken_json_is_json_itself() -> None:
    talk = Talk(V201)

    talk.hear('[2,"1","Heartbeat",{')

    assert talk.wire[0][:3] == [4, "-1", "RpcFrameworkError"]


E_ROWS = [  # row, frame, (id, code) in 1.6, (id, code) in 2.x
    ("e1", "no json", ("-1", "FormationViolation"), ("-1", "RpcFrameworkError")),
    ("e2", "{}", ("-1", "FormationViolation"), ("-1", "RpcFrameworkError")),
    ("e2", "[]", ("-1", "FormationViolation"), ("-1", "RpcFrameworkError")),
    ("e2", '["2","a","X",{}]', ("-1", "FormationViolation"), ("-1", "RpcFrameworkError")),
    ("e3", '[2,"a","X"]', ("a", "ProtocolError"), ("a", "RpcFrameworkError")),
    ("e3", '[2,"a","X",{},1]', ("a", "ProtocolError"), ("a", "RpcFrameworkError")),
    ("e4", '[2,7,"X",{}]', ("-1", "FormationViolation"), ("-1", "RpcFrameworkError")),
    ("e4", '[2,"","X",{}]', ("-1", "FormationViolation"), ("-1", "RpcFrameworkError")),
    ("e5", f'[2,"{"i" * 37}","X",{{}}]', ("i" * 37, "FormationViolation"), ("-1", "RpcFrameworkError")),
    ("e6", '[2,"a",5,{}]', ("a", "FormationViolation"), ("a", "RpcFrameworkError")),
    ("e7", '[2,"a","X",[]]', ("a", "FormationViolation"), ("a", "FormatViolation")),
    ("e7", '[2,"a","X","y"]', ("a", "FormationViolation"), ("a", "FormatViolation")),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("row", "frame", "in_16", "in_2x"), E_ROWS)
def test_e1_to_e7_each_defect_has_its_code(
    row: str, frame: str, in_16: tuple[str, str], in_2x: tuple[str, str], version: Version
) -> None:
    talk = Talk(version)

    talk.hear(frame)

    assert [tuple(answer[1:3]) for answer in talk.wire] == [in_16 if version is V16 else in_2x], row
    assert talk.cloud == []


@pytest.mark.parametrize("frame", [[3, "a"], [3, "a", []], [3, 7, {}], [4, "a"], [4, "a", 1, "", {}]])
def test_a_bad_answer_is_never_answered(frame: list[Any]) -> None:
    talk = Talk(V201)

    talk.tell(command("a"))
    talk.hear(frame)

    assert len(talk.wire) == 1
    assert talk.cloud == []
    assert talk.tally.malformed == 1


def test_an_unreadable_message_of_the_cloud_goes_nowhere() -> None:
    talk = Talk()

    talk.tell("garbage", [2, "a"], [7, "a", {}])

    assert talk.wire == talk.cloud == []
    assert talk.tally.unsendable == 3


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
