"""Reading lists in pages: what a page is, its opaque cursor, and the ports that hand pages out.

A cursor says after which item the next page begins, so pages stay right while items are added. It says nothing about
the list it belongs to: it is only to be used for the one it came from.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Generic, Protocol, TypeVar

import orjson

from domain import reconciler
from domain.models import Transaction

Item = TypeVar("Item", covariant=True)

LIMIT, MOST = 20, 100


class CursorError(ValueError):
    """It is no cursor of this list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list; `cursor` is for the next page, None at the end."""

    items: Sequence[Item]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Which page: how many items at most, after which cursor, and from when (included) to when (not included)."""

    limit: int = LIMIT
    cursor: str | None = None
    begin: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a charge point told, as `Reports` keeps it; `at` is when we heard it."""

    action: str
    key: str
    at: datetime
    payload: dict[str, Any] = field(default_factory=dict)


class TransactionPages(Protocol):
    """Lists of transactions, by when they began (`listed_at`), newest first.

    All raise CursorError.
    """

    def of_charge_point(self, charge_point_id: str, ask: Ask) -> Page[Transaction]:
        """The transactions of a charge point."""

    def of_token(self, id_token: str, ask: Ask) -> Page[Transaction]:
        """The transactions that a token began, compared without case."""

    def open(self, ask: Ask, partner: str | None = None) -> Page[Transaction]:
        """The transactions that are open, at the charge points of a partner or at all."""

    def ended(self, day: date, ask: Ask) -> Page[Transaction]:
        """The transactions that ended on a day (UTC, `ended_at`), of all charge points."""

    def list_all(self) -> int:
        """Put into these lists what was written before there were such; how many it put. Reads everything once."""


class ReportPages(Protocol):
    """What charge points told, in the reverse order of its keys: most of them begin with a time."""

    def page(self, charge_point_id: str, action: str, ask: Ask) -> Page[Report]:
        """The reports of an action, or of all ("").

        Raises:
            CursorError: the cursor is none of this list.
        """


def encode(*after: str) -> str:
    """The cursor of what comes after an item, which these values tell from all others."""
    return base64.urlsafe_b64encode(orjson.dumps(after)).decode().rstrip("=")


def decode(cursor: str, count: int) -> tuple[str, ...]:
    """The values in a cursor, which must be so many.

    Raises:
        CursorError: it holds no such values.
    """
    try:
        found = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise CursorError("this is no cursor that a page before had") from error
    if not isinstance(found, list) or len(found) != count or not all(isinstance(value, str) for value in found):
        raise CursorError("this is the cursor of another list")
    return tuple(found)


def cut(items: Sequence[Item], limit: int, cursor_of: Callable[[Item], str]) -> Page[Item]:
    """A page of at most `limit` of these items, of which there is one more if there is another page."""
    shown = items[:limit]
    return Page(shown, cursor_of(shown[-1]) if len(items) > limit else None)


def listed_at(transaction: Transaction) -> datetime | None:
    """The time by which a transaction is listed: when it began, or else the first we know of it."""
    return (
        reconciler.placed_at(transaction)
        or transaction.stop_received_at
        or transaction.ended_at
        or transaction.sampled_at
    )


def ended_at(transaction: Transaction) -> datetime | None:
    """When a transaction ended, or was closed because another began; None while it runs.

    By the charge point's clock if that can be used, else when we heard of it.
    """
    said, received_at = transaction.ended_at, transaction.stop_received_at
    is_useless = reconciler.is_clock_wrong(said, received_at) or reconciler.frozen_clock(transaction)
    return (received_at if said and is_useless else None) or said or transaction.next_started_at


def day_of(at: datetime) -> date:
    """The day of a time, in UTC."""
    return at.astimezone(UTC).date()
