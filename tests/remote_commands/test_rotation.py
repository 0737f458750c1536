"""Passwords and profiles that are changed by a command: what counts before the charge point has answered."""

import json
from typing import Any

import pytest

from domain.credentials import hash_imported, matches
from ocppj.versions import V16, V201
from tests.remote_commands.desk import BrokenOutbound, Desk

KEY = "000102030405060708090a0b0c0d0e0f10111213"
COMMANDS = "/charge-points/CP1/commands"


def variable(name: str, value: str, component: str = "SecurityCtrlr") -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}


@pytest.mark.parametrize(
    ("address", "body", "secret"),
    [
        ("ChangeConfiguration", {"key": "authorizationkey", "value": KEY}, bytes.fromhex(KEY)),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "no hex at all !!"}, b"no hex at all !!"),
        ("set-configuration", {"values": {"AuthorizationKey": KEY}}, bytes.fromhex(KEY)),
    ],
)
def test_a38_a_key_of_1_6_counts_before_it_is_sent(address: str, body: dict[str, Any], secret: bytes) -> None:
    desk = Desk()
    desk.connect("CP1", password_hash="old")
    seen: list[str | None] = []
    desk.sent.on_publish = lambda: seen.append(desk.row("CP1").next_password_hash)

    reply = desk.post(f"{COMMANDS}/{address}", body)

    row = desk.row("CP1")
    assert reply.status == 201 or reply.status == 202
    assert seen == [row.next_password_hash]
    assert row.password_hash == "old"
    assert row.next_password_hash is not None
    assert matches(row.next_password_hash, secret, b"")


@pytest.mark.parametrize(
    "body",
    [
        {"setVariableData": [variable("X", "1"), variable("BasicAuthPassword", "pässword-of-2.0.1")]},
        {"setVariableData": [variable("basicauthpassword", "pässword-of-2.0.1", "securityctrlr")]},
    ],
)
def test_a38_a_password_of_2x_is_its_text(body: dict[str, Any]) -> None:
    desk = Desk()
    desk.connect("CP1", V201)

    desk.post(f"{COMMANDS}/SetVariables", body)

    stored = desk.row("CP1").next_password_hash
    assert stored is not None
    assert matches(stored, "pässword-of-2.0.1".encode(), b"")


def test_a38_a_second_password_waits_until_the_first_is_settled() -> None:
    desk = Desk()
    desk.connect("CP1", password_hash="old")
    desk.post(f"{COMMANDS}/ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})
    first = desk.row("CP1")

    reply = desk.post(f"{COMMANDS}/ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY[::-1]})
    other = desk.post(f"{COMMANDS}/ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"})

    assert (reply.status, reply.body["type"].rpartition(":")[2]) == (409, "password-changing")
    assert other.status in (201, 202)
    assert desk.row("CP1") == first
    assert first.next_password_hash is not None


def test_a38_a_password_that_an_operator_gave_it_may_be_sent() -> None:
    desk = Desk()
    given = hash_imported(bytes.fromhex(KEY), b"random salt \xff")
    desk.connect("CP1", password_hash="old", next_password_hash=given)

    reply = desk.post(f"{COMMANDS}/ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})

    assert reply.status in (201, 202)


def test_a38_other_settings_change_no_password() -> None:
    desk = Desk()
    before = desk.connect("CP1", V201)

    desk.post(f"{COMMANDS}/SetVariables", {"setVariableData": [variable("BasicAuthPassword", "x" * 16, "Vendor")]})

    assert desk.row("CP1") == before


def test_a39_a_password_the_broker_may_have_taken_counts() -> None:
    desk = Desk(outbound=BrokenOutbound())
    desk.connect("CP1", password_hash="old")

    reply = desk.post(f"{COMMANDS}/ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})

    assert reply.status == 502
    assert desk.row("CP1").next_password_hash is not None


def test_a38_a_command_that_is_not_sent_changes_nothing() -> None:
    desk = Desk()
    before = desk.connect("CP1", disabled=False)
    desk.registry.renew_lease("gw1", desk.clock.now)

    reply = desk.post(f"{COMMANDS}/ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})

    assert reply.body["code"] == "charge-point-offline"
    assert desk.row("CP1") == before


@pytest.mark.parametrize(
    ("facts", "profile", "code"),
    [
        ({"highest_profile": 2}, 1, "profile-lowered"),
        ({"security_profile": 2}, 0, "profile-lowered"),
        ({"highest_profile": 3, "allow_downgrade": True}, 1, "profile-lowered"),
        ({"highest_profile": 3, "allow_downgrade": True}, 2, None),
        ({"highest_profile": 2}, 2, None),
        ({"highest_profile": 1}, 2, None),
    ],
)
def test_a33_no_command_lowers_the_profile(facts: dict[str, Any], profile: int, code: str | None) -> None:
    desk = Desk()
    desk.connect("CP1", V16, **facts)

    reply = desk.post(f"{COMMANDS}/ChangeConfiguration", {"key": "SecurityProfile", "value": str(profile)})

    assert reply.body.get("code") == code
    assert bool(desk.sent.published) is (code is None)


def test_a35_neither_the_password_nor_its_hash_is_in_the_command() -> None:
    desk = Desk()
    desk.connect("CP1")

    reply = desk.post(f"{COMMANDS}/ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})

    stored = desk.row("CP1").next_password_hash
    told = json.dumps(reply.body) + repr(desk.commands.find("cmd-1"))
    assert KEY not in told
    assert stored is not None
    assert stored.rpartition("$")[2] not in told
