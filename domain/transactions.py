"""How the facts about a transaction add up, in whatever order and however often they arrive.

A sheet is a transaction with a stamp beside each fact: when the device said it, and in which event. Start and end
facts belong to the earliest stamp, the others to the latest, so that any order of the same events gives the same
transaction. Every store of transactions folds with these functions and keeps the sheet.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from domain.models import Transaction, TransactionEvent
from ocppj import timestamps

Stamp = tuple[datetime, int]  # device time, seq_no (-1: no 2.x event)

MAX_TRANSACTION_ID = 2**31 - 1  # 1.6 schemas say "integer", and charge points keep it in an int32 (C-41)

_NO_EVENT = -1
_EARLIEST = (
    "version", "id_token", "id_token_type", "id_token_status", "started_at", "meter_start_wh", "remote_start_id",
    "reservation_id", "ended_at", "meter_stop_wh", "stop_reason", "stop_id_token",
)  # fmt: skip
_LATEST = ("connector", "charging_state")
_SAMPLED = ("energy_wh", "power_w", "soc_percent", "sampled_at")
_TIMES = ("started_at", "ended_at", "sampled_at")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A transaction and, by field name, the stamps of those facts that other facts may still replace."""

    transaction: Transaction
    stamps: Mapping[str, Stamp] = field(default_factory=dict)


def natural_key(start: Transaction) -> str:
    """What makes two 1.6 starts the same start: charge points repeat theirs until it is answered (C-44)."""
    begun_at = timestamps.write(start.started_at) if start.started_at else ""
    token = (start.id_token or "").lower()  # B-24
    return "\n".join([start.charge_point_id, str(start.connector), begun_at, str(start.meter_start_wh), token])


def begun(start: Transaction, transaction_id: int) -> Sheet:
    """A 1.6 transaction with its id."""
    return Sheet(replace(_in_ms(start), transaction_id=str(transaction_id)))


def finished(stored: Sheet | None, stop: Transaction) -> Sheet:
    """The first stop of a 1.6 transaction wins; without a start it is an orphan (C-45, C-46)."""
    if stored is None:
        return Sheet(_in_ms(stop))
    if not stored.transaction.is_open:
        return stored
    stop = _in_ms(stop)
    ended = replace(
        stored.transaction,
        ended_at=stop.ended_at,
        meter_stop_wh=stop.meter_stop_wh,
        stop_reason=stop.stop_reason,
        stop_id_token=stop.stop_id_token,
    )
    return replace(stored, transaction=ended)


def recorded(stored: Sheet | None, event: TransactionEvent) -> Sheet:
    """Fold in a 2.x event."""
    facts, at = _in_ms(event.facts), _ms(event.at)
    sheet = stored or Sheet(Transaction(facts.charge_point_id, facts.transaction_id, facts.version))
    sheet = _fold(sheet, facts, _EARLIEST, (at, event.seq_no), operator.lt)
    sheet = _fold(sheet, facts, _LATEST, (at, event.seq_no), operator.gt)
    return _fold(sheet, facts, _SAMPLED, (facts.sampled_at or at, event.seq_no), operator.gt)


def sampled(stored: Sheet, taken: Transaction) -> Sheet:
    """Fold in the readings of a meter value."""
    taken = _in_ms(taken)
    if taken.sampled_at is None:
        return stored
    return _fold(stored, taken, _SAMPLED, (taken.sampled_at, _NO_EVENT), operator.gt)


def _fold(
    sheet: Sheet, facts: Transaction, names: Iterable[str], stamp: Stamp, wins: Callable[[Stamp, Stamp], bool]
) -> Sheet:
    said = {name: value for name in names if (value := getattr(facts, name)) is not None}
    # Equal stamps are the same event again: what is stored stays.
    news = {name: value for name, value in said.items() if wins(stamp, sheet.stamps.get(name, stamp))}
    news |= {name: value for name, value in said.items() if name not in sheet.stamps}
    return Sheet(replace(sheet.transaction, **news), {**sheet.stamps, **dict.fromkeys(news, stamp)})


def _in_ms(facts: Transaction) -> Transaction:
    # Stores keep milliseconds; comparing anything finer would make the result depend on the order again.
    times: dict[str, Any] = {name: _ms(at) for name in _TIMES if (at := getattr(facts, name)) is not None}
    return replace(facts, **times)


def _ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
