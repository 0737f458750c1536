"""Boot, heartbeat, statuses, frames: what a charge point does in every version."""

import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from ocppj.frames import Call, CallError, CallResult
from ocppj.versions import V16, V201, Version
from tests.charge_point_sim.script import TIME, Wire

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=str)


def _boot_answer(status: str, interval: int) -> dict[str, object]:
    return {"status": status, "currentTime": TIME, "interval": interval}


def test_a_booted_1_6_charge_point_tells_the_state_of_itself_and_every_connector() -> None:
    wire = Wire(V16, connectors=2)

    wire.connect()

    assert wire.script.said() == ["BootNotification", "0 Available", "1 Available", "2 Available"]


def test_a_booted_2_0_1_station_tells_the_state_of_every_connector() -> None:
    wire = Wire(V201, connectors=2)

    wire.connect()

    assert wire.script.said() == ["BootNotification", "1 Available", "2 Available"]


@BOTH
def test_it_beats_at_the_interval_it_was_given(version: Version) -> None:
    wire = Wire(version)
    wire.script.replies["BootNotification"] = _boot_answer("Accepted", 10)
    wire.boot()

    wire.run(35)

    assert wire.script.said() == ["Heartbeat"] * 3


@BOTH
def test_interval_0_leaves_the_heartbeat_as_configured(version: Version) -> None:
    wire = Wire(version)
    wire.script.replies["BootNotification"] = _boot_answer("Accepted", 0)
    wire.boot()

    wire.run(601)

    assert wire.script.said() == ["Heartbeat"] * 2


@BOTH
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_it_asks_again_after_the_interval_and_says_nothing_else_before(version: Version, status: str) -> None:
    wire = Wire(version)
    wire.script.replies["BootNotification"] = _boot_answer(status, 40)
    wire.connect()

    wire.run(81)
    asked = wire.script.said()
    wire.script.replies["BootNotification"] = _boot_answer("Accepted", 300)
    wire.run(40)

    assert asked == ["BootNotification"] * 3
    assert wire.script.said()[3:5] == ["BootNotification", "0 Available" if version is V16 else "1 Available"]


@BOTH
def test_a_reconnect_does_not_shorten_the_interval_of_a_pending(version: Version) -> None:
    wire = Wire(version)
    wire.script.replies["BootNotification"] = _boot_answer("Pending", 40)
    wire.connect()

    wire.cut()
    wire.connect()
    early = len(wire.script.calls)
    wire.run(41)

    assert (early, len(wire.script.calls)) == (1, 2)


@BOTH
def test_a_boot_without_an_answer_is_tried_again(version: Version) -> None:
    wire = Wire(version)
    wire.script.replies["BootNotification"] = None
    wire.connect()

    wire.run(61)

    assert wire.script.said() == ["BootNotification"] * 2


@BOTH
def test_a_boot_answered_by_nonsense_is_tried_again(version: Version) -> None:
    wire = Wire(version)
    wire.script.replies["BootNotification"] = {"status": "Perhaps"}
    wire.connect()
    wire.script.replies["BootNotification"] = _boot_answer("Accepted", 300)

    wire.run(31)

    assert wire.cp.registration == "Accepted"


@BOTH
def test_a_rejected_charge_point_refuses_every_command(version: Version) -> None:
    wire = Wire(version)
    wire.script.replies["BootNotification"] = _boot_answer("Rejected", 40)
    wire.connect()

    answer = wire.command("ClearCache")

    assert isinstance(answer, CallError)
    assert answer.code == "SecurityError"


@BOTH
def test_a_reconnect_is_no_boot_and_tells_only_what_changed(version: Version) -> None:
    wire = Wire(version).boot()
    wire.cut()
    wire.act(lambda: wire.cp.show(wire.cp.connectors[1], "Unavailable"))

    wire.connect()

    assert wire.script.said() == ["2 Unavailable"]


@BOTH
def test_a_csms_that_forgot_it_gets_a_new_boot(version: Version) -> None:
    wire = Wire(version).boot()
    wire.script.replies["Heartbeat"] = CallError("", "SecurityError")
    wire.act(wire.cp.send_heartbeat)

    wire.run(2)

    assert wire.script.said()[:2] == ["Heartbeat", "BootNotification"]
    assert wire.cp.is_online


@BOTH
def test_one_call_is_out_at_a_time(version: Version) -> None:
    wire = Wire(version, call_timeout_s=30).boot()
    wire.script.replies["Heartbeat"] = None
    wire.act(wire.cp.send_heartbeat)
    wire.act(lambda: wire.cp.show(wire.cp.connectors[0], "Unavailable"))

    waiting = wire.script.said()
    wire.run(31)

    assert waiting == ["Heartbeat"]
    assert wire.script.said() == ["Heartbeat", "1 Unavailable"]


@BOTH
def test_an_answer_that_comes_too_late_is_ignored(version: Version) -> None:
    wire = Wire(version, call_timeout_s=30).boot()
    wire.script.replies["Heartbeat"] = None
    wire.act(wire.cp.send_heartbeat)
    wire.run(31)

    wire.send(CallResult(wire.script.calls[0].message_id, {"currentTime": TIME}))

    assert wire.cp.is_online
    assert wire.script.said() == ["Heartbeat"]


@BOTH
def test_a_status_that_was_not_delivered_is_told_after_the_reconnect(version: Version) -> None:
    wire = Wire(version).boot()
    wire.script.replies["StatusNotification"] = None
    wire.act(lambda: wire.cp.show(wire.cp.connectors[0], "Unavailable"))
    wire.cut()
    wire.script.replies["StatusNotification"] = {}

    wire.connect()

    assert wire.script.said() == ["1 Unavailable"] * 2


@BOTH
def test_an_unknown_action_is_not_implemented_and_one_of_ours_not_supported(version: Version) -> None:
    wire = Wire(version).boot()

    unknown, wrong_way = wire.command("Foo"), wire.command("Heartbeat")

    codes = [answer.code for answer in (unknown, wrong_way) if isinstance(answer, CallError)]
    assert codes == ["NotImplemented", "NotSupported"]


@pytest.mark.parametrize(
    ("version", "codes"),
    [
        (V16, ["ProtocolError", "PropertyConstraintViolation", "FormationViolation"]),
        (V201, ["OccurrenceConstraintViolation", "PropertyConstraintViolation", "FormatViolation"]),
    ],
    ids=str,
)
def test_a_payload_that_breaks_its_schema_is_refused_in_the_versions_words(version: Version, codes: list[str]) -> None:
    wire = Wire(version).boot()
    good = {"type": "Hard" if version is V16 else "Immediate"}

    answers = [wire.command("Reset"), wire.command("Reset", type="Soon"), wire.command("Reset", **good, more=1)]

    assert [answer.code for answer in answers if isinstance(answer, CallError)] == codes
    assert not wire.hang_ups


@pytest.mark.parametrize(
    ("version", "text", "answer"),
    [
        (V16, "{", CallError("-1", "FormationViolation")),
        (V201, "{", CallError("-1", "RpcFrameworkError")),
        (V201, '[2,"a","Reset"]', CallError("a", "RpcFrameworkError")),
        (V16, '[9,"a"]', None),
        (V201, '[9,"a"]', CallError("a", "MessageTypeNotSupported")),
        (V16, '[3,"nobody asked",{}]', None),
        (V201, '[4,"nobody asked","GenericError","",{}]', None),
        (V16, '[3,17,{}]', None),
    ],
)  # fmt: skip
def test_a_frame_that_is_none_is_answered_only_where_it_may_be(
    version: Version, text: str, answer: CallError | None
) -> None:
    wire = Wire(version).boot()

    wire.send(text)

    said = list(wire.script.answers.values())
    assert [(each.message_id, each.code) for each in said if isinstance(each, CallError)] == (
        [(answer.message_id, answer.code)] if answer else []
    )


@BOTH
def test_the_answer_leaves_before_what_the_command_makes_it_say(version: Version) -> None:
    wire = Wire(version).boot()

    wire.order("TriggerMessage", requestedMessage="Heartbeat")

    assert wire.log[-2].startswith('[3,"command-1"')
    assert '"Heartbeat"' in wire.log[-1]


@BOTH
def test_commands_are_answered_while_our_own_call_is_out(version: Version) -> None:
    wire = Wire(version).boot()
    wire.script.replies["Heartbeat"] = None
    wire.act(wire.cp.send_heartbeat)

    assert wire.order("ClearCache") == {"status": "Accepted"}


@BOTH
def test_the_same_seed_says_the_same(version: Version) -> None:
    logs = []
    for seed in (7, 7, 8):
        wire = Wire(version, seed).boot()
        connector = wire.cp.connectors[0]
        wire.act(lambda wire=wire, connector=connector: sessions.arrive(wire.cp, connector, Token("A")))  # type: ignore[misc]
        wire.run(600)
        logs.append(wire.log)

    assert logs[0] == logs[1]
    assert logs[0] != logs[2]


@BOTH
def test_frames_that_arrive_while_it_hangs_up_are_too_late(version: Version) -> None:
    wire = Wire(version).boot()
    wire.order("Reset", type="Hard" if version is V16 else "Immediate")

    wire.send(Call("late", "ClearCache"))

    assert "late" not in wire.script.answers


@BOTH
@pytest.mark.parametrize(("ping_s", "pings"), [(20, 3), (0, 0)])
def test_it_pings_at_its_own_interval_while_it_is_connected(version: Version, ping_s: int, pings: int) -> None:
    wire = Wire(version, ping_s=ping_s).boot()

    wire.run(65)
    wire.cut()
    wire.run(65)

    assert wire.pings == pings
    assert "ping" not in wire.cp.timers
