"""Webhooks: where events are posted to, signed; how long one that fails is tried, and when it is given up.

Each has a lane, a queue of its own: one that is slow or down has nobody else wait. In its lane the events of a charge
point follow each other, and the next waits until the one before was taken.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from domain.events import Event, EventType, Wanted

GIVEN_UP_AFTER = timedelta(hours=24)  # of failing without a break

_FIRST_S, _LONGEST_S = 5, 900


class NoLaneError(Exception):
    """There are as many webhooks as lanes."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to post which events; of a partner, only its own.

    `failing_since` is when the first of the events was not taken after which none was, `disabled_at` when it was
    given up.
    """

    webhook_id: str
    url: str
    secret: str = field(repr=False)
    lane: int
    created_at: datetime
    partner: str | None = None
    types: tuple[str, ...] = ()
    failing_since: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def wanted(self) -> Wanted:
        """The events it gets."""
        return Wanted(self.partner, types=frozenset(map(EventType, self.types)) if self.types else None)


class Webhooks(Protocol):
    """The webhooks there are."""

    def add(self, webhook: Webhook) -> None:
        """Add or replace one."""

    def find(self, webhook_id: str) -> Webhook | None:
        """One of them."""

    def all(self) -> list[Webhook]:
        """All of them, by their ids."""

    def remove(self, webhook_id: str) -> bool:
        """Remove one; False if there was none."""

    def mark(self, webhook_id: str, failing_since: datetime | None, disabled_at: datetime | None = None) -> None:
        """Keep since when it fails and whether it is disabled; nothing happens to one that is removed."""


class Lanes(Protocol):
    """The queues to webhooks."""

    def count(self) -> int:
        """How many there are; their numbers begin with 1."""

    def send(self, webhook: Webhook, events: list[Event], again: str = "") -> None:
        """Put events into its lane, in this order; one that was put there minutes ago is not, but for another `again`.

        Raises:
            LaneError: the queue did not take all of them; all may be sent again.
        """


class LaneError(Exception):
    """A queue did not take events."""


class Bus(Protocol):
    """EventBridge, or what stands for it."""

    def put(self, events: list[Event]) -> None:
        """Hand events over.

        Raises:
            LaneError: it did not take all of them; all may be put again.
        """


def signature(secret: str, body: bytes, at: datetime) -> str:
    """The value of X-Signature: the HMAC-SHA-256 of `<t>.<body>`, t being seconds since 1970."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def backoff_s(attempt: int) -> int:
    """How long to wait after an attempt that failed; they count from 1."""
    return min(_FIRST_S << min(attempt - 1, 16), _LONGEST_S)


def is_given_up(webhook: Webhook, now: datetime) -> bool:
    """Whether it has failed for so long that it is disabled."""
    return webhook.failing_since is not None and now - webhook.failing_since >= GIVEN_UP_AFTER


def free_lane(webhooks: list[Webhook], lanes: int) -> int:
    """A lane that no other webhook has.

    Raises:
        NoLaneError: there is none.
    """
    taken = {webhook.lane for webhook in webhooks}
    free = [lane for lane in range(1, lanes + 1) if lane not in taken]
    if not free:
        raise NoLaneError(
            f"there are {lanes} lanes, and each has its webhook (the option webhooks of infra makes more)"
        )
    return free[0]
