"""One connection's conversation: CALLs, answers and what is neither (conformance B)."""

from typing import Any

import pytest

from ocppj.frames import Call, CallResult, CallResultError, Send
from ocppj.terms import Handover
from ocppj.versions import V16, V21, V201, VERSIONS, Version
from tests.ocppj.talk import EPOCH, T, Talk, beat, command


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
