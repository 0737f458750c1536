"""What a transaction is billed, whatever its charge point says: rules with names, one for each thing that goes wrong.

Charge points start their meter at zero, stop it in kWh, roll it over, lose their clock or the end of a transaction.
What they say is kept as it is; beside it stand `billed_wh` and the names of the rules that had to be applied. All of
it follows from the facts alone, so it is the same in whatever order they came.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from domain.models import Transaction

# No charge point delivers more, so an energy that would take more was not delivered.
MAX_POWER_W = 400_000
# More than a battery holds: too much to believe a meter that began at zero, or a clock that can't be used.
DOUBTFUL_WH = 200_000
SLACK_WH = 1_000  # of meters that are read at different moments and rounded

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # where clocks begin that nobody has set is before this
AHEAD = timedelta(minutes=5)
AFTER = timedelta(minutes=1)  # values that belong to the stop may be a little late

_REGISTERS = (10**6, 10**7, 10**8, 10**9, 2**31, 2**32)  # Wh at which registers begin anew
_NEARLY = 0.95
_KILO = 1000


@dataclass(frozen=True, slots=True)
class Bill:
    """From where to where a transaction is billed, and the readings in between that bear witness, in Wh."""

    transaction: Transaction
    begin: float
    end: float
    first: float | None
    last: float | None


Correction = Callable[[Bill], Bill | None]
Finding = Callable[[Transaction], bool]


def reconciled(transaction: Transaction) -> Transaction:
    """The transaction with its bill and the names of the rules that apply to it."""
    found = [name for name, finds in FINDINGS.items() if finds(transaction)]
    billed_wh, corrected = _billed(transaction)
    rules = (*found, *corrected)
    if (billed_wh, rules) == (transaction.billed_wh, transaction.rules):
        return transaction
    return replace(transaction, billed_wh=billed_wh, rules=rules)


def is_clock_wrong(said: datetime | None, received_at: datetime | None) -> bool:
    """Whether a device can't have meant the time it said: before 2000, or in the future."""
    if said is None:
        return False
    return said < EARLIEST or (received_at is not None and said > received_at + AHEAD)


def placed_at(transaction: Transaction) -> datetime | None:
    """When a transaction began, for putting those of a connector in their order."""
    started_at, received_at = transaction.started_at, transaction.start_received_at
    is_useless = is_clock_wrong(started_at, received_at) or frozen_clock(transaction)
    return received_at or started_at if is_useless else started_at


# What can be found and changes no bill.


def clock_wrong(transaction: Transaction) -> bool:
    """It began or ended before 2000, or in the future."""
    return is_clock_wrong(transaction.started_at, transaction.start_received_at) or is_clock_wrong(
        transaction.ended_at, transaction.stop_received_at
    )


def frozen_clock(transaction: Transaction) -> bool:
    """An earlier start looks exactly like this one, but had ended when this one came."""
    return transaction.start_number is not None


def end_before_start(transaction: Transaction) -> bool:
    """It ended before it began."""
    started_at, ended_at = transaction.started_at, transaction.ended_at
    return started_at is not None and ended_at is not None and ended_at < started_at


def stop_without_start(transaction: Transaction) -> bool:
    """We know of its end only."""
    return transaction.ended_at is not None and transaction.started_at is None


def left_open(transaction: Transaction) -> bool:
    """It has no end, but the next of its connector began, or it was given up. It is billed up to the last reading."""
    return transaction.ended_at is None and transaction.next_started_at is not None


def values_after_stop(transaction: Transaction) -> bool:
    """Meter values go on after the end. They don't count."""
    return transaction.ended_at is not None and not _is_within(transaction)


FINDINGS: dict[str, Finding] = {
    finds.__name__: finds
    for finds in (clock_wrong, frozen_clock, end_before_start, stop_without_start, left_open, values_after_stop)
}


# What corrects a bill that can't be right. Each says nothing unless it makes the bill right.


def zero_end(bill: Bill) -> Bill | None:
    """The meter ends at zero: the last reading counts."""
    return replace(bill, end=bill.last) if bill.end == 0 and bill.last is not None else None


def kwh_slip(bill: Bill) -> Bill | None:
    """The meter begins, or ends, or both, in kWh where Wh belong."""
    for begin, end in (
        (bill.begin * _KILO, bill.end),
        (bill.begin, bill.end * _KILO),
        (bill.begin * _KILO, bill.end * _KILO),
    ):
        slipped = replace(bill, begin=_finer(begin, bill, bill.first), end=_finer(end, bill, bill.last))
        if begin > 0 and end > 0 and _is_right(slipped):
            return slipped
    return None


def zero_begin(bill: Bill) -> Bill | None:
    """The meter begins at zero, but its register doesn't: the first reading counts."""
    return replace(bill, begin=bill.first) if bill.begin == 0 and bill.first is not None else None


def register_rollover(bill: Bill) -> Bill | None:
    """The register reached its end and went on from zero."""
    for size in _REGISTERS:
        if _NEARLY * size <= bill.begin < size and bill.end < bill.begin:
            first, last = (_rolled(reading, bill.begin, size) for reading in (bill.first, bill.last))
            return replace(bill, end=bill.end + size, first=first, last=last)
    return None


def odometer_begin(bill: Bill) -> Bill | None:
    """The meter begins with the register of its lifetime, but everything after counts from zero."""
    return replace(bill, begin=0.0) if bill.end < bill.begin else None


CORRECTIONS: dict[str, Correction] = {
    corrects.__name__: corrects for corrects in (zero_end, kwh_slip, zero_begin, register_rollover, odometer_begin)
}
IMPLAUSIBLE = "implausible"  # nothing makes the bill right: there is none, and somebody has to look


def _billed(transaction: Transaction) -> tuple[int | None, tuple[str, ...]]:
    bill = _raw(transaction)
    if bill is None:
        return None, ()
    if _is_right(bill):
        return round(bill.end - bill.begin), ()
    for names, corrected in _corrected(bill):
        if _is_right(corrected):
            return round(corrected.end - corrected.begin), names
    # The readings may come from another meter, or in a unit of their own: what was said counts if it may be true.
    if _may_be(bill):
        return round(bill.end - bill.begin), ()
    return None, (IMPLAUSIBLE,)


def _corrected(bill: Bill) -> Iterator[tuple[tuple[str, ...], Bill]]:
    once = [((name,), one) for name, corrects in CORRECTIONS.items() if (one := corrects(bill)) is not None]
    yield from once
    for names, one in once:
        for name, corrects in CORRECTIONS.items():
            if name not in names and (both := corrects(one)) is not None:
                yield (*names, name), both


def _raw(transaction: Transaction) -> Bill | None:
    last = transaction.energy_wh if _is_within(transaction) else None
    first = transaction.first_energy_wh
    begin = transaction.meter_start_wh if transaction.meter_start_wh is not None else first
    end = transaction.meter_stop_wh if transaction.meter_stop_wh is not None else last
    return None if begin is None or end is None else Bill(transaction, begin, end, first, last)


def _is_within(transaction: Transaction) -> bool:
    ended_at, sampled_at = transaction.ended_at, transaction.sampled_at
    return ended_at is None or sampled_at is None or sampled_at <= ended_at + AFTER


def _is_right(bill: Bill) -> bool:
    return _may_be(bill) and _fits(bill, bill.first, bill.transaction.first_sampled_at) and _fits(bill, bill.last, None)


def _may_be(bill: Bill) -> bool:
    # A meter that begins at zero is believed if its first readings are near zero too.
    is_doubtful = bill.begin == 0 and bill.first is None
    transaction = bill.transaction
    seconds = _seconds(transaction.started_at, transaction.ended_at or transaction.sampled_at)
    delivered = bill.end - bill.begin
    return 0 <= delivered <= _at_most(seconds) and not (is_doubtful and delivered > DOUBTFUL_WH)


def _fits(bill: Bill, reading: float | None, at: datetime | None) -> bool:
    if reading is None:
        return True
    if not bill.begin - SLACK_WH <= reading <= bill.end + SLACK_WH:
        return False
    return at is None or reading - bill.begin <= _at_most(_seconds(bill.transaction.started_at, at))


def _at_most(seconds: float | None) -> float:
    return DOUBTFUL_WH if seconds is None else SLACK_WH + MAX_POWER_W * seconds / 3600


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    # A clock that was set in between says nothing about how long it took.
    if begin is None or end is None or end < begin or (begin < EARLIEST) != (end < EARLIEST):
        return None
    return (end - begin).total_seconds()


def _finer(kilo: float, bill: Bill, reading: float | None) -> float:
    # Whole kWh are coarse: the reading they were rounded from is better.
    is_changed = kilo not in (bill.begin, bill.end)
    return reading if is_changed and reading is not None and abs(reading - kilo) <= SLACK_WH else kilo


def _rolled(reading: float | None, begin: float, size: int) -> float | None:
    return reading + size if reading is not None and reading < begin - SLACK_WH else reading
