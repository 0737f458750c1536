"""Transactions in memory: for tests."""

import copy
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count, pairwise
from threading import RLock
from typing import Any

import orjson

from adapters.memory_events import MemoryEvents
from domain import events, readings, reconciler, transactions
from domain.models import Transaction, TransactionEvent
from domain.transactions import Sheet
from ocppj import timestamps

Key = tuple[str, str]


class MemoryTransactions:
    """Transactions and their history in dicts; `of` and `events` are for tests to look at."""

    def __init__(
        self,
        on_rule: Callable[[str], None] = lambda rule: None,
        ids: Iterator[int] | None = None,
        told: MemoryEvents | None = None,
    ) -> None:
        self._on_rule = on_rule
        self._told = told or MemoryEvents()
        self._sheets: dict[Key, Sheet] = {}
        self._events: dict[Key, dict[tuple[Any, ...], TransactionEvent]] = defaultdict(dict)
        self._values: dict[Key, dict[tuple[str, bytes], dict[str, Any]]] = defaultdict(dict)
        self._started: dict[str, str] = {}
        self._places: dict[Key, list[Key]] = defaultdict(list)  # by charge point and connector: time, transaction
        self._tokens: dict[str, set[Key]] = defaultdict(set)
        self._ids = count(1) if ids is None else ids
        self._lock = RLock()

    def begin(self, start: Transaction) -> Transaction:
        with self._lock:
            for number in count(1):
                natural_key = transactions.natural_key(start, number)
                if natural_key not in self._started:
                    sheet = transactions.begun(start, self._free_id(start.charge_point_id), number)
                    self._started[natural_key] = sheet.transaction.transaction_id
                    return self._put_in_order(self._keep(sheet))
                stored = self._sheets[start.charge_point_id, self._started[natural_key]].transaction
                if not transactions.is_another(start, stored):
                    return stored
        raise AssertionError("count() doesn't end")

    def finish(self, stop: Transaction) -> Transaction:
        with self._lock:
            return self._keep(transactions.finished(self._sheets.get(_key(stop)), stop))

    def record(self, event: TransactionEvent) -> Transaction:
        key = _key(event.facts)
        with self._lock:
            self._events[key].setdefault((event.seq_no, event.at, event.event_type), _copy(event))
            return self._put_in_order(self._keep(transactions.recorded(self._sheets.get(key), event)))

    def sample(self, sampled: Transaction, values: Sequence[dict[str, Any]] = ()) -> Transaction | None:
        key = _key(sampled)
        with self._lock:
            for value in values:
                self._values[key][str(value.get("timestamp")), orjson.dumps(value)] = copy.deepcopy(value)
            stored = self._sheets.get(key)
            return None if stored is None else self._keep(transactions.sampled(stored, sampled))

    def find(self, charge_point_id: str, transaction_id: str) -> Transaction | None:
        sheet = self._sheets.get((charge_point_id, transaction_id))
        return sheet.transaction if sheet else None

    def told(self, charge_point_id: str, transaction_id: str) -> Sequence[dict[str, Any]]:
        values = self._values.get((charge_point_id, transaction_id), {})
        of_events = [event.payload for event in self.events(charge_point_id, transaction_id)]
        return of_events + [values[key] for key in sorted(values)]

    def note_token(self, transaction: Transaction) -> None:
        with self._lock:
            self._tokens[(transaction.id_token or "").lower()].add(_key(transaction))

    def with_token(self, id_token: str) -> Sequence[Transaction]:
        noted = [self._sheets[key].transaction for key in sorted(self._tokens.get(id_token.lower(), ()))]
        return [transaction for transaction in noted if transaction.is_open]

    def newest(self, charge_point_id: str, connector: str, by: datetime) -> Transaction | None:
        before = [at for at in self._places.get((charge_point_id, connector), ()) if at[0] <= timestamps.write(by)]
        return self._sheets[charge_point_id, before[-1][1]].transaction if before else None

    def price(
        self, charge_point_id: str, transaction_id: str, cost_of: Callable[[Transaction], dict[str, Any] | None]
    ) -> Transaction | None:
        while (sheet := self._sheets.get((charge_point_id, transaction_id))) is not None:
            priced = transactions.priced(sheet, cost_of(sheet.transaction))
            with self._lock:
                if self._sheets[_key(priced.transaction)] is sheet:
                    return self._keep(priced)
        return None

    def give_up(self, transaction: Transaction, at: datetime) -> Transaction | None:
        with self._lock:
            stored = self._sheets.get(_key(transaction))
            return None if stored is None else self._keep(transactions.followed(stored, at))

    def of(self, charge_point_id: str) -> list[Transaction]:
        """The transactions of a charge point."""
        return [sheet.transaction for key, sheet in self._sheets.items() if key[0] == charge_point_id]

    def all(self) -> list[Transaction]:
        """The transactions of all charge points."""
        return [sheet.transaction for sheet in self._sheets.values()]

    def events(self, charge_point_id: str, transaction_id: str) -> list[TransactionEvent]:
        """The 2.x events of a transaction, by sequence number."""
        kept = self._events.get((charge_point_id, transaction_id), {})
        return [kept[key] for key in sorted(kept)]

    def _put_in_order(self, transaction: Transaction) -> Transaction:
        """Tell the transaction before this one, and this one, when the next of their connector began."""
        place = transactions.place(transaction)
        if place is None:
            return transaction
        connector, at = place
        of_connector = self._places[transaction.charge_point_id, connector]
        if (at, transaction.transaction_id) not in of_connector:
            insort(of_connector, (at, transaction.transaction_id))
        index = of_connector.index((at, transaction.transaction_id))
        for before, after in pairwise(of_connector[max(0, index - 1) : index + 2]):
            self._follow(transaction.charge_point_id, before, after)
        return self._sheets[_key(transaction)].transaction

    def _follow(self, charge_point_id: str, before: Key, after: Key) -> None:
        following = self._sheets[charge_point_id, after[1]].transaction
        at = reconciler.placed_at(following)
        if before[1] != after[1] and at is not None:
            self._keep(transactions.followed(self._sheets[charge_point_id, before[1]], at))

    def _free_id(self, charge_point_id: str) -> int:
        # An orphaned stop may sit on an id that was not given out yet.
        return next(number for number in self._ids if (charge_point_id, str(number)) not in self._sheets)

    def _keep(self, sheet: Sheet) -> Transaction:
        before, after = self._sheets.get(_key(sheet.transaction)), sheet.transaction
        for rule in transactions.newly_reconciled(before, sheet):
            self._on_rule(rule)
        self._sheets[_key(after)] = sheet
        if before != sheet:
            news = events.of_transaction(
                before.transaction if before else None, after, lambda: readings.signed(self.told(*_key(after)))
            )
            self._told.write(after.charge_point_id, news, after.partner)
        return after


def _copy(event: TransactionEvent) -> TransactionEvent:
    # Through JSON it takes a tenth of deepcopy's time.
    return replace(event, payload=orjson.loads(orjson.dumps(event.payload)))


def _key(transaction: Transaction) -> Key:
    return transaction.charge_point_id, transaction.transaction_id
