"""Vendor quirks and faults, one by one."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.build import charge_point
from charge_point_sim.effects import Effect, HangUp, Raw
from charge_point_sim.opening import authorization, is_common, offered
from charge_point_sim.parts import Setup, Token
from charge_point_sim.plan import Plan, PlanError, read_quirk
from charge_point_sim.quirks import DeviceClock, Mischief, Quirk, QuirkError, quirk
from ocppj import frames, schemas, timestamps
from ocppj.errors import FrameError, OcppError
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V201, Version
from tests.charge_point_sim.script import NOW, Wire

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=str)


def _with(*quirks: Quirk, version: Version = V16, **setup: Any) -> Wire:
    return Wire(version, quirks=frozenset(quirks), **setup)


def _charge(wire: Wire) -> None:
    wire.act(lambda: sessions.arrive(wire.cp, wire.cp.connectors[0], Token("TAG-1")))
    wire.run(30)


class _Bench:
    """Timers and effects of mischief, in the open."""

    def __init__(self, *quirks: Quirk) -> None:
        self.timers: dict[str, tuple[float, Callable[[], None]]] = {}
        self.effects: list[Effect] = []
        self.mischief = Mischief(
            frozenset(quirks),
            Random(7),  # noqa: S311  # faults, not secrets
            lambda name, seconds, act: self.timers.update({name: (seconds, act)}),
            lambda name: self.timers.pop(name, None),
            self.effects.append,
        )

    def fire(self, name: str) -> None:
        self.timers.pop(name)[1]()


@BOTH
def test_an_impatient_charge_point_waits_for_no_answer(version: Version) -> None:
    wire = _with("impatient", version=version)

    wire.connect()

    first = 3 if version is V16 else 2
    assert wire.script.said()[0] == "BootNotification"
    assert all("Available" in words for words in wire.script.said()[1 : 1 + first])
    assert wire.cp.registration == "Accepted"


def test_a_charge_point_may_count_no_events() -> None:
    wire = _with("seqno-zero", version=V201).boot()

    _charge(wire)

    assert {event["seqNo"] for event in wire.script.payloads("TransactionEvent")} == {0}


def test_hex_may_be_sent_instead_of_the_password_it_stands_for() -> None:
    cp = charge_point(Setup("CP1", V16, password=b"\x01\xff", quirks=frozenset({"hex-password"})))

    assert authorization(cp) == "Basic Q1AxOjAxZmY="


def test_a_serial_number_may_be_longer_than_allowed() -> None:
    cp = charge_point(Setup("CP1", V16, quirks=frozenset({"long-serial"})))

    with pytest.raises(OcppError):
        schemas.check(V16, "BootNotification", "request", cp.dialect.boot(cp))


@BOTH
def test_timestamps_may_have_a_short_offset_and_are_right_nevertheless(version: Version) -> None:
    wire = _with("offset-timestamps", version=version).boot()

    _charge(wire)

    texts = [payload["timestamp"] for call in wire.script.calls if "timestamp" in (payload := call.payload)]
    assert texts
    assert all(text.endswith("+02") for text in texts)
    assert all(NOW <= timestamps.parse(text) <= wire.now for text in texts)


def test_a_clock_may_begin_in_1970_and_stay_there() -> None:
    wire = _with("clock-1970")

    wire.connect()
    wire.run(400)

    texts = [payload["timestamp"] for payload in wire.script.payloads("StatusNotification")]
    assert {text[:4] for text in texts} == {"1970"}


def test_a_clock_follows_the_csms_but_not_for_a_moment() -> None:
    clock = DeviceClock(frozenset())

    clock.set(timestamps.write(NOW + timedelta(milliseconds=300)), NOW)
    at_first = clock.time(NOW)
    clock.set(timestamps.write(NOW + timedelta(hours=1)), NOW)
    clock.set("tomorrow", NOW)

    assert at_first == NOW
    assert clock.time(NOW) == NOW + timedelta(hours=1)


def test_the_subprotocol_may_be_missing_on_both_sides() -> None:
    cp = charge_point(Setup("CP1", V16, quirks=frozenset({"no-subprotocol"})))

    assert offered(cp) is None
    assert is_common(cp, None)


def test_a_mute_charge_point_answers_nothing_and_still_speaks() -> None:
    wire = _with("mute").boot()

    wire.send(Call("1", "ClearCache"))
    wire.run(400)

    assert wire.script.answers == {}
    assert "Heartbeat" in wire.script.said()


def test_an_answer_may_come_when_nobody_waits_for_it_any_more() -> None:
    wire = _with("late-answers").boot()
    wire.send(wire.script.ask("ClearCache", "1", {}))

    wire.run(40)
    before = dict(wire.script.answers)
    wire.run(10)

    assert before == {}
    assert wire.script.answers == {"1": CallResult("1", {"status": "Accepted"})}


def test_a_late_answer_may_even_come_on_the_next_connection() -> None:
    wire = _with("late-answers").boot()
    wire.send(wire.script.ask("ClearCache", "1", {}))
    wire.cut()
    wire.connect()

    wire.run(60)

    assert wire.script.answers == {"1": CallResult("1", {"status": "Accepted"})}


def test_an_answer_may_come_twice() -> None:
    wire = _with("duplicate-answers").boot()
    before = len(wire.log)

    wire.order("ClearCache")

    assert wire.log[before:] == ['[3,"command-1",{"status":"Accepted"}]'] * 2


def test_nonsense_comes_again_and_again() -> None:
    bench = _Bench("malformed")
    bench.mischief.connected()

    for _ in range(50):
        bench.fire("malformed")

    said = {effect.text for effect in bench.effects if isinstance(effect, Raw)}
    assert len(said) > 10
    assert any(_is_no_frame(text) for text in said)


@pytest.mark.parametrize(("fault", "manner"), [("flapping", "cut"), ("half-open", "abandon")])
def test_a_connection_may_end_by_itself(fault: Quirk, manner: str) -> None:
    bench = _Bench(fault)
    bench.mischief.connected()

    bench.fire(fault)

    assert [effect.manner for effect in bench.effects if isinstance(effect, HangUp)] == [manner]


def test_without_a_connection_no_fault_is_waiting() -> None:
    bench = _Bench("malformed", "flapping", "half-open")
    bench.mischief.connected()

    bench.mischief.disconnected()

    assert bench.timers == {}


def test_a_flapping_charge_point_hangs_up_and_says_for_how_long() -> None:
    wire = _with("flapping").boot()

    wire.run(61)

    assert [how.manner for how in wire.hang_ups] == ["cut"]
    assert not wire.cp.exchange.is_open


def test_an_unknown_quirk_is_refused() -> None:
    with pytest.raises(QuirkError, match="'charming' is none of"):
        quirk("charming")


@pytest.mark.parametrize("text", ["charming:5", "flapping:x", "flapping:-1"])
def test_a_share_of_quirks_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(PlanError):
        read_quirk(text)


def test_a_share_of_the_fleet_has_a_quirk_and_always_the_same_ones() -> None:
    plan = Plan(1000, quirks=(read_quirk("flapping:20"), read_quirk("mute")))

    quirks = [plan.setup(number).quirks for number in range(1000)]

    assert 150 < sum("flapping" in each for each in quirks) < 250
    assert all("mute" in each for each in quirks)
    assert quirks == [plan.setup(number).quirks for number in range(1000)]


def _is_no_frame(text: str) -> bool:
    try:
        frames.decode(text)
    except FrameError:
        return True
    return False
