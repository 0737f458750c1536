"""Secrets of commands are sent and never kept: not in a record, an answer, a log, an event, an archived frame."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from ocppj.versions import V16, V21, V201, Version
from telemetry import frames
from tests.remote_commands.desk import EPOCH, NOON
from tests.remote_commands.test_effects import Journey

SECRET = "53637265742d70617373776f7264"
PRIVATE_KEY = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"
PASSWORD_2X = {
    "component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}, "attributeValue": SECRET,
}  # fmt: skip
NETWORK = {
    "ocppTransport": "JSON", "ocppCsmsUrl": f"wss://cp:{SECRET}@csms.example", "messageTimeout": 30,
    "securityProfile": 1, "ocppInterface": "Wired0", "basicAuthPassword": SECRET,
    "apn": {"apn": "a", "apnAuthentication": "PAP", "apnUserName": "u", "apnPassword": SECRET, "simPin": 53637265},
    "vpn": {"server": "s", "user": "u", "password": SECRET, "key": SECRET, "type": "L2TP"},
}  # fmt: skip
WITH_SECRETS: list[tuple[Version, str, dict[str, Any]]] = [
    (V16, "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
    (V16, "set-configuration", {"values": {"AuthorizationKey": SECRET}}),
    (V16, "InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": PRIVATE_KEY}),
    (V16, "update-firmware", {"location": f"ftp://olga:{SECRET}@firmware.example/1.bin"}),
    (V201, "set-configuration", {"values": {"SecurityCtrlr.BasicAuthPassword": SECRET}}),
    (V201, "SetVariables", {"setVariableData": [PASSWORD_2X]}),
    (V21, "SetNetworkProfile", {"configurationSlot": 1, "connectionData": NETWORK}),
]


def everything(root: Any) -> str:
    """All that hangs on these objects, as one text."""
    return "\n".join(_texts(root, set()))


def _texts(found: Any, seen: set[int]) -> Iterator[str]:
    if id(found) in seen:
        return
    seen.add(id(found))
    yield repr(found)
    if isinstance(found, dict):
        parts = [*found.keys(), *found.values()]
    elif isinstance(found, (list, tuple, set, frozenset)):
        parts = list(found)
    else:
        parts = list(getattr(found, "__dict__", {}).values())
    for part in parts:
        yield from _texts(part, seen)


@pytest.mark.parametrize(("version", "action", "body"), WITH_SECRETS)
def test_a_secret_leaves_and_stays_nowhere(
    version: Version, action: str, body: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    journey = Journey(version)
    desk = journey.desk

    told = desk.post(f"/charge-points/CP1/commands/{action}", body, key="once")
    (published,) = desk.sent.published
    desk.sent.published.clear()  # it is with the broker now
    asked, listed = desk.get("/commands/cmd-1"), desk.get("/charge-points/CP1/commands")
    sent = {"chargePointId": "CP1", "message": orjson.loads(published.frame), "receivedAt": 1, "direction": "out"}
    archived = frames.row(sent, desk.row("CP1"))
    # Some tell it again in their answer.
    journey.answer({"status": "Accepted", "key": "AuthorizationKey", "value": SECRET})

    answered = desk.get("/commands/cmd-1")
    kept = everything([desk.commands, desk.lines, desk.registry, desk.ports.guards, journey.house, desk.jobs])
    output = capsys.readouterr()
    assert SECRET in published.frame
    assert (told.status, answered.body["state"]) == (202, "accepted")
    assert "cmd-1" in kept and "command sent" in output.out  # we looked where something is
    for place in (told, asked, listed, answered, archived, kept, output):
        assert SECRET not in str(place)
        assert "53637265" not in str(place)


@pytest.mark.parametrize(("version", "action", "body"), WITH_SECRETS)
@pytest.mark.parametrize("ttl", ["", "?ttlSeconds=600"])
def test_a_secret_for_a_charge_point_that_is_offline_is_refused_with_a_sentence(
    version: Version, action: str, body: dict[str, Any], ttl: str
) -> None:
    desk = Journey(version).desk
    desk.registry.disconnected("CP1", EPOCH, NOON)
    is_neutral = action[0].islower()
    body = body | ({"ttlSeconds": 600} if ttl and is_neutral else {})

    reply = desk.post(f"/charge-points/CP1/commands/{action}{'' if is_neutral else ttl}", body)

    why = "a command with a password in it is never kept waiting" if ttl else "the command was not sent"
    assert (reply.status, reply.body["code"]) == (409, "charge-point-offline")
    assert reply.body["detail"] == f"CP1 is not connected; {why}"
    assert list(desk.lines.waiting("CP1")) == []
    assert desk.row("CP1").next_password_hash is None
    assert SECRET not in everything([desk.commands, desk.lines, desk.registry, reply])
