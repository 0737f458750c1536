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


CURVE = {"priority": 1, "yUnit": "PctMaxW", "curveData": [{"x": 90, "y": 100}, {"x": 110, "y": 20}]}
PLAIN = {"priority": 1}


def _measured(wire: Wire) -> dict[str, float]:
    item = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedMeasurands"}}
    names = "Power.Active.Import,Power.Reactive.Import,Power.Factor"
    wire.order("SetVariables", setVariableData=[item | {"attributeValue": names}])
    wire.order("TriggerMessage", requestedMessage="MeterValues", evse={"id": 1})
    (value,) = wire.script.payloads("MeterValues")[-1]["meterValue"]
    return {each["measurand"]: each["value"] for each in value["sampledValue"]}


@pytest.mark.parametrize(
    ("kind", "setting", "most_w", "reactive"),
    [
        ("VoltWatt", {"curve": CURVE}, 6_000, 0),
        ("FreqWatt", {"curve": CURVE | {"curveData": [{"x": 49, "y": 0}, {"x": 51, "y": 100}]}}, 5_000, 0),
        ("FreqWatt", {"curve": CURVE | {"yUnit": "PctMaxVar"}}, 10_000, 0),
        ("VoltVar", {"curve": CURVE | {"yUnit": "PctMaxVar"}}, 8_000, 6_000),
        ("FixedPFAbsorb", {"fixedPFAbsorb": PLAIN | {"displacement": 0.8, "excitation": True}}, 8_000, 6_000),
        ("FixedVar", {"fixedVar": PLAIN | {"setpoint": -60, "unit": "PctMaxVar"}}, 8_000, 6_000),
        ("FixedVar", {"fixedVar": PLAIN | {"setpoint": 60, "unit": "PctMaxVar"}}, 10_000, 0),
        ("HVMustTrip", {"curve": CURVE}, 10_000, 0),
    ],
)
def test_a_grid_control_changes_what_the_meter_says(
    kind: str, setting: Payload, most_w: float, reactive: float
) -> None:
    wire = Wire(V21, connectors=1, sample_s=0, max_power_w=10_000.0).boot()
    _charge(wire)

    wire.order("SetDERControl", isDefault=True, controlId="a", controlType=kind, **setting)

    measured = _measured(wire)
    assert measured["Power.Active.Import"] == pytest.approx(most_w)
    assert measured["Power.Reactive.Import"] == pytest.approx(reactive, abs=1)
    assert measured["Power.Factor"] == pytest.approx(most_w / (most_w**2 + reactive**2) ** 0.5, abs=0.001)


def test_a_grid_control_counts_while_it_runs_and_the_most_important_only() -> None:
    wire = Wire(V21, connectors=1, sample_s=0, max_power_w=10_000.0).boot()
    _charge(wire)
    level = {"curveData": [{"x": 100, "y": 10}], "yUnit": "PctMaxW"}
    wire.order("SetDERControl", isDefault=True, controlId="default", controlType="VoltWatt", curve=CURVE)

    wire.order(
        "SetDERControl", isDefault=False, controlId="b", controlType="VoltWatt",
        curve=level | {"priority": 0, "startTime": "2026-07-01T12:01:00Z", "duration": 60.0},
    )  # fmt: skip
    before = _measured(wire)
    wire.run(65)
    meanwhile = _measured(wire)
    wire.run(60)
    after = _measured(wire)
    wire.order("ClearDERControl", isDefault=True, controlType="VoltWatt")
    cleared = _measured(wire)

    powers = [each["Power.Active.Import"] for each in (before, meanwhile, after, cleared)]
    assert powers == pytest.approx([6_000, 1_000, 6_000, 10_000])


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
