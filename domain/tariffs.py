"""Tariffs: what charging costs by the kWh, the minute and the session, and how a cost comes about.

A cost is worked out from what is kept anyway: the reconciled energy, what the charge point told, and the versions of
the tariff, which are never changed. So it can be worked out again at any time, and says itself how it came about.
Amounts are Decimals, rounded once, half up, to the currency's minor unit (ISO 4217): the net sum, and then its tax.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain import courses
from domain.courses import Stretch
from domain.models import Transaction
from domain.reconciler import IMPLAUSIBLE
from ocppj import timestamps

Payload = dict[str, Any]

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)

_QUARTER = timedelta(minutes=15)  # prices change and clocks are put back on the quarter of an hour
_MINOR_UNITS = dict.fromkeys(
    ("CLP", "ISK", "JPY", "KRW", "PYG", "RWF", "UGX", "VND", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)


class Dimension(StrEnum):
    """What a price is for."""

    ENERGY = "energy"  # a kWh
    TIME = "time"  # a minute in which the vehicle charges
    IDLE = "idle"  # a minute in which it is connected and takes nothing
    SESSION = "session"  # once


_UNITS = {Dimension.ENERGY: "kWh", Dimension.TIME: "min", Dimension.IDLE: "min", Dimension.SESSION: "session"}


class _Terms(BaseModel):
    # Built when the first tariff is read: where there is none, a Lambda need not wait for it.
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


def _on_the_quarter(moment: time | None) -> time | None:
    if moment is not None and (moment.minute % 15 or moment.second or moment.microsecond or moment.tzinfo):
        raise ValueError("must be local, on the quarter of an hour")
    return moment


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # of a name that is no file in its database
        raise ValueError("is no time zone of the IANA database") from error
    return name


Quarter = Annotated[time | None, AfterValidator(_on_the_quarter)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=12)]


class Price(_Terms):
    """What one unit costs, net.

    The first `free` units of its dimension in a transaction cost nothing. `days` (1 is Monday) and the hours from
    `begins` to `ends` are local; no days are all days, and hours may go past midnight.
    """

    dimension: Dimension
    price: Amount
    free: Amount = Decimal(0)
    days: tuple[Annotated[int, Field(ge=1, le=7)], ...] = ()
    begins: Quarter = None
    ends: Quarter = None

    def holds(self, local: datetime) -> bool:
        """Whether this is the price at a local time."""
        at, begins, ends = local.time(), self.begins or time.min, self.ends
        if self.days and local.isoweekday() not in self.days:
            return False
        if ends is None or ends == time.min:
            return at >= begins
        return begins <= at < ends if begins <= ends else at >= begins or at < ends

    @property
    def is_constant(self) -> bool:
        return not (self.days or self.begins or self.ends)


class Tariff(_Terms):
    """A version of a tariff; the first price of a dimension that holds counts. `text` is what drivers are shown."""

    tariff_id: Annotated[str, Field(min_length=1, max_length=36)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    prices: tuple[Price, ...]
    tax_percent: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(0)
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    valid_from: AwareDatetime = ALWAYS
    text: Annotated[str, Field(max_length=512)] = ""

    def price_of(self, dimension: Dimension, at: datetime) -> Price | None:
        """The price of a dimension at a time."""
        local = at.astimezone(_zone(self.time_zone))
        return next((price for price in self.prices if price.dimension is dimension and price.holds(local)), None)


@dataclass(slots=True)
class _Line:
    """How much there was at one price; quantities in kWh, seconds or sessions."""

    tariff: Tariff
    price: Price
    begin: datetime
    end: datetime
    quantity: Decimal = Decimal(0)
    free: Decimal = Decimal(0)

    @property
    def amount(self) -> Decimal:
        # Divided once, of the whole quantity: two halves of a minute are a minute.
        return self.price.price * (self.quantity - self.free) / _per_unit(self.price.dimension)


@dataclass(slots=True)
class _Sheet:
    lines: dict[tuple[datetime, Price], _Line] = field(default_factory=dict)
    taken: dict[Dimension, Decimal] = field(default_factory=dict)

    def add(self, dimension: Dimension, quantity: Decimal, stretch: Stretch, tariff: Tariff) -> None:
        price = tariff.price_of(dimension, stretch.begin)
        before = self.taken.get(dimension, Decimal(0))
        self.taken[dimension] = before + quantity
        if price is None or not quantity:
            return
        line = self.lines.setdefault((tariff.valid_from, price), _Line(tariff, price, stretch.begin, stretch.end))
        line.end = stretch.end
        line.quantity += quantity
        line.free += max(Decimal(0), min(quantity, price.free * _per_unit(dimension) - before))


def may_follow(tariff: Tariff, newest: Tariff | None) -> bool:
    """Whether this may be the next version: what was valid stays as it was, and in its currency."""
    return newest is None or (tariff.valid_from > newest.valid_from and tariff.currency == newest.currency)


def in_force(versions: Sequence[Tariff], at: datetime) -> Tariff:
    """The version of a tariff that is valid then; before the first one, the first."""
    return next((tariff for tariff in reversed(versions) if tariff.valid_from <= at), versions[0])


def needs_course(versions: Iterable[Tariff]) -> bool:
    """Whether it takes more than the sums of a transaction to know what it costs."""
    every = list(versions)
    prices = [price for tariff in every for price in tariff.prices]
    is_timed = any(price.dimension in (Dimension.TIME, Dimension.IDLE) or not price.is_constant for price in prices)
    return is_timed or len(every) > 1


def cost(transaction: Transaction, told: Sequence[Payload], versions: Sequence[Tariff]) -> Payload | None:
    """What a transaction costs so far, or None if nobody can say.

    `versions` are those of its tariff, oldest first; `told` is what TransactionHistory has of it, which may be empty
    unless `needs_course`. The keys and the meaning of its members: docs/tariffs.md.
    """
    course = courses.of(transaction, told)
    if not course or IMPLAUSIBLE in transaction.rules:
        return None
    sheet = _Sheet()
    for stretch in _cut(course, versions):
        tariff = in_force(versions, stretch.begin)
        sheet.add(Dimension.SESSION, Decimal(0 if Dimension.SESSION in sheet.taken else 1), stretch, tariff)
        sheet.add(Dimension.ENERGY, Decimal(stretch.wh) / 1000, stretch, tariff)
        seconds = Decimal(stretch.length // timedelta(microseconds=1)) / 10**6
        if stretch.use in (courses.CHARGING, courses.IDLE):
            sheet.add(Dimension(_OF_USE[stretch.use]), seconds, stretch, tariff)
    return _explained(transaction, sheet, versions)


_OF_USE = {courses.CHARGING: Dimension.TIME, courses.IDLE: Dimension.IDLE}


def _explained(transaction: Transaction, sheet: _Sheet, versions: Sequence[Tariff]) -> Payload:
    currency = versions[0].currency
    minor = Decimal(1).scaleb(-_MINOR_UNITS.get(currency, 2))
    lines = list(sheet.lines.values())
    net, tax = Decimal(0), Decimal(0)
    for percent in sorted({line.tariff.tax_percent for line in lines}):
        part = _rounded(sum((line.amount for line in lines if line.tariff.tax_percent == percent), Decimal(0)), minor)
        net, tax = net + part, tax + _rounded(part * percent / 100, minor)
    return {
        "tariffId": versions[0].tariff_id,
        "currency": currency,
        "net": str(_rounded(net, minor)),
        "tax": str(_rounded(tax, minor)),
        "total": str(_rounded(net + tax, minor)),
        "isFinal": not transaction.is_open,
        "energyWh": transaction.billed_wh or 0,
        "chargingS": _number(sheet.taken.get(Dimension.TIME, Decimal(0))),
        "idleS": _number(sheet.taken.get(Dimension.IDLE, Decimal(0))),
        "rules": list(transaction.rules),
        "lines": [_told(line) for line in lines],
    }


def _told(line: _Line) -> Payload:
    dimension, per_unit = line.price.dimension, _per_unit(line.price.dimension)
    return {
        "dimension": dimension.value,
        "unit": _UNITS[dimension],
        "quantity": _number(line.quantity / per_unit),
        "free": _number(line.free / per_unit),
        "price": str(line.price.price),
        "amount": _number(line.amount),
        "taxPercent": str(line.tariff.tax_percent),
        "from": timestamps.write(line.begin),
        "to": timestamps.write(line.end),
        "tariffValidFrom": timestamps.write(line.tariff.valid_from),
    }


def _cut(course: Iterable[Stretch], versions: Sequence[Tariff]) -> Iterator[Stretch]:
    """The same course, in pieces within which no price changes."""
    is_constant = all(price.is_constant for tariff in versions for price in tariff.prices)
    for stretch in course:
        cuts = {tariff.valid_from for tariff in versions}
        if not is_constant:
            cuts |= set(_quarters(stretch.begin, stretch.end))
        yield from stretch.cut(sorted(at for at in cuts if stretch.begin < at < stretch.end))


def _quarters(begin: datetime, end: datetime) -> Iterator[datetime]:
    at = begin - (begin - ALWAYS) % _QUARTER
    while at < end:
        yield at
        at += _QUARTER


def _per_unit(dimension: Dimension) -> int:
    return 60 if dimension in (Dimension.TIME, Dimension.IDLE) else 1


def _rounded(amount: Decimal, minor: Decimal) -> Decimal:
    return amount.quantize(minor, ROUND_HALF_UP)


def _number(number: Decimal) -> str:
    """To six digits after the point, without those that say nothing."""
    text = f"{number.quantize(Decimal('0.000001'), ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".")


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
