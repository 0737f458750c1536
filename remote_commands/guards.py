"""What keeps a command from being issued twice, or too often."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import orjson

from domain.models import Claim, Command, CommandState
from domain.ports import CommandGuards, Commands
from ocppj import timestamps
from remote_commands.errors import ProblemError
from web.front import Front, wrong_cursor

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Key:
    """A caller's `Idempotency-Key`, and the digest of what came with it."""

    name: str
    digest: str


def key_of(front: Front) -> Key | None:
    """The key of a request. It is the caller's own: others may use the same."""
    name = front.headers.get("idempotency-key", "").strip().strip('"')
    if not name:
        return None
    # The same request, however its JSON is written.
    said = [front.path, dict(front.query), front.body(empty={})]
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Key(f"{front.caller() or ''} {name}", digest)


def after(cursor: str | None) -> tuple[datetime, str] | None:
    """After which item a page begins: when it was created, and its id, for several may be made in a millisecond.

    Raises:
        InvalidRequestError: nobody wrote this cursor.
    """
    moment, _, name = (cursor or "").partition(" ")
    try:
        return (timestamps.parse(moment), name) if cursor else None
    except ValueError as error:
        raise wrong_cursor() from error


def spend(command: Command, per_minute: int, guards: CommandGuards) -> None:
    """Count a command; 0 per minute is no limit.

    Raises:
        ProblemError: the charge point got as many as it may get in this time.
    """
    wait_s = guards.spend(command.charge_point_id, per_minute, command.created_at) if per_minute else 0
    if wait_s > 0:
        detail = f"{command.charge_point_id} is sent at most {per_minute} commands a minute"
        raise ProblemError("too-many-commands", detail, retry_after_s=ceil(wait_s))


def earlier(command: Command, key: Key | None, guards: CommandGuards, commands: Commands) -> Command | None:
    """The command this key made before; None if it is the first, which then holds the key for 24 hours.

    Raises:
        ProblemError: the key came with another request before, or that request has not got as far as a command.
    """
    if key is None:
        return None
    wanted = Claim(command.command_id, key.digest)
    held = guards.claim(key.name, wanted, command.created_at, command.created_at + KEPT)
    if held == wanted:
        return None
    if held.digest != key.digest:
        raise ProblemError("idempotency-key-reused", "this Idempotency-Key came with another request before")
    found = commands.find(held.command_id)
    if found is None:
        # Sending it once more might be sending it twice.
        detail = "the first request with this key is still being worked on, or was lost: ask again, or use a new key"
        raise ProblemError("idempotency-key-in-use", detail, retry_after_s=1)
    if found.state is CommandState.NOT_CONNECTED:
        raise offline(found, "the command was not sent")
    return found


def offline(command: Command, why: str) -> ProblemError:
    """The answer to a command that nobody was there for."""
    detail = f"{command.charge_point_id} is not connected; {why}"
    return ProblemError("charge-point-offline", detail, commandId=command.command_id)
