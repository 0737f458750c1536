"""What is read of a fleet: the ports it takes, and the facts a doctor wants to see."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.models import ChargePoint, Transaction
from domain.pages import MOST, Ask, Report, ReportPages, TransactionPages
from domain.ports import Commands, Reports, TransactionHistory
from domain.refusals import NAMELESS, REFUSED, STRANGERS, lookalikes, skeleton
from fleet.doctor import Facts
from ocppj import topics

CONNECTION, CALL_REFUSED = "Connection", "CallRefused"  # as processors keep them
SECURITY_EVENT = "SecurityEventNotification"
NEWEST = 20


class Rows(Protocol):
    """The registry as it is read."""

    def find_many(self, charge_point_ids: Iterable[str]) -> dict[str, ChargePoint]:
        """The rows that exist, by id."""

    def is_alive(self, gateway: str, now: datetime) -> bool:
        """Whether the gateway's lease runs."""


class Sessions(TransactionHistory, Protocol):
    """Single transactions."""

    def find(self, charge_point_id: str, transaction_id: str) -> Transaction | None:
        """One transaction."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that reading takes, and a clock. Nothing here writes."""

    rows: Rows
    commands: Commands
    sessions: Sessions
    reports: Reports
    transaction_pages: TransactionPages
    report_pages: ReportPages
    now: Callable[[], datetime]

    def row(self, charge_point_id: str) -> ChargePoint | None:
        """The row of a charge point."""
        return self.rows.find_many([charge_point_id]).get(charge_point_id)

    def is_online(self, row: ChargePoint) -> bool:
        """Whether it is connected, to a gateway that lives."""
        connection = row.connection
        is_open = connection is not None and connection.disconnected_at is None
        return is_open and connection is not None and self.rows.is_alive(connection.gateway, self.now())


def facts(charge_point_id: str, reading: Reading, sees: Callable[[ChargePoint], bool] = lambda _: True) -> Facts:
    """What the house knows of a charge point, registered or not; of other charge points only what `sees` lets.

    Raises:
        IdentityError: it is no escaped identity.
    """
    identity, row = topics.unescape(charge_point_id), reading.row(charge_point_id)
    is_known = row is not None

    def kept(action: str, of: str = charge_point_id, limit: int = NEWEST) -> list[Report]:
        return list(reading.report_pages.page(of, action, Ask(limit)).items)

    def told(reports: Iterable[Report]) -> list[dict[str, Any]]:
        return [report.payload for report in reports]

    strangers = reading.reports.of_charge_point(STRANGERS, REFUSED, f"{skeleton(identity)}#") if is_known else ()
    return Facts(
        charge_point_id,
        identity,
        row,
        is_online=row is not None and reading.is_online(row),
        refusals=told(kept(REFUSED)),
        nameless=told(kept(REFUSED, NAMELESS)),
        strangers=[one for one in strangers if one["identity"] != identity],
        similar=() if is_known else _similar(identity, reading, sees),
        connections=told(kept(CONNECTION, limit=MOST)),
        refused_calls=kept(CALL_REFUSED),
        commands=reading.commands.of_charge_point(charge_point_id, NEWEST) if is_known else (),
        transactions=reading.transaction_pages.of_charge_point(charge_point_id, Ask(NEWEST)).items if is_known else (),
    )


def _similar(identity: str, reading: Reading, sees: Callable[[ChargePoint], bool]) -> list[str]:
    ids = {topics.escape(other): other for other in lookalikes(identity) if len(other) * 3 <= topics.MAX_ESCAPED}
    found = reading.rows.find_many(ids)
    return [
        other for charge_point_id, other in ids.items() if charge_point_id in found and sees(found[charge_point_id])
    ][:3]
