"""What is new in 2.1, beyond that everything is answered: tariffs, the grid, priority."""

from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from ocppj.frames import Payload
from ocppj.versions import V21
from tests.charge_point_sim.script import ACCEPTED, Wire
from tests.charge_point_sim.test_every_command import DROOP, PROFILE, TARIFF


@pytest.fixture
def wire() -> Wire:
    return Wire(V21, connectors=2, sample_s=0).boot()


def _charge(wire: Wire) -> str:
    wire.act(lambda: sessions.plug_in(wire.cp, wire.cp.connectors[0], Token("TAG-1")))
    wire.run(5)
    session = wire.cp.connectors[0].running
    assert session
    return str(session.transaction_id)


def _profile(limit: float, **more: Any) -> Payload:
    schedule = PROFILE["chargingSchedule"][0] | {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}  # type: ignore[index]
    return PROFILE | {"chargingSchedule": [schedule]} | more


def _control(wire: Wire, control_id: str, priority: int, **more: Any) -> Payload:
    setting = DROOP | {"priority": priority} | more
    return wire.order(
        "SetDERControl", isDefault=False, controlId=control_id, controlType="FreqDroop", freqDroop=setting
    )


def test_tariffs_are_assigned_and_cleared(wire: Wire) -> None:
    other = TARIFF | {"tariffId": "night"}
    wire.order("SetDefaultTariff", evseId=0, tariff=TARIFF)
    wire.order("SetDefaultTariff", evseId=2, tariff=other)

    known = wire.order("GetTariffs", evseId=0)["tariffAssignments"]
    same_name = wire.order("SetDefaultTariff", evseId=1, tariff=TARIFF | {"currency": "CHF"})
    nowhere = wire.order("SetDefaultTariff", evseId=9, tariff=TARIFF)
    cleared = wire.order("ClearTariffs", tariffIds=["night", "unheard"])["clearTariffsResult"]
    left = wire.order("GetTariffs", evseId=0)["tariffAssignments"]

    assert [(each["tariffId"], each["evseIds"]) for each in known] == [("day", [1, 2]), ("night", [2])]
    assert (same_name["status"], nowhere["status"]) == ("DuplicateTariffId", "Rejected")
    assert [each["status"] for each in cleared] == ["Accepted", "NoTariff"]
    assert [each["tariffId"] for each in left] == ["day"]


def test_a_transactions_tariff_changes_in_its_currency_only(wire: Wire) -> None:
    wire.order("SetDefaultTariff", evseId=0, tariff=TARIFF)
    transaction_id = _charge(wire)

    answers = [
        wire.order("ChangeTransactionTariff", transactionId=each, tariff=TARIFF | {"currency": currency})["status"]
        for each, currency in ((transaction_id, "EUR"), (transaction_id, "CHF"), ("another", "EUR"))
    ]

    assert answers == ["Accepted", "NoCurrencyChange", "TxNotFound"]


def test_a_more_important_control_takes_the_place_of_another(wire: Wire) -> None:
    _control(wire, "a", 3)

    second, third = _control(wire, "b", 1), _control(wire, "c", 2)
    wire.order("GetDERControl", requestId=7)

    reports = wire.script.payloads("ReportDERControl")
    superseded = {each["freqDroop"][0]["id"]: each["freqDroop"][0]["isSuperseded"] for each in reports}
    assert (second.get("supersededIds"), third.get("supersededIds")) == (["a"], ["a"])
    assert superseded == {"a": True, "b": False, "c": True}
    assert [each["tbc"] for each in reports] == [True, True, False]


def test_a_control_begins_and_ends_unless_it_is_cleared(wire: Wire) -> None:
    _control(wire, "a", 1, duration=20.0)
    _control(wire, "b", 2, startTime="2026-07-01T12:01:00Z", duration=20.0)

    wire.run(30)
    wire.order("ClearDERControl", isDefault=False, controlId="b")
    wire.run(100)

    told = [(each["controlId"], each["started"]) for each in wire.script.payloads("NotifyDERStartStop")]
    assert told == [("a", True), ("a", False)]


def test_a_control_without_its_setting_is_refused(wire: Wire) -> None:
    answer = wire.order("SetDERControl", isDefault=True, controlId="a", controlType="VoltVar", freqDroop=DROOP)

    assert answer == {"status": "Rejected"}


def test_priority_lifts_a_limit_and_gives_it_back(wire: Wire) -> None:
    wire.order("SetChargingProfile", evseId=1, chargingProfile=_profile(2000))
    fast = _profile(9000, id=2, chargingProfilePurpose="PriorityCharging")
    wire.order("SetChargingProfile", evseId=1, chargingProfile=fast)
    transaction_id = _charge(wire)
    meter = wire.cp.connectors[0].meter

    powers = [meter.power_w]
    for activate in (True, False):
        assert wire.order("UsePriorityCharging", transactionId=transaction_id, activate=activate) == ACCEPTED
        powers.append(meter.power_w)

    assert powers == [2000, 9000, 2000]


def test_a_dynamic_schedule_is_obeyed_at_once(wire: Wire) -> None:
    wire.order("SetChargingProfile", evseId=1, chargingProfile=_profile(2000, chargingProfileKind="Dynamic"))
    _charge(wire)

    answer = wire.order("UpdateDynamicSchedule", chargingProfileId=1, scheduleUpdate={"limit": 3000})
    unknown = wire.order("UpdateDynamicSchedule", chargingProfileId=9, scheduleUpdate={"limit": 3000})

    assert (answer, unknown) == (ACCEPTED, {"status": "Rejected"})
    assert wire.cp.connectors[0].meter.power_w == 3000


def test_batteries_go_in_before_others_come_out(wire: Wire) -> None:
    token = {"idToken": "TAG-1", "type": "ISO14443"}

    wire.order("RequestBatterySwap", idToken=token, requestId=7)
    wire.run(20)

    swaps = wire.script.payloads("BatterySwap")
    assert [each["eventType"] for each in swaps] == ["BatteryIn", "BatteryOut"]
    assert swaps[0]["batteryData"][0]["soC"] < swaps[1]["batteryData"][0]["soC"]
