"""What an administrator changes of charge points, and the lists of them.

Every id is one charge point's, whoever it belongs to; `partner` says whose it is, None that it is the house's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from domain.models import ChargePoint, IdToken
from domain.pages import Ask, Page
from domain.ports import IdTokens

# What a charge point must prove: whoever changes one of these makes it another version of its credentials.
CREDENTIALS = frozenset({
    "password_hash", "security_profile", "allow_downgrade", "serial_number", "certificate_names",
})  # fmt: skip
CHANGEABLE = CREDENTIALS | {
    "partner", "site", "vendor_profile", "disabled", "registration", "default_version", "ping_interval_s",
    "command_timeout_s", "tariff_id",
}  # fmt: skip


class Administration(Protocol):
    """The registry as an administrator changes and lists it."""

    def change(self, charge_point_id: str, changes: Mapping[str, Any]) -> ChargePoint | None:
        """Set fields of a row (those in CHANGEABLE; None is none) and return it as it is now; None without a row.

        A new password replaces the one that counts and any that is on its way.
        """

    def page(self, partner: str | None, ask: Ask) -> Page[ChargePoint]:
        """Charge points in the order of their ids; of a partner, or of everybody.

        Raises:
            CursorError: the cursor is none of this list.
        """

    def everything(self) -> Iterator[ChargePoint]:
        """Every row, in no order: reads the whole table."""

    def unlisted(self) -> Iterator[str]:
        """The rows that `page` does not find until they are changed, for older versions wrote them: reads all, too."""


class Registrations(Protocol):
    """Many rows at once, as an import writes them: in a few requests, however many there are."""

    def add(self, rows: Sequence[ChargePoint]) -> set[str]:
        """Add those that are new, as `Registry.add` does; the ids of these. Ids must differ in more than case."""

    def fill_in(self, thing_ids: Mapping[str, str]) -> None:
        """Fill in the ids of things, by charge point, as `Registry.add` of a row with its thing does."""


class IdTokenLists(IdTokens, Protocol):
    """Id tokens as an administrator sees them."""

    def remove(self, id_token: str, partner: str | None = None) -> bool:
        """Remove a token; whether there was one."""

    def page(self, partner: str | None, ask: Ask) -> Page[IdToken]:
        """The tokens of a partner, or of the house, in their order.

        Raises:
            CursorError: the cursor is none of this list.
        """


class Status(StrEnum):
    """What an administrator asks for first."""

    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which charge points a list is to show; None is no matter. `offline_since` is: not online since then."""

    status: Status | None = None
    site: str | None = None
    offline_since: datetime | None = None

    def fits(self, row: ChargePoint, *, is_online: bool) -> bool:
        """Whether this is one of them."""
        return (
            self.status in (None, status_of(row, is_online=is_online))
            and self.site in (None, row.site)
            and (self.offline_since is None or _is_offline_since(row, self.offline_since, is_online=is_online))
        )


def status_of(row: ChargePoint, *, is_online: bool) -> Status:
    """The status of a charge point."""
    if row.disabled:
        return Status.DISABLED
    return Status.ONLINE if is_online else Status.OFFLINE


def changed(row: ChargePoint, changes: Mapping[str, Any]) -> ChargePoint:
    """The row with these changes."""
    more: dict[str, Any] = {}
    if CREDENTIALS & changes.keys():
        more["credential_version"] = row.credential_version + 1
    if "password_hash" in changes:
        more |= {"next_password_hash": None, "awaits_next_password": False}
    return replace(row, **changes, **more)


def _is_offline_since(row: ChargePoint, then: datetime, *, is_online: bool) -> bool:
    if is_online:
        return False
    connection = row.connection
    # The gateway of a connection that never ended is gone; when, nobody has noted.
    seen_at = (connection.disconnected_at or connection.connected_at) if connection else row.created_at
    return seen_at is None or seen_at <= then
