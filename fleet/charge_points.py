"""Registering charge points: the registry row first, then the IoT thing, whose event finds the row there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain import credentials
from domain.models import ChargePoint
from domain.ports import Registry
from fleet.ports import Things

# 20 bytes, 40 hex digits: an AuthorizationKey of 1.6 (J16 §6.2.2) and, as text, a passwordString of 2.0.1.
SECRET_SIZE = 20
SALT_SIZE = 16


class AlreadyRegisteredError(Exception):
    """There is a charge point of that id."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What the administrator is told: a generated password is told here and never again."""

    charge_point_id: str
    thing_id: str
    password: str | None = None


def register(
    charge_point_id: str,
    registry: Registry,
    things: Things,
    *,
    now: datetime,
    password_hash: str | None = None,
    password: str | None = None,
    security_profile: int | None = None,
) -> Registered:
    """Register a charge point; `password` is what to tell of the one behind `password_hash`.

    `security_profile` is the one it must connect with (0 to 3); None leaves that to its credentials.

    Raises:
        AlreadyRegisteredError: it is registered; nothing was changed.
    """
    # The row comes first: what the thing's event would write has no password.
    row = ChargePoint(charge_point_id, created_at=now, password_hash=password_hash, security_profile=security_profile)
    if not registry.add(row):
        raise AlreadyRegisteredError(f"{charge_point_id} is registered already")
    thing_id = things.create(charge_point_id)
    registry.add(ChargePoint(charge_point_id, thing_id=thing_id))
    return Registered(charge_point_id, thing_id, password)


def generate(random_bytes: Callable[[int], bytes], pepper: bytes) -> tuple[str, str]:
    """A new password as hex text, and its hash. 1.6 charge points present its bytes, others its text."""
    secret = random_bytes(SECRET_SIZE)
    return secret.hex(), credentials.hash_generated(secret, pepper, random_bytes(SALT_SIZE))
