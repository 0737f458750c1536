"""Monitors that go off, and streams of what they read."""

from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from ocppj.frames import Payload
from ocppj.versions import V21
from tests.charge_point_sim.script import ACCEPTED, Wire

POWER: Payload = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
STATE: Payload = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}


@pytest.fixture
def wire() -> Wire:
    return Wire(V21, connectors=2, sample_s=0).boot()


def _set(wire: Wire, item: Payload, kind: str, value: float, severity: int = 5, **more: Any) -> Payload:
    data = item | {"type": kind, "value": value, "severity": severity} | more
    (result,) = wire.order("SetVariableMonitoring", setMonitoringData=[data])["setMonitoringResult"]
    return dict(result)


def _charge(wire: Wire) -> None:
    wire.act(lambda: sessions.plug_in(wire.cp, wire.cp.connectors[0], Token("TAG-1")))
    wire.run(5)


def _events(wire: Wire) -> list[Payload]:
    return [event for payload in wire.script.payloads("NotifyEvent") for event in payload["eventData"]]


def test_a_threshold_alerts_once_and_says_when_it_is_over(wire: Wire) -> None:
    monitor_id = _set(wire, POWER, "UpperThreshold", 1000)["id"]

    _charge(wire)
    wire.run(10)
    wire.act(lambda: sessions.stop_all(wire.cp, "local"))
    wire.run(5)

    first, last = _events(wire)
    assert first["variableMonitoringId"] == last["variableMonitoringId"] == monitor_id
    assert (first["trigger"], first.get("cleared"), last.get("cleared")) == ("Alerting", None, True)
    assert float(first["actualValue"]) > 1000 > float(last["actualValue"])


def test_a_difference_is_told_and_one_that_came_while_offline_afterwards(wire: Wire) -> None:
    _set(wire, STATE, "Delta", 1)

    wire.cut()
    _charge(wire)
    wire.connect()
    wire.run(2)

    assert [event["actualValue"] for event in _events(wire)] == ["Occupied"]


def test_a_periodic_monitor_tells_each_time(wire: Wire) -> None:
    _set(wire, POWER, "Periodic", 10)

    wire.run(35)

    assert [event["trigger"] for event in _events(wire)] == ["Periodic"] * 3


def test_what_is_less_severe_than_the_level_is_not_told(wire: Wire) -> None:
    _set(wire, POWER, "Periodic", 10, severity=8)
    _set(wire, STATE, "Periodic", 10, severity=4)

    wire.order("SetMonitoringLevel", severity=4)
    wire.run(15)

    assert [event["variable"]["name"] for event in _events(wire)] == ["AvailabilityState"]
    assert wire.order("SetMonitoringLevel", severity=10) == {"status": "Rejected"}


def test_a_monitor_for_transactions_is_silent_without_one(wire: Wire) -> None:
    _set(wire, POWER, "Periodic", 5, transaction=True)

    wire.run(20)
    without = len(_events(wire))
    _charge(wire)
    wire.run(20)

    assert (without, len(_events(wire)) > 2) == (0, True)


@pytest.mark.parametrize(
    ("item", "kind", "value", "more", "status"),
    [
        (POWER | {"variable": {"name": "Fan"}}, "Delta", 1, {}, "UnknownVariable"),
        (POWER | {"component": {"name": "Fan"}}, "Delta", 1, {}, "UnknownComponent"),
        (STATE, "UpperThreshold", 1, {}, "UnsupportedMonitorType"),
        (POWER, "TargetDelta", 1, {}, "UnsupportedMonitorType"),
        (POWER, "Delta", -1, {}, "Rejected"),
        (POWER, "Periodic", 0, {}, "Rejected"),
        (POWER, "Delta", 1, {"severity": 10}, "Rejected"),
        (POWER, "Delta", 1, {"id": 77}, "Rejected"),
        (POWER, "LowerThreshold", 3, {}, "Duplicate"),
    ],
)
def test_a_monitor_that_makes_no_sense_is_refused(
    wire: Wire, item: Payload, kind: str, value: float, more: dict[str, Any], status: str
) -> None:
    _set(wire, POWER, "LowerThreshold", 1)

    result = _set(wire, item, kind, value, **more)

    assert result["status"] == status
    assert set(wire.cp.kept.monitors) == {1}


def test_monitors_are_replaced_reported_and_cleared(wire: Wire) -> None:
    for number in range(20):
        _set(wire, POWER, "Delta" if number % 2 else "LowerThreshold", 1, severity=number // 2)
    _set(wire, POWER, "Delta", 77, severity=9, id=20)

    answer = wire.order("GetMonitoringReport", requestId=7, monitoringCriteria=["DeltaMonitoring"])
    everything = wire.order("GetMonitoringReport", requestId=8)
    cleared = wire.order("ClearVariableMonitoring", id=[20, 99])["clearMonitoringResult"]

    parts = wire.script.payloads("NotifyMonitoringReport")
    values = [each["variableMonitoring"][0]["value"] for part in parts[:1] for each in part["monitor"]]
    assert (answer, everything) == (ACCEPTED, ACCEPTED)
    assert [(part["requestId"], part["seqNo"], part["tbc"]) for part in parts] == [
        (7, 0, False), (8, 0, True), (8, 1, False),
    ]  # fmt: skip
    assert values == [1] * 9 + [77]
    assert [each["status"] for each in cleared] == ["Accepted", "NotFound"]


def test_another_base_forgets_what_was_set(wire: Wire) -> None:
    _set(wire, POWER, "Delta", 1)

    wire.order("SetMonitoringBase", monitoringBase="FactoryDefault")

    assert wire.order("GetMonitoringReport", requestId=7) == {"status": "EmptyResultSet"}


def test_a_stream_sends_many_values_at_once_and_no_events(wire: Wire) -> None:
    _set(wire, POWER, "Periodic", 2, periodicEventStream={"interval": 0, "values": 5})

    wire.run(31)

    streams = [send.payload for send in wire.script.sends]
    assert [len(each["data"]) for each in streams] == [5, 5, 5]
    assert [round(row["t"]) for row in streams[0]["data"]] == [0, 2, 4, 6, 8]
    assert not _events(wire)
    assert wire.order("GetPeriodicEventStream")["constantStreamData"][0]["variableMonitoringId"] == 1


def test_a_stream_can_be_adjusted_and_ends_with_its_monitor(wire: Wire) -> None:
    _set(wire, POWER, "Periodic", 2, periodicEventStream={"values": 100})

    adjusted = wire.order("AdjustPeriodicEventStream", id=1, params={"interval": 10})
    wire.run(21)
    wire.order("ClearVariableMonitoring", id=[1])
    sent = len(wire.script.sends)
    wire.run(60)

    assert adjusted == ACCEPTED
    assert (sent, len(wire.script.sends)) == (2, 2)
    assert wire.script.said()[-1] == "ClosePeriodicEventStream"
    assert wire.order("GetPeriodicEventStream") == {}


def test_a_stream_that_is_refused_leaves_events(wire: Wire) -> None:
    wire.script.replies["OpenPeriodicEventStream"] = {"status": "Rejected"}
    _set(wire, POWER, "Periodic", 10, periodicEventStream={"values": 5})

    wire.run(15)

    assert len(_events(wire)) == 1
    assert not wire.script.sends
