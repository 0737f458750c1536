"""Credentials changed over OCPP: what a command changes, and what its answer settles (A-33, A-38, A-39).

A password counts beside the old one before the charge point is told of it, for its answer may get lost. Its hash is
salted with the id of the command: so the answer finds it again, and never settles another rotation.
"""

from collections.abc import Iterator
from typing import Any

from domain import credentials
from domain.models import ChargePoint, Command
from domain.ports import Passwords

Payload = dict[str, Any]

LOST: Payload = {}

_PASSWORD = ("securityctrlr", "basicauthpassword")
_PROFILE = ("securityctrlr", "securityprofile")
_KEYS = {"authorizationkey": _PASSWORD, "securityprofile": _PROFILE}
_IN_NETWORK_PROFILE = {_PASSWORD: "basicAuthPassword", _PROFILE: "securityProfile"}
_TAKEN = {"Accepted": True, "RebootRequired": None}  # None: it is used from the next boot on, and shows then


def begin(command_id: str, charge_point_id: str, payload: Payload, passwords: Passwords) -> None:
    """Let the password that this payload sets count from now on, too; takes tens of milliseconds if it sets one."""
    found = _find(payload, _PASSWORD)
    if isinstance(found, str):
        secret = _key(found) if "key" in payload else found.encode()
        passwords.rotate(charge_point_id, credentials.hash_imported(secret, command_id.encode()))


def begun_by(row: ChargePoint) -> str | None:
    """Which command began the rotation that is not settled; of one that no command began this is no command's id."""
    try:
        return credentials.salt_of(row.next_password_hash).decode() if row.next_password_hash else None
    except (credentials.HashFormatError, UnicodeDecodeError):
        return None


def sets_password(payload: Payload) -> bool:
    """Whether it sets the charge point's password."""
    return _find(payload, _PASSWORD) is not None


def lowers_profile(payload: Payload, row: ChargePoint) -> bool:
    """Whether it would lower the security profile, which no OCPP message may (A00.FR.005).

    With the operator's leave 2.x may go from 3 to 2 (errata 2025-01, 2.5).
    """
    profile = profile_of(payload)
    if profile is None or (row.allow_downgrade and profile >= 2):
        return False
    return profile < max(row.highest_profile, row.security_profile or 0)


def settle(command: Command, row: ChargePoint, answer: Payload | None, passwords: Passwords) -> None:
    """Do what the answer says: None is a no, or a command that never reached the charge point; LOST nobody knows."""
    taken = _verdict(command, answer, _PASSWORD)
    stored = row.next_password_hash
    if answer is not LOST and stored is not None and credentials.salt_of(stored) == command.command_id.encode():
        passwords.settle(row.charge_point_id, stored, taken)
    profile = profile_of(command.payload)
    if profile is None or _verdict(command, answer, _PROFILE) is False or lowers_profile(command.payload, row):
        return
    # What it has proved so far still works until it comes with this one (A05.FR.08); who has proved nothing yet may
    # come with anything until then.
    passwords.expect_profile(row.charge_point_id, profile if row.highest_profile else None)


def is_one(command: Command) -> bool:
    """Whether it sets a credential."""
    return sets_password(command.payload) or profile_of(command.payload) is not None


def profile_of(payload: Payload) -> int | None:
    """The security profile it sets."""
    found = str(_find(payload, _PROFILE))
    return int(found) if found in ("0", "1", "2", "3") else None


def _verdict(command: Command, answer: Payload | None, wanted: tuple[str, str]) -> bool | None:
    """Whether the charge point took this setting; None if that will show when it is used."""
    if answer is LOST:
        return None
    if answer is None:
        return False
    results = answer.get("setVariableResult")
    if isinstance(results, list):
        said = (each.get("attributeStatus") for each in results if isinstance(each, dict) and _name(each) == wanted)
        return _TAKEN.get(str(next(said, None)), False)
    taken = _TAKEN.get(str(answer.get("status")), False)
    # What is set in a network profile is used when that profile is.
    return None if taken and command.action == "SetNetworkProfile" else taken


def _find(payload: Payload, wanted: tuple[str, str]) -> Any:
    return next((value for name, value in _settings(payload) if name == wanted), None)


def _settings(payload: Payload) -> Iterator[tuple[Any, Any]]:
    """What a ChangeConfiguration, a SetVariables or a SetNetworkProfile sets."""
    if isinstance(payload.get("key"), str):
        yield _KEYS.get(payload["key"].lower()), payload.get("value")
    variables, network = payload.get("setVariableData"), payload.get("connectionData")
    for each in variables if isinstance(variables, list) else ():
        if isinstance(each, dict) and each.get("attributeType", "Actual") == "Actual":
            yield _name(each), each.get("attributeValue")
    if isinstance(network, dict):
        yield from ((name, network.get(field)) for name, field in _IN_NETWORK_PROFILE.items())


def _name(named: Payload) -> tuple[str, str]:
    component, variable = (
        str(part.get("name")) if isinstance(part := named.get(field), dict) else ""
        for field in ("component", "variable")
    )
    return component.lower(), variable.lower()


def _key(text: str) -> bytes:
    # 1.6 sends a key as hexadecimal; some charge points take a text instead.
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()
