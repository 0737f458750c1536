"""Events that a webhook keeps refusing while it takes others: put aside, so that what follows them goes on.

A webhook that takes nothing at all is another matter (domain/webhooks.py): then everything waits, up to a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.events import Event
from domain.webhooks import Webhook

PARKED_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that was put aside; `status` is what it was last refused with, 0 for no answer."""

    webhook_id: str
    event_id: str
    charge_point_id: str
    sequence: int
    type: str
    status: int
    refused_since: datetime
    parked_at: datetime


class Parking(Protocol):
    """What is refused, and what was put aside."""

    def refused_since(self, webhook_id: str, event: Event, now: datetime) -> datetime:
        """Since when it is refused: `now`, unless it was refused before. Of a charge point one at a time is."""

    def park(self, parked: Parked) -> None:
        """Put one aside."""

    def parked(self, webhook_id: str) -> Sequence[Parked]:
        """What was put aside, by charge points and in their order."""

    def take(self, webhook_id: str, event: Event) -> None:
        """It is no longer put aside, if it was, and has not been refused yet."""


def is_to_be_parked(webhook: Webhook, refused_since: datetime, now: datetime) -> bool:
    """Whether an event was refused for long, and the webhook has taken others meanwhile."""
    took_others = webhook.failing_since is None or webhook.failing_since > refused_since
    return took_others and now - refused_since >= PARKED_AFTER
