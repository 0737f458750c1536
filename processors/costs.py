"""What transactions cost, and what charge points are told of it (conformance C-70, C-71).

A transaction is billed by the tariff of its token, else of its charge point, else of the house. Without any it costs
nothing that we know of, and nobody is told anything: that is something else than a cost of 0 (P2 I03.FR.04).
`domain.tariffs` is imported when the first tariff is met: it would slow every cold start.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from domain import reconciler
from domain.models import ChargePoint, Transaction
from ocppj.frames import Payload
from processors.id_tokens import Verdict
from processors.ports import Ports
from processors.routes import Request

if TYPE_CHECKING:
    from domain.tariffs import Tariff

log = structlog.get_logger(__name__)


def tariff_of(verdict: Verdict | None, row: ChargePoint | None, ports: Ports) -> str | None:
    """The id of the tariff for a token at this charge point."""
    own = verdict.tariff_id if verdict else None
    return own or (row.tariff_id if row else None) or ports.settings.tariff


def charge(transaction: Transaction, row: ChargePoint | None, ports: Ports) -> Transaction:
    """Work out what a transaction costs by now, and keep it with it."""
    versions = _versions(transaction, row, ports)
    if not versions:
        return transaction

    from domain import tariffs

    def cost_of(current: Transaction) -> Payload | None:
        is_needed = tariffs.needs_course(versions)
        told = ports.history.told(current.charge_point_id, current.transaction_id) if is_needed else ()
        return tariffs.cost(current, told, versions)

    return ports.history.price(transaction.charge_point_id, transaction.transaction_id, cost_of) or transaction


def charge_left_open(following: Transaction, request: Request, ports: Ports) -> None:
    """Work out what the 1.6 transaction before this one costs, if this one is all that ended it; and its own cost.

    A start may come so late that another has followed already. In 2.x every event works out the cost.
    """
    if not following.is_open:
        charge(following, request.charge_point, ports)
    begun_at = reconciler.placed_at(following)
    if begun_at is None or following.connector is None:
        return
    just_before = begun_at - timedelta(milliseconds=1)
    before = ports.history.newest(following.charge_point_id, following.connector, just_before)
    if before is not None and reconciler.left_open.__name__ in before.rules:
        charge(before, request.charge_point, ports)


def told(transaction: Transaction, request: Request, ports: Ports) -> Payload:
    """What a 2.x charging station hears of it: the cost so far, or in the end, and a tariff that has changed."""
    cost = transaction.cost
    if cost is None:
        return {}
    from domain import tariffs

    said: Payload = {"totalCost": float(cost["total"])}
    now = tariffs.in_force(ports.tariffs.versions(cost["tariffId"]), request.now)
    # As often as it asks: an answer may get lost on its way.
    if transaction.started_at is not None and now.valid_from > transaction.started_at and now.text:
        said["updatedPersonalMessage"] = _message(now)
    return said


def shown(verdict: Verdict, request: Request, ports: Ports) -> Payload:
    """The tariff a driver is shown before it begins (P2 I01), as a member of idTokenInfo."""
    tariff_id = tariff_of(verdict, request.charge_point, ports) if verdict.status == "Accepted" else None
    versions = ports.tariffs.versions(tariff_id) if tariff_id else ()
    if not versions:
        return {}
    from domain import tariffs

    now = tariffs.in_force(versions, request.now)
    return {"personalMessage": _message(now)} if now.text else {}


def _versions(transaction: Transaction, row: ChargePoint | None, ports: Ports) -> "Sequence[Tariff]":
    # What it was billed by stays, whatever becomes of the charge point's tariff.
    settled = transaction.tariff_id or (transaction.cost or {}).get("tariffId")
    tariff_id = settled or tariff_of(None, row, ports)
    versions = ports.tariffs.versions(tariff_id) if tariff_id else ()
    if tariff_id and not versions:
        log.warning("no such tariff, so no cost", charge_point_id=transaction.charge_point_id, tariff_id=tariff_id)
    return versions


def _message(tariff: "Tariff") -> Payload:
    return {"format": "UTF8", "content": tariff.text}
