"""What a fleet will do, decided by a seed before anything happens: no clock, no socket, no state."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from charge_point_sim.build import DIALECTS
from charge_point_sim.parts import Cause, Setup, some_end
from charge_point_sim.quirks import Quirk, QuirkError, quirk
from ocppj.versions import V16, V201, Version

Scenario = Literal["steady", "rush-hour", "reconnect-storm", "firmware"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)

_STORMS = (0.4, 0.7)  # when, as parts of the duration, every line is cut
_ROLL_OUT = (0.2, 0.7)  # from when to when a firmware is rolled out
_QUIET, _BUSIEST = 0.15, 3.0  # how much of the steady traffic flows at night, and in the middle of the rush hour
_GOLDEN = (math.sqrt(5) - 1) / 2


class PlanError(ValueError):
    """A plan that can't be carried out; says why."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A driver comes so many seconds after the start, presents a token and stays for a while; `end` is how it ends."""

    at_s: float
    connector: int
    token: str
    stay_s: float
    end: Cause


@dataclass(frozen=True, slots=True)
class Plan:
    """A fleet and what happens to it. The same plan always means the same arrivals, tokens and choices."""

    count: int
    scenario: Scenario = "steady"
    duration_s: float = 600.0
    seed: int = 7
    mix: tuple[tuple[Version, float], ...] = ((V16, 70.0), (V201, 30.0))
    rate_per_s: float = 200.0
    prefix: str = "SIM-"
    connectors: int = 2
    tokens: tuple[str, ...] = ("DEMO-TAG-1",)
    password: str | None = None
    session_s: float = 60.0
    pause_s: float = 120.0
    sample_s: int = 30
    ping_s: int = 0
    call_timeout_s: float = 30.0
    quirks: tuple[tuple[Quirk, float], ...] = ()  # each with the percentage of charge points that have it

    def identity(self, number: int) -> str:
        """The identity of this charge point: the prefix and at least five digits."""
        return f"{self.prefix}{number:05}"

    def version(self, number: int) -> Version:
        """Its version: in any run of numbers the shares are as near to the mix as can be."""
        place = number * _GOLDEN % 1 * sum(share for _, share in self.mix)
        for version, share in self.mix:
            place -= share
            if place < 0:
                return version
        return self.mix[-1][0]

    def setup(self, number: int) -> Setup:
        """What it is made of. `{id}` in the password stands for its identity."""
        identity = self.identity(number)
        password = None if self.password is None else self.password.replace("{id}", identity).encode()
        return Setup(
            identity,
            self.version(number),
            self.connectors,
            password,
            sample_s=self.sample_s,
            ping_s=self.ping_s,
            call_timeout_s=self.call_timeout_s,
            quirks=self._quirks(number),
        )

    def connects_at_s(self, number: int) -> float:
        """When it connects for the first time."""
        return number / self.rate_per_s

    def visits(self, number: int) -> Iterator[Visit]:
        """Who comes to it, one after the other, for ever."""
        rng = self._chance(number, "visits")
        at_s = self.connects_at_s(number)
        while True:
            at_s = self._next_arrival_s(rng, at_s)
            stay_s = self.session_s * rng.uniform(0.5, 1.5)
            yield Visit(at_s, rng.randint(1, self.connectors), rng.choice(self.tokens), stay_s, some_end(rng))
            at_s += stay_s

    def storms_s(self) -> list[float]:
        """When every line is cut."""
        return [part * self.duration_s for part in _STORMS] if self.scenario == "reconnect-storm" else []

    def updates_at_s(self, number: int) -> float | None:
        """When its firmware is updated, if it is."""
        if self.scenario != "firmware":
            return None
        return self._chance(number, "firmware").uniform(*(part * self.duration_s for part in _ROLL_OUT))

    def _quirks(self, number: int) -> frozenset[Quirk]:
        return frozenset(each for each, percent in self.quirks if self._chance(number, each).random() * 100 < percent)

    def _next_arrival_s(self, rng: Random, after_s: float) -> float:
        # A Poisson process at the busiest rate, thinned to what flows at that time of the run.
        at_s = after_s
        busiest = _BUSIEST if self.scenario == "rush-hour" else 1.0
        while True:
            at_s += rng.expovariate(busiest / self.pause_s) if self.pause_s else 0.0
            if rng.random() * busiest <= self._traffic(at_s):
                return at_s

    def _traffic(self, at_s: float) -> float:
        if self.scenario != "rush-hour":
            return 1.0
        from_the_middle = (at_s / self.duration_s - 0.5) / 0.18
        return _QUIET + (_BUSIEST - _QUIET) * math.exp(-from_the_middle * from_the_middle)

    def _chance(self, number: int, what: str) -> Random:
        return Random(f"{self.seed}/{self.identity(number)}/{what}")  # noqa: S311  # cars, not secrets


def read_mix(text: str) -> tuple[tuple[Version, float], ...]:
    """Read `1.6:70,2.0.1:30`; a version without a number has one share.

    Raises:
        PlanError: no such version, or no such number.
    """
    by_name = {version.name: version for version in DIALECTS}
    mix = []
    for part in text.split(","):
        name, _, share = part.strip().partition(":")
        if name not in by_name:
            raise PlanError(f"{name!r} is none of {', '.join(by_name)}")
        mix.append((by_name[name], _share(share or "1")))
    if not sum(share for _, share in mix):
        raise PlanError("a mix needs a share above 0")
    return tuple(mix)


def read_quirk(text: str) -> tuple[Quirk, float]:
    """Read `flapping:5`: a quirk and the percentage of charge points that have it; without a number all have it.

    Raises:
        PlanError: no such quirk, or no such percentage.
    """
    name, _, percent = text.partition(":")
    try:
        return quirk(name), _share(percent or "100")
    except QuirkError as error:
        raise PlanError(str(error)) from error


def read_duration_s(text: str) -> float:
    """Read `90`, `90s`, `10m` or `1.5h`.

    Raises:
        PlanError: it is no duration.
    """
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:], 0)
    number = text[:-1] if unit else text
    try:
        seconds = float(number) * (unit or 1)
    except ValueError as error:
        raise PlanError(f"{text!r} is no duration such as 90s, 10m or 1h") from error
    if not 0 < seconds < math.inf:
        raise PlanError(f"{text!r} is no duration above 0")
    return seconds


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError as error:
        raise PlanError(f"{text!r} is no share") from error
    if not 0 <= share < math.inf:
        raise PlanError(f"{text!r} is no share")
    return share
