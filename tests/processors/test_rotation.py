"""What the answers to commands that change credentials settle."""

from dataclasses import replace
from typing import Any

import pytest

from domain.credentials import hash_imported
from domain.models import ChargePoint, Command, CommandState, Connection, Proven
from ocppj.frames import CallError, CallResult, Frame
from ocppj.versions import V16, V201
from tests.processors.house import EPOCH, GATEWAY, NOW, House

CP = "CP-001"
OLD, NEW = hash_imported(b"old", b"other"), hash_imported(b"new", b"c-1")
KEY = Command(
    "c-1", CP, "ChangeConfiguration", {"key": "AuthorizationKey", "value": "***"}, V16, CommandState.SENT, NOW, NOW
)
SECURITY = {"component": {"name": "SecurityCtrlr"}}
PASSWORD = {**SECURITY, "variable": {"name": "BasicAuthPassword"}}
VARIABLE = replace(KEY, action="SetVariables", version=V201, payload={"setVariableData": [
    {"component": {"name": "X"}, "variable": {"name": "Y"}, "attributeValue": "1"},
    {**PASSWORD, "attributeValue": "***"},
]})  # fmt: skip
PROFILE = replace(KEY, payload={"key": "SecurityProfile", "value": "2"})
NETWORK = replace(
    KEY, action="SetNetworkProfile", version=V201,
    payload={"configurationSlot": 1, "connectionData": {"securityProfile": 2, "basicAuthPassword": "***"}},
)  # fmt: skip


def after(command: Command, *answers: Frame, **facts: Any) -> ChargePoint:
    house = House()
    house.registry.add(ChargePoint(CP, **{"password_hash": OLD, "next_password_hash": NEW, **facts}))
    house.registry.connect(
        CP, Connection(command.version, GATEWAY, 0, EPOCH, NOW), 0, Proven(facts.get("highest_profile", 0))
    )
    house.commands.add(command)
    for answer in answers:
        house.send(CP, answer)
    return house.row(CP)


def result(**payload: Any) -> CallResult:
    return CallResult("c-1", payload)


def results(status: str) -> CallResult:
    other = {"component": {"name": "X"}, "variable": {"name": "Y"}, "attributeStatus": "Accepted"}
    return result(setVariableResult=[other, {**PASSWORD, "attributeStatus": status}])


def synthetic(reason: str) -> CallError:
    return CallError("c-1", "GenericError", "no answer", {"reason": reason, "gateway": GATEWAY, "epoch": EPOCH})


ONLY_NEW, ONLY_OLD, BOTH = (NEW, None), (OLD, None), (OLD, NEW)


@pytest.mark.parametrize(
    ("command", "answer", "left"),
    [
        (KEY, result(status="Accepted"), ONLY_NEW),
        (KEY, result(status="Rejected"), ONLY_OLD),
        (KEY, result(status="NotSupported"), ONLY_OLD),
        (KEY, result(status="RebootRequired"), BOTH),
        (KEY, result(), ONLY_OLD),
        (KEY, CallError("c-1", "NotSupported", "", {}), ONLY_OLD),
        (KEY, synthetic("busy"), ONLY_OLD),
        (KEY, synthetic("expired"), ONLY_OLD),
        (KEY, synthetic("timeout"), BOTH),
        (KEY, synthetic("closed"), BOTH),
        (KEY, synthetic("too_large"), BOTH),
        (VARIABLE, results("Accepted"), ONLY_NEW),
        (VARIABLE, results("Rejected"), ONLY_OLD),
        (VARIABLE, results("RebootRequired"), BOTH),
        (VARIABLE, result(setVariableResult=["?"]), ONLY_OLD),
        (NETWORK, result(status="Accepted"), BOTH),
        (NETWORK, result(status="Failed"), ONLY_OLD),
    ],
)
def test_a38_a39_an_answer_settles_which_password_counts(
    command: Command, answer: Frame, left: tuple[str, str | None]
) -> None:
    row = after(command, answer)

    assert (row.password_hash, row.next_password_hash) == left


@pytest.mark.parametrize(
    ("command", "answer", "awaits"),
    [
        (KEY, result(status="RebootRequired"), True),
        (VARIABLE, results("RebootRequired"), True),
        (NETWORK, result(status="Accepted"), True),
        (KEY, synthetic("timeout"), False),
        (KEY, result(status="Accepted"), False),
    ],
)
def test_a39_what_is_used_from_the_next_boot_on_does_not_end_by_a_connect_before_it(
    command: Command, answer: Frame, awaits: bool
) -> None:
    assert after(command, answer).awaits_next_password is awaits


def test_a39_a_late_answer_settles_it_too() -> None:
    row = after(KEY, synthetic("timeout"), result(status="Accepted"))

    assert (row.password_hash, row.next_password_hash) == ONLY_NEW


def test_a38_the_answer_to_another_rotation_settles_nothing() -> None:
    later = hash_imported(b"newer", b"c-2")

    row = after(KEY, result(status="Accepted"), next_password_hash=later)

    assert (row.password_hash, row.next_password_hash) == (OLD, later)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (result(status="Accepted"), 2),
        (result(status="RebootRequired"), 2),
        (result(status="Rejected"), 1),
        (CallError("c-1", "InternalError", "", {}), 1),
        (synthetic("timeout"), 2),
        (synthetic("busy"), 1),
    ],
)
def test_a32_an_upgrade_that_is_accepted_is_what_is_expected_from_then_on(answer: Frame, expected: int) -> None:
    row = after(PROFILE, answer, next_password_hash=None, security_profile=1, highest_profile=1)

    assert row.security_profile == expected
    assert row.credential_version == (1 if expected == 2 else 0)


def test_a32_an_upgrade_by_network_profile_is_expected_from_then_on() -> None:
    assert after(NETWORK, result(status="Accepted"), highest_profile=1).security_profile == 2


def test_a32_who_has_proved_nothing_yet_may_come_with_either_until_it_has_proved_the_new_one() -> None:
    row = after(PROFILE, result(status="Accepted"), security_profile=0)

    assert row.security_profile is None


def test_a33_a_lower_profile_is_not_expected_whatever_the_charge_point_says() -> None:
    row = after(PROFILE, result(status="Accepted"), security_profile=3, highest_profile=3)

    assert row.security_profile == 3
