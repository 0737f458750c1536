"""What a charge point said it takes decides how much it is sent (conformance D-06)."""

import json
from typing import Any

import pytest

from domain.models import CommandState
from ocppj.versions import V16, V201, Version
from tests.remote_commands.desk import NOON, Desk
from tests.remote_commands.test_parts import answer, answered

HERE = "/charge-points/CP1/commands"
PROFILE = {
    "id": 1,
    "purpose": "tx_default",
    "stackLevel": 3,
    "periods": [{"startSeconds": n, "limit": 6} for n in (0, 60)],
}
OCPP_PROFILE_16 = {
    "chargingProfileId": 1, "stackLevel": 3, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}] * 2},
}  # fmt: skip


def variable(name: str, instance: str | None = None, component: str = "Whatever") -> dict[str, Any]:
    named = {"name": name} | ({"instance": instance} if instance else {})
    return {"component": {"name": component}, "variable": named}


def desk_of(version: Version, **limits: int) -> Desk:
    """A charge point that has told these limits: in an answer, or (2.x) in a report of its device model."""
    desk = Desk()
    desk.connect("CP1", version)
    if version is V16:
        for key, value in limits.items():
            desk.reports.keep("CP1", "Configuration", key.lower(), {"key": key, "value": str(value)}, NOON)
        return desk
    told = [
        variable(*name.split("_")) | {"variableAttribute": [{"type": "MaxSet", "value": "99"}, {"value": str(value)}]}
        for name, value in limits.items()
    ]
    part = {"requestId": 1, "seqNo": 0, "tbc": False, "reportData": told}
    desk.reports.keep("CP1", "NotifyReport", "1#0", part, NOON)
    desk.reports.keep("CP1", "NotifyReport.complete", "1", {"requestId": 1, "parts": 1, "at": "x"}, NOON)
    return desk


def sent(desk: Desk) -> list[dict[str, Any]]:
    """The payloads of all parts, each accepted as soon as it came."""
    number = 1
    while desk.commands.find(f"cmd-{number}") is not None:
        answer(desk, f"cmd-{number}", CommandState.ACCEPTED)
        number += 1
    return [json.loads(published.frame)[3] for published in desk.sent.published]


@pytest.mark.parametrize(
    ("version", "limits", "wrong"),
    [
        (V16, {"ChargeProfileMaxStackLevel": 2}, {"/stackLevel": "ChargeProfileMaxStackLevel"}),
        (V16, {"ChargeProfileMaxStackLevel": 0}, {"/stackLevel": "ChargeProfileMaxStackLevel"}),
        (V16, {"ChargingScheduleMaxPeriods": 1}, {"/periods": "ChargingScheduleMaxPeriods"}),
        (V201, {"ProfileStackLevel": 2}, {"/stackLevel": "ProfileStackLevel"}),
        (V201, {"PeriodsPerSchedule": 1}, {"/periods": "PeriodsPerSchedule"}),
        (V201, {"PeriodsPerSchedule": 1, "ProfileStackLevel": 0}, {"/stackLevel": "", "/periods": ""}),
    ],
)
def test_d06_a_charging_profile_beyond_what_the_charge_point_takes_is_refused_with_the_limit(
    version: Version, limits: dict[str, int], wrong: dict[str, str]
) -> None:
    desk = desk_of(version, **limits)

    reply = desk.post(f"{HERE}/set-charging-profile", PROFILE)

    assert reply.status == 422
    assert [error["pointer"] for error in reply.body["errors"]] == list(wrong)
    assert all(name in error["detail"] for error, name in zip(reply.body["errors"], wrong.values(), strict=True))


@pytest.mark.parametrize("version", [V16, V201])
def test_d06_a_charging_profile_within_the_limits_or_without_known_ones_is_sent(version: Version) -> None:
    roomy = {"ChargeProfileMaxStackLevel": 3, "ChargingScheduleMaxPeriods": 2, "ProfileStackLevel": 3}

    assert desk_of(version, **roomy).post(f"{HERE}/set-charging-profile", PROFILE).status == 202
    assert desk_of(version).post(f"{HERE}/set-charging-profile", PROFILE).status == 202


def test_d06_the_profile_of_a_remote_start_has_the_same_limits() -> None:
    desk = desk_of(V16, ChargeProfileMaxStackLevel=2, ChargingScheduleMaxPeriods=1)

    reply = desk.post(f"{HERE}/remote-start", {"idTag": "A", "chargingProfile": OCPP_PROFILE_16})

    pointers = [error["pointer"] for error in reply.body["errors"]]
    assert (reply.status, pointers) == (422, ["/chargingProfile/stackLevel", "/chargingProfile/chargingSchedule"])


@pytest.mark.parametrize("schedule", [None, 7, {}, {"chargingSchedulePeriod": 7}, [7]])
def test_a_profile_that_is_none_is_the_schemas_to_refuse(schedule: Any) -> None:
    desk = desk_of(V16, ChargingScheduleMaxPeriods=1)

    reply = desk.post(
        f"{HERE}/remote-start", {"idTag": "A", "chargingProfile": OCPP_PROFILE_16 | {"chargingSchedule": schedule}}
    )

    assert (reply.status, "at most" in str(reply.body)) == (422, False)


def test_d05_an_ocpp_payload_goes_whatever_the_limits() -> None:
    desk = desk_of(V16, ChargeProfileMaxStackLevel=2)

    reply = desk.post(f"{HERE}/SetChargingProfile", {"connectorId": 0, "csChargingProfiles": OCPP_PROFILE_16})

    assert reply.status == 202


def test_d06_what_was_answered_lately_counts_more_than_what_is_kept() -> None:
    desk = desk_of(V16, ChargeProfileMaxStackLevel=2)
    told = {"configurationKey": [{"key": "ChargeProfileMaxStackLevel", "readonly": True, "value": "5"}]}
    desk.commands.add(answered(told))

    assert desk.post(f"{HERE}/set-charging-profile", PROFILE).status == 202


MONITOR = variable("Power") | {"value": 1.0, "type": "Delta", "severity": 5}
SPLIT: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("GetVariables", "getVariableData", variable("V"), {}),
    ("SetVariables", "setVariableData", variable("V") | {"attributeValue": "1"}, {}),
    ("GetReport", "componentVariable", variable("V"), {"requestId": 7}),
    ("SetVariableMonitoring", "setMonitoringData", MONITOR, {}),
    ("ClearVariableMonitoring", "id", 4, {}),
]


@pytest.mark.parametrize(("action", "name", "item", "more"), SPLIT)
def test_d06_an_ocpp_payload_is_split_if_the_caller_wants_it(
    action: str, name: str, item: Any, more: dict[str, Any]
) -> None:
    desk = desk_of(V201, **{f"ItemsPerMessage_{action}": 4})

    reply = desk.post(f"{HERE}/{action}?split=true", more | {name: [item] * 5})

    payloads = sent(desk)
    assert (reply.status, reply.body["partBefore"]) == (202, "cmd-1")
    assert [len(payload[name]) for payload in payloads] == [4, 1]
    assert payloads[0].get("requestId") == more.get("requestId")
    assert len({payload.get("requestId") for payload in payloads}) == (2 if more else 1)


@pytest.mark.parametrize(("action", "name", "item", "more"), SPLIT)
def test_an_ocpp_payload_is_whole_unless_the_caller_says_so(
    action: str, name: str, item: Any, more: dict[str, Any]
) -> None:
    desk = desk_of(V201, **{f"ItemsPerMessage_{action}": 4})

    desk.post(f"{HERE}/{action}", more | {name: [item] * 5})

    assert sent(desk) == [more | {name: [item] * 5}]


def test_d06_a_split_message_is_no_longer_than_the_charge_point_said() -> None:
    desk = desk_of(V201, BytesPerMessage_SetVariableMonitoring=500)

    desk.post(f"{HERE}/SetVariableMonitoring?split=true", {"setMonitoringData": [MONITOR] * 9})

    assert [len(payload["setMonitoringData"]) for payload in sent(desk)] == [3, 3, 3]
    assert all(len(published.frame) <= 500 for published in desk.sent.published)


def test_what_has_no_list_is_not_split() -> None:
    desk = desk_of(V16, GetConfigurationMaxKeys=1)

    assert desk.post(f"{HERE}/Reset?split=true", {"type": "Soft"}).body["partBefore"] is None
    assert desk.post(f"{HERE}/GetConfiguration?split=true", {}).body["partBefore"] is None
    assert desk.post(f"{HERE}/GetConfiguration?split=true", {"key": ["A", "B"]}).body["partBefore"] == "cmd-3"


def test_a_split_that_is_neither_yes_nor_no_is_refused() -> None:
    reply = desk_of(V16).post(f"{HERE}/Reset?split=perhaps", {"type": "Soft"})

    assert (reply.status, reply.body["errors"][0]["parameter"]) == (422, "split")
