"""The course of a transaction: when its vehicle took how much, from what its charge point told.

The energies of the stretches always add up to what is billed (domain/reconciler.py), whatever the readings say.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from domain import readings, reconciler
from domain.models import Transaction
from ocppj import timestamps

Payload = dict[str, Any]
Register = list[tuple[datetime, float]]  # Wh by time, in its order

CHARGING, IDLE, HELD = "charging", "idle", "held"  # held: the charge point does not let it charge

# Who says no state is idle below this.
IDLE_W = 100

_USES = {"Charging": CHARGING, "SuspendedEVSE": HELD, "SuspendedEV": IDLE, "EVConnected": IDLE, "Idle": IDLE}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a vehicle took so many Wh, or was connected only."""

    begin: datetime
    end: datetime
    wh: int
    use: str

    @property
    def length(self) -> timedelta:
        return self.end - self.begin

    def cut(self, moments: Sequence[datetime]) -> Iterator["Stretch"]:
        """Its pieces; `moments` lie within it, in order. Their energies are whole Wh and add up to its own."""
        taken = 0
        for begin, end in pairwise((self.begin, *moments, self.end)):
            until = self.wh if end == self.end else round(self.wh * ((end - self.begin) / self.length))
            yield replace(self, begin=begin, end=end, wh=until - taken)
            taken = until


def of(transaction: Transaction, told: Sequence[Payload]) -> list[Stretch]:
    """The course of a transaction, in its order; empty if nobody knows when it was."""
    begin, end = _span(transaction)
    if begin is None or end is None:
        return []
    if begin == end:
        return [Stretch(begin, end, transaction.billed_wh or 0, CHARGING)]
    register = _register(transaction, told, begin, end)
    states = sorted((at, use) for at, use in _states(told) if at < end)
    moments = sorted({at for at, _ in (*register, *states) if begin <= at <= end})
    return [
        Stretch(a, b, round(_at(register, b)) - round(_at(register, a)), _use(a, states, register))
        for a, b in pairwise(moments)
    ]


def _span(transaction: Transaction) -> tuple[datetime | None, datetime | None]:
    begin = reconciler.placed_at(transaction)
    end = transaction.ended_at or transaction.sampled_at or begin
    # By a clock that can't be used nothing took any time.
    is_useless = (
        reconciler.clock_wrong(transaction)
        or reconciler.frozen_clock(transaction)
        or reconciler.end_before_start(transaction)
    )
    if begin is not None and end is not None and (is_useless or end < begin):
        return begin, begin
    return begin, end


def _register(transaction: Transaction, told: Sequence[Payload], begin: datetime, end: datetime) -> Register:
    """How much had been delivered by when: from nothing to what is billed, never falling."""
    billed, total, grown = transaction.billed_wh or 0, 0.0, {}
    readings_of = [(at, wh) for at, wh in _readings(told) if begin <= at <= end]
    for (_, before), (at, after) in pairwise(readings_of):
        total += max(0.0, after - before)
        grown[at] = total
    # What the readings don't tell of came before the first of them, as far as the meter says so, or after the last.
    scale, head = min(1.0, billed / total) if total else 1.0, 0.0
    if readings_of and readings_of[0][0] > begin and transaction.meter_start_wh is not None:
        head = min(max(0.0, readings_of[0][1] - transaction.meter_start_wh), billed - total * scale)
        grown |= {readings_of[0][0]: 0.0}
    course = {begin: 0.0} | {at: head + wh * scale for at, wh in sorted(grown.items())} | {end: float(billed)}
    return list(course.items())


def _at(register: Register, at: datetime) -> float:
    index = bisect_right(register, at, key=lambda entry: entry[0])
    before_at, before = register[index - 1]
    if index == len(register) or before_at == at:
        return before
    after_at, after = register[index]
    return before + (after - before) * ((at - before_at) / (after_at - before_at))


def _readings(told: Sequence[Payload]) -> list[tuple[datetime, float]]:
    by_time: dict[datetime, list[readings.Sample]] = {}
    for sample in readings.samples(_meter_values(told)):
        by_time.setdefault(sample.at, []).append(sample)
    found = ((at, readings.newest(taken).energy_wh) for at, taken in sorted(by_time.items()))
    return [(at, wh) for at, wh in found if wh is not None]


def _meter_values(told: Sequence[Payload]) -> Iterator[Payload]:
    for payload in told:
        if "sampledValue" in payload:
            yield payload
        yield from payload.get("meterValue", ())


def _states(told: Sequence[Payload]) -> Iterator[tuple[datetime, str]]:
    for payload in told:
        state = payload.get("transactionInfo", {}).get("chargingState")
        if state in _USES:
            yield timestamps.parse(payload["timestamp"]), _USES[state]


def _use(at: datetime, states: list[tuple[datetime, str]], register: Register) -> str:
    index = bisect_right(states, at, key=lambda entry: entry[0])
    if index:
        return states[index - 1][1]
    # Meters count in steps: what matters is the time from one step to the next, however often they are read.
    steps = [register[0], *(after for before, after in pairwise(register) if after[1] > before[1]), register[-1]]
    index = min(bisect_right(steps, at, key=lambda entry: entry[0]), len(steps) - 1)
    (begin, before), (end, after) = steps[index - 1], steps[index]
    hours = (end - begin) / timedelta(hours=1)
    return CHARGING if hours > 0 and (after - before) / hours >= IDLE_W else IDLE
