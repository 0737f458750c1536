"""How the facts about a transaction add up, in whatever order and however often they arrive.

A sheet is a transaction with a stamp beside each fact: when the device said it, and in which event. Start and end
facts belong to the earliest stamp, the others to the latest, so that any order of the same events gives the same
transaction. Every store of transactions folds with these functions and keeps the sheet; the bill follows each time
(reconciler.py).
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from domain import reconciler
from domain.models import Transaction, TransactionEvent
from ocppj import timestamps

Stamp = tuple[datetime, int, int]  # device time, seq_no (-1: no 2.x event), rank of the event's type

News = dict[str, tuple[Any, Stamp]]  # by field name: what it is now, and who says so

MAX_TRANSACTION_ID = 2**31 - 1  # 1.6 schemas say "integer", and charge points keep it in an int32 (C-41)

_NO_EVENT = -1
_RANKS = {"Started": 0, "Updated": 1, "Ended": 2}  # for clients that give all their events the same number
_EARLIEST = (
    "version", "id_token", "id_token_type", "id_token_status", "started_at", "meter_start_wh", "remote_start_id",
    "reservation_id", "tariff_id", "partner", "ended_at", "meter_stop_wh", "stop_reason", "stop_id_token",
    "start_received_at", "stop_received_at",
)  # fmt: skip
_LATEST = ("connector", "charging_state")
_SAMPLED = ("energy_wh", "power_w", "soc_percent", "sampled_at")
_FIRST = ("first_energy_wh", "first_sampled_at")
_TIMES = (
    "started_at", "ended_at", "sampled_at", "first_sampled_at", "start_received_at", "stop_received_at",
    "next_started_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """A transaction and, by field name, the stamps of those facts that other facts may still replace."""

    transaction: Transaction
    stamps: Mapping[str, Stamp] = field(default_factory=dict)


def natural_key(start: Transaction, number: int = 1) -> str:
    """What makes two 1.6 starts the same start: charge points repeat theirs until it is answered (C-44).

    `number` tells those apart that look the same and are not (`is_another`).
    """
    begun_at = timestamps.write(start.started_at) if start.started_at else ""
    token = (start.id_token or "").lower()  # B-24
    key = [start.charge_point_id, str(start.connector), begun_at, str(start.meter_start_wh), token]
    return "\n".join(key + ([str(number)] if number > 1 else []))


def is_another(start: Transaction, stored: Transaction) -> bool:
    """Whether a start that looks like one we know is a new one: the clock of its charge point stands still.

    It came after the other's end; and by a clock that goes, nothing begins again before it has ended.
    """
    if stored.ended_at is None or stored.started_at is None:
        return False
    if start.start_received_at is None or stored.stop_received_at is None:
        return False
    goes = stored.ended_at > stored.started_at and stored.started_at >= reconciler.EARLIEST
    return not goes and start.start_received_at > stored.stop_received_at


def begun(start: Transaction, transaction_id: int, number: int = 1) -> Sheet:
    """A 1.6 transaction with its id."""
    start_number = number if number > 1 else None
    return _settled(Sheet(replace(_in_ms(start), transaction_id=str(transaction_id), start_number=start_number)))


def finished(stored: Sheet | None, stop: Transaction) -> Sheet:
    """The first stop of a 1.6 transaction wins; without a start it is an orphan (C-45, C-46)."""
    stop = _in_ms(stop)
    if stored is None:
        return _settled(Sheet(stop))
    if stored.transaction.ended_at is not None:
        return stored
    said = ("ended_at", "meter_stop_wh", "stop_reason", "stop_id_token", "stop_received_at")
    ended = replace(stored.transaction, **{name: getattr(stop, name) for name in said})
    return _settled(replace(stored, transaction=ended))


def recorded(stored: Sheet | None, event: TransactionEvent) -> Sheet:
    """Fold in a 2.x event."""
    facts, at, rank = _in_ms(event.facts), _ms(event.at), _RANKS.get(event.event_type, 1)
    sheet = stored or Sheet(Transaction(facts.charge_point_id, facts.transaction_id, facts.version))
    stamp = (at, event.seq_no, rank)
    news = _news(sheet, facts, _EARLIEST, stamp, operator.lt) | _news(sheet, facts, _LATEST, stamp, operator.gt)
    news |= _samples(sheet, facts, facts.sampled_at or at, event.seq_no, rank)
    numbers = _with_number(sheet.transaction.event_numbers, event.seq_no)
    return _told(sheet, news, event_numbers=numbers)


def sampled(stored: Sheet, taken: Transaction) -> Sheet:
    """Fold in the readings of a meter value."""
    taken = _in_ms(taken)
    if taken.sampled_at is None:
        return stored
    return _told(stored, _samples(stored, taken, taken.sampled_at, _NO_EVENT, 0))


def followed(stored: Sheet, next_started_at: datetime) -> Sheet:
    """Fold in that another transaction of its connector began; the first after it counts."""
    known, news = stored.transaction.next_started_at, _ms(next_started_at)
    if known is not None and known <= news:
        return stored
    sheet = _settled(replace(stored, transaction=replace(stored.transaction, next_started_at=news)))
    cost, rules = sheet.transaction.cost, sheet.transaction.rules
    # That it goes on no longer changes nothing of what it took.
    return sheet if cost is None else priced(sheet, {**cost, "isFinal": True, "rules": list(rules)})


def priced(stored: Sheet, cost: dict[str, Any] | None) -> Sheet:
    """Put in what it costs now."""
    return replace(stored, transaction=replace(stored.transaction, cost=cost))


def place(transaction: Transaction) -> tuple[str, str] | None:
    """Where a transaction stands among those of its connector: the EVSE or connector, and a text that sorts.

    None while it isn't known when or where it began.
    """
    at = reconciler.placed_at(transaction)
    if at is None or transaction.connector is None:
        return None
    return transaction.connector.partition(".")[0], timestamps.write(at)


def newly_reconciled(before: Sheet | None, after: Sheet) -> tuple[str, ...]:
    """The rules that apply to a transaction that no longer runs, and did not before; to be counted once each."""
    if after.transaction.is_open:
        return ()  # more readings may put it right
    known = () if before is None or before.transaction.is_open else before.transaction.rules
    return tuple(rule for rule in after.transaction.rules if rule not in known)


def _settled(sheet: Sheet) -> Sheet:
    return Sheet(reconciler.reconciled(sheet.transaction), sheet.stamps)


def _with_number(ranges: str | None, number: int) -> str:
    """The ranges with one number more: "0..4,6" and 5 are "0..6"."""
    spans = [tuple(map(int, span.split(".."))) for span in (ranges or "").split(",") if span]
    merged: list[tuple[int, int]] = []
    for low, high in sorted([*((span[0], span[-1]) for span in spans), (int(number), int(number))]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return ",".join(str(low) if low == high else f"{low}..{high}" for low, high in merged)


def _samples(sheet: Sheet, facts: Transaction, at: datetime, seq_no: int, rank: int) -> News:
    newest = _news(sheet, facts, _SAMPLED, (at, seq_no, rank), operator.gt)
    return newest | _news(sheet, facts, _FIRST, (facts.first_sampled_at or at, seq_no, rank), operator.lt)


def _news(
    sheet: Sheet, facts: Transaction, names: Iterable[str], stamp: Stamp, wins: Callable[[Stamp, Stamp], bool]
) -> News:
    """What these facts say that counts more than what is known; a fact that is None says nothing."""
    # Equal stamps are the same event again: what is stored stays.
    return {
        name: (value, stamp)
        for name in names
        if (value := getattr(facts, name)) is not None and (name not in sheet.stamps or wins(stamp, sheet.stamps[name]))
    }


def _told(sheet: Sheet, news: News, **others: Any) -> Sheet:
    facts = {name: value for name, (value, _) in news.items()}
    stamps = {name: stamp for name, (_, stamp) in news.items()}
    return _settled(Sheet(replace(sheet.transaction, **facts, **others), {**sheet.stamps, **stamps}))


def _in_ms(facts: Transaction) -> Transaction:
    # Stores keep milliseconds; comparing anything finer would make the result depend on the order again.
    said = {name: at for name in _TIMES if (at := getattr(facts, name)) is not None}
    finer: dict[str, Any] = {name: _ms(at) for name, at in said.items() if at.microsecond % 1000}
    return replace(facts, **finer) if finer else facts


def _ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
