"""Smart charging: profiles that are obeyed by what the meter reads."""

from dataclasses import replace
from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from charge_point_sim.profiles import Profile, read
from ocppj.versions import V16, V201, Version
from tests.charge_point_sim.script import NOW, Wire

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=str)


def _profile(version: Version, *periods: tuple[int, float], purpose: str = "TxProfile", **more: Any) -> dict[str, Any]:
    schedule: dict[str, Any] = {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
    }
    is_old = version is V16
    return {
        "chargingProfileId" if is_old else "id": 7,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule if is_old else [schedule | {"id": 1}],
        **more,
    }


def _set(version: Version, number: int, profile: dict[str, Any]) -> dict[str, Any]:
    if version is V16:
        return {"connectorId": number, "csChargingProfiles": profile}
    return {"evseId": number, "chargingProfile": profile}


def _charging(version: Version) -> Wire:
    wire = Wire(version, sample_s=10).boot()
    wire.act(lambda: sessions.arrive(wire.cp, wire.cp.connectors[0], Token("TAG-1")))
    wire.run(3)
    return wire


@BOTH
def test_the_meter_obeys_a_profile_and_its_change(version: Version) -> None:
    wire = _charging(version)
    meter = wire.cp.connectors[0].meter

    answer = wire.order("SetChargingProfile", **_set(version, 1, _profile(version, (0, 3600), (100, 7200))))
    began_wh = meter.energy_wh
    wire.run(99 - 1)
    first_wh = meter.energy_wh - began_wh
    wire.run(10)

    assert answer == {"status": "Accepted"}
    assert first_wh <= 3600 * 100 / 3600
    assert meter.power_w == 7200


@BOTH
def test_no_power_at_all_suspends_the_session_until_there_is_some(version: Version) -> None:
    wire = _charging(version)
    connector = wire.cp.connectors[0]

    wire.order("SetChargingProfile", **_set(version, 1, _profile(version, (0, 0), (50, 5000))))
    held = connector.status
    wire.run(60)

    assert (held, connector.status) == ("SuspendedEVSE", "Charging")


@BOTH
def test_a_cleared_profile_gives_the_power_back(version: Version) -> None:
    wire = _charging(version)
    wire.order("SetChargingProfile", **_set(version, 1, _profile(version, (0, 100))))
    limited_w = wire.cp.connectors[0].meter.power_w
    by_id = {"id": 7} if version is V16 else {"chargingProfileId": 7}

    cleared, again = wire.order("ClearChargingProfile", **by_id), wire.order("ClearChargingProfile", **by_id)

    assert (cleared, again) == ({"status": "Accepted"}, {"status": "Unknown"})
    assert limited_w == 100
    assert wire.cp.connectors[0].meter.power_w > 10_000


@BOTH
def test_a_transactions_profile_ends_with_it(version: Version) -> None:
    wire = _charging(version)
    wire.order("SetChargingProfile", **_set(version, 1, _profile(version, (0, 100))))

    wire.act(lambda: sessions.stop(wire.cp, wire.cp.connectors[0], "local"))

    assert wire.cp.profiles == []
    assert wire.cp.connectors[0].meter.limit_w is None


@BOTH
@pytest.mark.parametrize("number", [0, 2, 9])
def test_a_transactions_profile_needs_a_transaction(version: Version, number: int) -> None:
    wire = _charging(version)

    answer = wire.order("SetChargingProfile", **_set(version, number, _profile(version, (0, 100))))

    assert answer == {"status": "Rejected"}


@BOTH
def test_a_remote_start_may_bring_its_profile(version: Version) -> None:
    wire = Wire(version).boot()
    token: dict[str, Any] = {"idTag": "A", "connectorId": 1}
    if version is V201:
        token = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1, "evseId": 1}
    action = "RemoteStartTransaction" if version is V16 else "RequestStartTransaction"

    wire.order(action, **token, chargingProfile=_profile(version, (0, 1234)))
    wire.run(10)

    assert wire.cp.connectors[0].meter.power_w == 1234


@BOTH
def test_the_composite_schedule_says_what_is_left(version: Version) -> None:
    wire = _charging(version)
    wire.order("SetChargingProfile", **_set(version, 1, _profile(version, (0, 4000), (100, 8000))))
    place = {"connectorId": 1} if version is V16 else {"evseId": 1}

    answer = wire.order("GetCompositeSchedule", duration=600, chargingRateUnit="A", **place)

    schedule = answer["chargingSchedule" if version is V16 else "schedule"]
    periods = schedule["chargingSchedulePeriod"]
    assert [period["limit"] for period in periods] == [10.0, 20.0]
    assert 90 <= periods[1]["startPeriod"] <= 100
    assert wire.now > NOW


@BOTH
def test_a_connector_that_does_not_exist_has_no_schedule(version: Version) -> None:
    place = {"connectorId": 9} if version is V16 else {"evseId": 9}

    assert Wire(version).boot().order("GetCompositeSchedule", duration=60, **place) == {"status": "Rejected"}


def test_profiles_are_reported_by_evse() -> None:
    wire = _charging(V201)
    station = _profile(V201, (0, 9999), purpose="ChargingStationMaxProfile") | {"id": 8}
    wire.order("SetChargingProfile", **_set(V201, 0, station))
    wire.order("SetChargingProfile", **_set(V201, 1, _profile(V201, (0, 100))))

    found = wire.order("GetChargingProfiles", requestId=3, chargingProfile={"chargingLimitSource": ["CSO"]})
    none = wire.order("GetChargingProfiles", requestId=4, chargingProfile={"chargingProfileId": [99]})

    reports = wire.script.payloads("ReportChargingProfiles")
    assert (found, none) == ({"status": "Accepted"}, {"status": "NoProfiles"})
    assert [(report["evseId"], report["tbc"]) for report in reports] == [(0, True), (1, False)]


@BOTH
def test_all_that_charge_share_what_the_station_may_take(version: Version) -> None:
    wire = _charging(version)
    purpose = "ChargePointMaxProfile" if version is V16 else "ChargingStationMaxProfile"
    wire.order("SetChargingProfile", **_set(version, 0, _profile(version, (0, 8000), purpose=purpose)))
    one, other = wire.cp.connectors

    alone = one.meter.power_w
    wire.act(lambda: sessions.arrive(wire.cp, other, Token("TAG-2")))
    wire.run(3)
    together = (one.meter.power_w, other.meter.power_w)
    wire.act(lambda: sessions.stop(wire.cp, other, "local"))

    assert alone == 8000
    assert together == (4000, 4000)
    assert one.meter.power_w == 8000


@BOTH
def test_the_schedule_of_the_whole_station_is_about_all_connectors(version: Version) -> None:
    wire = Wire(version).boot()
    wire.order("SetChargingProfile", **_set(version, 0, _profile(version, (0, 3000), purpose="TxDefaultProfile")))
    asked = {"connectorId": 0} if version is V16 else {"evseId": 0}

    answer = wire.order("GetCompositeSchedule", duration=60, **asked)

    schedule = answer["chargingSchedule" if version is V16 else "schedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 100_000}]


@BOTH
def test_more_than_it_says_it_takes_is_refused(version: Version) -> None:
    wire = Wire(version).boot()

    def set_one(number: int, periods: int) -> str:
        is_old = version is V16
        ids = {"chargingProfileId" if is_old else "id": number, "stackLevel": number % 10}
        course = [(start, 7000) for start in range(periods)]
        profile = _profile(version, *course, purpose="TxDefaultProfile", **ids)
        return str(wire.order("SetChargingProfile", **_set(version, 1, profile))["status"])

    wire.cp.profiles = [replace(_read(version, number), where=2, stack_level=number) for number in range(99)]
    statuses = [set_one(101, 101), set_one(102, 100), set_one(103, 1), set_one(102, 1)]

    assert statuses == ["Rejected", "Accepted", "Rejected", "Accepted"]


def _read(version: Version, number: int) -> Profile:
    return read(_profile(version, (0, 7000)) | {"chargingProfileId" if version is V16 else "id": number}, 2)
