"""Prices times quantities: what each service costs, and which quotas the fleet would hit."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from infra.cost.fleet import Fleet, Line, demands, lines
from infra.options import Options


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the bill, USD a month."""

    line: Line
    usd: float


@dataclass(frozen=True, slots=True)
class Quota:
    """What the fleet wants at its peak, and what an account may without asking."""

    name: str
    wanted: float
    limit: float

    @property
    def is_enough(self) -> bool:
        """Whether nobody has to ask."""
        return self.wanted <= self.limit


@dataclass(frozen=True, slots=True)
class Bill:
    """All of it."""

    items: tuple[Item, ...]
    quotas: tuple[Quota, ...]

    @property
    def total(self) -> float:
        """USD a month."""
        return sum(item.usd for item in self.items)

    @property
    def services(self) -> dict[str, float]:
        """USD a month of each service, the dearest first."""
        sums: dict[str, float] = {}
        for item in self.items:
            sums[item.line.service] = sums.get(item.line.service, 0) + item.usd
        return dict(sorted(sums.items(), key=lambda each: -each[1]))


@cache
def table() -> dict[str, Any]:
    """`prices.yaml`: `as_of`, `region`, `prices`, `quotas`."""
    read = yaml.safe_load(files("infra.cost").joinpath("prices.yaml").read_text(encoding="utf-8"))
    if not isinstance(read, dict):
        raise TypeError("infra/cost/prices.yaml is no table")
    return read


def bill(fleet: Fleet, options: Options) -> Bill:
    """What the fleet costs with these options."""
    quotas = table()["quotas"]
    wanted = demands(fleet, options)
    return Bill(
        tuple(priced(lines(fleet, options))),
        tuple(Quota(name, wanted[name], float(quota["limit"])) for name, quota in quotas.items()),
    )


def priced(of: Iterable[Line]) -> list[Item]:
    """Lines with their price; tiers count over all lines of the same price."""
    used: dict[str, float] = {}
    items = []
    for line in of:
        if not line.quantity:
            continue
        before = used.get(line.price, 0.0)
        used[line.price] = before + line.quantity
        price = table()["prices"][line.price]
        items.append(Item(line, _tiered(price, used[line.price]) - _tiered(price, before)))
    return items


def _tiered(price: Any, quantity: float) -> float:
    if not isinstance(price, list):
        return float(price) * quantity
    paid, start = 0.0, 0.0
    for end, each in price:
        upper = quantity if end is None else min(quantity, float(end))
        paid += max(0.0, upper - start) * float(each)
        start = upper
    return paid
