"""Sessions: transactions, their messages in order, offline too."""

from collections import Counter
from random import Random

import pytest

from charge_point_sim import sessions
from charge_point_sim.exchange import MOST_KEPT
from charge_point_sim.parts import Cause, Connector, Token, some_end
from charge_point_sim.routine import FOREVER, Routine, begin
from ocppj.frames import CallError
from ocppj.versions import V16, V201, Version
from tests.charge_point_sim.script import NOW, TIME, Wire

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=str)
TOKEN = Token("TAG-1")

TRANSACTION = {
    V16: [
        "Authorize", "1 Preparing", "StartTransaction", "1 Charging", "MeterValues", "MeterValues",
        "StopTransaction", "1 Finishing", "1 Available",
    ],
    V201: [
        "Authorize", "1 Occupied", "Started CablePluggedIn", "Updated ChargingStateChanged",
        "Updated MeterValuePeriodic", "Updated MeterValuePeriodic", "Ended StopAuthorized", "1 Available",
    ],
}  # fmt: skip


def _arrive(wire: Wire, token: Token = TOKEN, number: int = 1) -> Connector:
    connector = wire.cp.connectors[number - 1]
    wire.act(lambda: sessions.arrive(wire.cp, connector, token))
    return connector


def _stop(wire: Wire) -> None:
    wire.act(lambda: sessions.stop(wire.cp, wire.cp.connectors[0], "local"))


def _is_transactional(words: str) -> bool:
    return words in ("StartTransaction", "StopTransaction", "MeterValues") or (" " in words and words[0] in "SUE")


@BOTH
def test_a_session_tells_everything_in_the_right_order(version: Version) -> None:
    wire = Wire(version, plug_in_s=2, sample_s=5).boot()

    _arrive(wire)
    wire.run(13)
    _stop(wire)
    wire.run(5)

    assert wire.script.said() == TRANSACTION[version]


def test_a_1_6_transaction_keeps_its_id_and_its_meter() -> None:
    wire = Wire(V16).boot()

    _arrive(wire)
    wire.run(60)
    _stop(wire)

    start, stop = wire.script.payloads("StartTransaction")[0], wire.script.payloads("StopTransaction")[0]
    samples = wire.script.payloads("MeterValues")
    registers = [int(sample["meterValue"][0]["sampledValue"][0]["value"]) for sample in samples]
    assert {sample["transactionId"] for sample in samples} == {stop["transactionId"]} == {1}
    assert start["meterStart"] < registers[0]
    assert sorted(set(registers)) == registers
    assert registers[-1] <= stop["meterStop"]
    assert (stop["reason"], stop["idTag"]) == ("Local", "TAG-1")


def test_a_2_0_1_transaction_counts_its_events_and_names_its_evse_once() -> None:
    wire = Wire(V201).boot()

    _arrive(wire)
    wire.run(20)
    _stop(wire)

    events = wire.script.payloads("TransactionEvent")
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert len({event["transactionInfo"]["transactionId"] for event in events}) == 1
    assert [event.get("evse") for event in events] == [{"id": 1, "connectorId": 1}] + [None] * (len(events) - 1)
    assert events[0]["idToken"] == {"idToken": "TAG-1", "type": "ISO14443"}
    assert events[-1]["transactionInfo"]["stoppedReason"] == "Local"
    assert not any("offline" in event for event in events)


@BOTH
def test_a_second_session_begins_where_the_meter_stopped(version: Version) -> None:
    wire = Wire(version).boot()
    for _ in range(2):
        _arrive(wire)
        wire.run(60)
        _stop(wire)
        wire.run(5)

    if version is V16:
        starts, stops = wire.script.payloads("StartTransaction"), wire.script.payloads("StopTransaction")
        assert [stops[0]["meterStop"], 2] == [starts[1]["meterStart"], stops[1]["transactionId"]]
    else:
        events = wire.script.payloads("TransactionEvent")
        assert len({event["transactionInfo"]["transactionId"] for event in events}) == 2
        assert [event["seqNo"] for event in events].count(0) == 2


@BOTH
def test_a_refused_token_does_not_charge(version: Version) -> None:
    wire = Wire(version).boot()
    wire.script.replies["Authorize"] = wire.script.with_token("Blocked")

    connector = _arrive(wire)
    wire.run(60)

    assert wire.script.said() == ["Authorize"]
    assert connector.is_free


@BOTH
def test_a_transaction_that_is_deauthorised_stops(version: Version) -> None:
    wire = Wire(version).boot()
    _refuse_starts(wire)

    _arrive(wire)
    wire.run(60)

    if version is V16:
        assert wire.script.payloads("StopTransaction")[0]["reason"] == "DeAuthorized"
    else:
        ended = wire.script.payloads("TransactionEvent")[-1]
        assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("Deauthorized", "DeAuthorized")
    assert wire.script.said()[-1] == "1 Available"


@BOTH
def test_without_stop_on_invalid_id_it_only_gives_no_energy(version: Version) -> None:
    wire = Wire(version).boot()
    wire.cp.variables.turn("stop_on_invalid", "false")
    _refuse_starts(wire)

    connector = _arrive(wire)
    wire.run(60)

    assert connector.running
    assert connector.status == "SuspendedEVSE"
    assert connector.meter.energy_wh == 0
    if version is V201:
        states = [event["transactionInfo"].get("chargingState") for event in wire.script.payloads("TransactionEvent")]
        assert [state for state in states if state] == ["EVConnected", "Charging", "SuspendedEVSE"]


@BOTH
def test_a_full_car_is_suspended(version: Version) -> None:
    wire = Wire(version, sample_s=60).boot()
    connector = _arrive(wire)

    wire.run(12 * 3600)

    assert connector.status == "SuspendedEV"
    assert connector.session
    assert connector.session.vehicle.is_full


@BOTH
def test_what_happens_offline_is_told_in_order_after_the_reconnect(version: Version) -> None:
    wire = Wire(version, plug_in_s=2, sample_s=5).boot()
    _arrive(wire)
    wire.run(8)
    wire.cut()
    wire.run(5)
    _stop(wire)
    wire.run(10)

    wire.connect()

    told = [words for words in wire.script.said() if _is_transactional(words)]
    assert told == [words for words in TRANSACTION[version] if _is_transactional(words)]
    actions = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")
    times = [_time(call.payload) for call in wire.script.calls if call.action in actions]
    assert len(times) == len(told)
    assert times == sorted(times)


def test_events_that_happened_offline_say_so() -> None:
    wire = Wire(V201).boot()
    _arrive(wire)
    wire.run(8)
    wire.cut()
    _stop(wire)
    wire.connect()

    events = wire.script.payloads("TransactionEvent")

    assert [event.get("offline", False) for event in events] == [False] * (len(events) - 1) + [True]


def test_a_start_without_an_answer_is_repeated_with_the_same_content_and_the_stop_waits_for_its_id() -> None:
    wire = Wire(V16).boot()
    accept = wire.script.replies["StartTransaction"]
    wire.script.replies["StartTransaction"] = None
    _arrive(wire)
    wire.run(10)
    _stop(wire)
    wire.cut()
    wire.connect()
    wire.script.replies["StartTransaction"] = accept

    wire.run(200)

    starts = wire.script.payloads("StartTransaction")
    assert len(starts) >= 2
    assert all(start == starts[0] for start in starts)
    assert wire.script.payloads("StopTransaction")[0]["transactionId"] == 1
    ids = [call.message_id for call in wire.script.calls]
    assert len(set(ids)) == len(ids)


@BOTH
def test_statuses_overtake_a_transaction_message_that_waits_for_its_next_attempt(version: Version) -> None:
    wire = Wire(version).boot()
    action = "StartTransaction" if version is V16 else "TransactionEvent"
    wire.script.replies[action] = CallError("", "InternalError")

    _arrive(wire)
    wire.run(10)

    said = wire.script.said()
    assert said[2:] == (["StartTransaction", "1 Charging"] if version is V16 else ["Started CablePluggedIn"])
    assert wire.cp.exchange.has_undelivered


@BOTH
def test_silence_uses_up_no_attempt(version: Version) -> None:
    wire = Wire(version, sample_s=0).boot()
    action = "StartTransaction" if version is V16 else "TransactionEvent"
    wire.script.replies[action] = None

    _arrive(wire)
    wire.run(3600)

    assert len(wire.script.payloads(action)) > 10
    assert all(payload == wire.script.payloads(action)[0] for payload in wire.script.payloads(action))


@BOTH
def test_transaction_messages_wait_until_the_boot_is_accepted(version: Version) -> None:
    wire = Wire(version).boot()
    _arrive(wire)
    wire.run(3)
    wire.cut()
    wire.act(lambda: wire.cp.reset("RemoteReset", patience_s=0))
    wire.run(1)
    wire.script.calls.clear()
    wire.script.replies["BootNotification"] = {"status": "Pending", "currentTime": TIME, "interval": 600}

    wire.connect()
    _stop(wire)

    assert wire.script.said() == ["BootNotification"]
    assert wire.cp.exchange.has_undelivered


def test_a_start_refused_three_times_is_given_up_and_its_stop_has_no_id() -> None:
    wire = Wire(V16).boot()
    wire.script.replies["StartTransaction"] = CallError("", "InternalError")

    _arrive(wire)
    wire.run(10)
    _stop(wire)
    wire.run(600)

    assert len(wire.script.payloads("StartTransaction")) == 3
    assert wire.script.payloads("StopTransaction")[0]["transactionId"] == -1


@BOTH
def test_a_token_known_from_before_charges_offline_and_a_stranger_does_not(version: Version) -> None:
    wire = Wire(version).boot()
    _arrive(wire)
    wire.run(10)
    _stop(wire)
    wire.run(10)
    wire.cut()

    stranger = _arrive(wire, Token("TAG-2")).session
    known = _arrive(wire).session

    assert stranger is None
    assert known


@BOTH
def test_an_authorize_that_is_cut_off_is_decided_offline(version: Version) -> None:
    wire = Wire(version).boot()
    wire.cp.variables.turn("offline_unknown", "true")
    wire.script.replies["Authorize"] = None

    connector = _arrive(wire)
    wire.cut()

    assert connector.session


@BOTH
def test_a_routine_runs_so_many_sessions(version: Version) -> None:
    wire = Wire(version)
    wire.act(lambda: begin(wire.cp, Routine(TOKEN, sessions=3, session_s=30, pause_s=10)))
    wire.boot()

    wire.run(600)

    assert sum(words in ("StopTransaction", "Ended StopAuthorized") for words in wire.script.said()) == 3
    assert wire.script.said()[-1].endswith("Available") or wire.script.said()[-1] == "Heartbeat"


@BOTH
def test_a_routine_for_ever_survives_offline_times_and_resets(version: Version) -> None:
    wire = Wire(version)
    wire.act(lambda: begin(wire.cp, Routine(TOKEN, FOREVER, session_s=30, pause_s=10)))
    wire.boot()
    for _ in range(5):
        wire.run(97)
        wire.order("Reset", type="Soft" if version is V16 else "Immediate")
        wire.run(20)
        wire.connect()
    wire.script.calls.clear()

    wire.run(600)

    assert sum(words in ("StopTransaction", "Ended StopAuthorized") for words in wire.script.said()) >= 10


@BOTH
def test_a_routine_leaves_an_operators_session_alone(version: Version) -> None:
    wire = Wire(version, connectors=1).boot()
    wire.act(lambda: sessions.plug_in(wire.cp, wire.cp.connectors[0], Token("OPERATOR")))
    wire.act(lambda: begin(wire.cp, Routine(TOKEN, FOREVER, session_s=30, pause_s=10)))

    wire.run(600)

    assert wire.cp.connectors[0].running


def _refuse_starts(wire: Wire) -> None:
    refused = wire.script.with_token("Blocked" if wire.script.version is V201 else "Invalid")
    wire.script.replies["StartTransaction"] = refused | {"transactionId": 7}
    wire.script.replies["TransactionEvent"] = lambda call: refused if "idToken" in call.payload else {}


def _time(payload: dict[str, object]) -> str:
    values = payload.get("meterValue")
    time = payload.get("timestamp") or (values[0]["timestamp"] if isinstance(values, list) else "")
    assert str(time) >= NOW.isoformat()[:16]
    return str(time)


@BOTH
def test_a_long_time_offline_costs_readings_but_no_start_and_no_stop(version: Version) -> None:
    wire = Wire(version, sample_s=5).boot()
    wire.order("ClearCache")
    _arrive(wire)
    wire.run(30)
    wire.cut()

    wire.run(20_000)
    kept = wire.cp.exchange.undelivered
    _stop(wire)
    wire.connect()
    wire.run(30)

    said = wire.script.said()
    assert kept <= MOST_KEPT
    assert {"StopTransaction", "Ended StopAuthorized"} & set(said)
    assert sum(words in ("MeterValues", "Updated MeterValuePeriodic") for words in said) > MOST_KEPT / 3


@pytest.mark.parametrize(
    ("version", "cause", "reasons", "shown"),
    [
        (V16, "unplugged", ["EVDisconnected"], ["1 Finishing", "1 Available"]),
        (V16, "fault", ["EmergencyStop"], ["1 Faulted", "1 Available"]),
        (V201, "unplugged", ["EVCommunicationLost", "EVDisconnected"], ["1 Available"]),
        (V201, "fault", ["AbnormalCondition", "EmergencyStop"], ["1 Faulted", "1 Available"]),
    ],
)
def test_a_session_may_end_without_anybody_asking(
    version: Version, cause: Cause, reasons: list[str], shown: list[str]
) -> None:
    wire = Wire(version).boot()
    connector = _arrive(wire)
    wire.run(10)
    wire.script.calls.clear()

    wire.act(lambda: sessions.stop(wire.cp, connector, cause))
    wire.run(10)
    is_free_soon = connector.is_free
    wire.run(50)

    assert is_free_soon == (cause != "fault")
    (ended,) = [call.payload for call in wire.script.calls if call.action in ("StopTransaction", "TransactionEvent")]
    told = [ended.get("reason"), ended.get("triggerReason"), ended.get("transactionInfo", {}).get("stoppedReason")]
    assert [each for each in told if each] == reasons
    assert [words for words in wire.script.said() if words[:2] == "1 "] == shown


def test_most_sessions_end_by_the_token_and_some_otherwise() -> None:
    rng = Random(7)  # noqa: S311  # drivers, not secrets

    ends = Counter(some_end(rng) for _ in range(1000))

    assert set(ends) == {"local", "unplugged", "fault"}
    assert ends["local"] > 5 * ends["unplugged"] > 5 * ends["fault"]


def test_a_2_0_1_transaction_whose_cable_was_pulled_ends_without_a_car() -> None:
    wire = Wire(V201).boot()
    connector = _arrive(wire)
    wire.run(10)

    wire.act(lambda: sessions.stop(wire.cp, connector, "unplugged"))

    assert wire.script.payloads("TransactionEvent")[-1]["transactionInfo"]["chargingState"] == "Idle"


@BOTH
@pytest.mark.parametrize(("knob", "of_list", "of_cache"), [
    ("local_authorize_offline", False, False), ("local_list", False, True), ("cache", True, False)
])  # fmt: skip
def test_what_is_switched_off_authorises_nobody_offline(
    version: Version, knob: str, of_list: bool, of_cache: bool
) -> None:
    wire = Wire(version).boot()
    wire.cp.local_list = {"LISTED": "Accepted"}
    wire.cp.accepted_tokens = {"CACHED"}
    wire.cp.variables.turn(knob, "false")
    wire.cut()

    sessions_of = [_arrive(wire, Token("LISTED"), 1).session, _arrive(wire, Token("CACHED"), 2).session]

    assert [session is not None for session in sessions_of] == [of_list, of_cache]


@BOTH
def test_a_known_token_is_not_asked_about_if_it_may_charge_before(version: Version) -> None:
    wire = Wire(version).boot()
    wire.cp.local_list = {"TAG-1": "Accepted"}
    wire.cp.variables.turn("local_pre_authorize", "true")

    _arrive(wire)
    wire.run(5)

    assert "Authorize" not in wire.script.said()
    assert wire.cp.connectors[0].running


@BOTH
def test_nobody_plugs_in_while_the_charge_point_reboots(version: Version) -> None:
    wire = Wire(version).boot()
    wire.cp.accepted_tokens = {"TAG-1"}
    wire.script.replies["Authorize"] = None
    _arrive(wire)

    wire.order("Reset", type="Hard" if version is V16 else "Immediate")
    wire.run(3)

    assert wire.hang_ups
    assert wire.cp.connectors[0].session is None


@BOTH
def test_the_case_of_a_token_does_not_matter(version: Version) -> None:
    wire = Wire(version).boot()
    wire.cp.local_list = {"Listed": "Accepted"}
    wire.cp.accepted_tokens = {"cached"}
    wire.cut()

    assert _arrive(wire, Token("LISTED"), 1).session
    assert _arrive(wire, Token("CACHED"), 2).session
