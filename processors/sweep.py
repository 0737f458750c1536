"""Transactions whose end nobody will tell: once a day they are given up, or they would run for ever.

The end of a transaction may come weeks late, from a charge point that was offline, and counts then as ever.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog

from domain.models import ChargePoint, Transaction
from domain.pages import MOST, Ask
from processors import costs
from processors.ports import Ports

log = structlog.get_logger(__name__)

_FREE = "Available"


def sweep(ports: Ports) -> None:
    """Give up every transaction of which nothing was heard for long, and won't be."""
    now = ports.clock()
    since = now - timedelta(days=ports.settings.given_up_after_days)
    for transaction in _open(since, ports):
        row = ports.registry.find_many([transaction.charge_point_id]).get(transaction.charge_point_id)
        if not is_hopeless(transaction, row, since):
            continue
        given_up = ports.history.give_up(transaction, now)
        if given_up is not None:
            costs.charge(given_up, row, ports)
            log.warning(
                "transaction given up",
                charge_point_id=transaction.charge_point_id,
                transaction_id=transaction.transaction_id,
                billed_wh=given_up.billed_wh,
            )


def is_hopeless(transaction: Transaction, row: ChargePoint | None, since: datetime) -> bool:
    """Whether nothing was heard of it since then, and its charge point is gone, away, or has a free connector there."""
    heard = (transaction.sampled_at, transaction.started_at, transaction.start_received_at)
    if any(at is not None and at > since for at in heard):
        return False
    if row is None or row.connection is None:
        return True
    left_at = row.connection.disconnected_at
    if left_at is not None:
        return left_at <= since
    state = row.connectors.get(transaction.connector or "")
    return state is not None and state.status == _FREE and state.at <= since


def _open(until: datetime, ports: Ports) -> Iterator[Transaction]:
    cursor: str | None = None
    while True:
        page = ports.open_transactions.open(Ask(MOST, cursor, end=until))
        yield from page.items
        if page.cursor is None:
            return
        cursor = page.cursor
