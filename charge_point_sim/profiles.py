"""Charging profiles: how much power they leave at a moment (1.6 §3.13, 2.0.1 part 2 K01). Watts, and no clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from charge_point_sim.meter import VOLTAGE_V
from ocppj import timestamps
from ocppj.frames import Payload

Purpose = Literal["station", "default", "transaction", "priority"]
PURPOSES: dict[str, Purpose] = {
    "ChargePointMaxProfile": "station",
    "ChargingStationMaxProfile": "station",
    "TxDefaultProfile": "default",
    "TxProfile": "transaction",
    "PriorityCharging": "priority",
}
MOST_STACKED = 9
MOST_INSTALLED = 100
MOST_SCHEDULED = 100  # periods of one that is set
MOST_PERIODS = 500  # in a composite schedule
MOST_S = 1e9  # some thirty years: what is beyond breaks calendars
_RECURS_S = {"Daily": 86_400.0, "Weekly": 604_800.0}


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile, at a connector (EVSE) or at the whole charge point (0). `payload` is as it came."""

    id: int
    where: int
    stack_level: int
    purpose: Purpose
    kind: str
    periods: tuple[tuple[float, float], ...]  # from so many seconds on, so many watts
    payload: Payload
    duration_s: float | None = None
    recurs_s: float | None = None
    starts_at: datetime | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def limit_w(self, now: datetime, began_at: datetime | None) -> float | None:
        """What it leaves at that moment; nothing if it has nothing to say then."""
        into_s = self._into_s(now, began_at)
        if into_s is None:
            return None
        return next((watts for start_s, watts in reversed(self.periods) if start_s <= into_s), None)

    def changes(self, now: datetime, began_at: datetime | None) -> list[datetime]:
        """When it will say something else, as far as can be seen from here."""
        edges = [edge for edge in (self.valid_from, self.valid_to) if edge]
        start = self._start(began_at)
        if start is not None:
            passed_s = (now - start).total_seconds()
            round_s = passed_s // self.recurs_s * self.recurs_s if self.recurs_s and passed_s > 0 else 0.0
            inside = [start_s for start_s, _ in self.periods] + ([self.duration_s] if self.duration_s else [])
            inside += [self.recurs_s] if self.recurs_s else []
            edges += [start + timedelta(seconds=round_s + each_s) for each_s in inside]
        return [edge for edge in edges if edge > now]

    def _into_s(self, now: datetime, began_at: datetime | None) -> float | None:
        if (self.valid_from and now < self.valid_from) or (self.valid_to and now >= self.valid_to):
            return None
        start = self._start(began_at)
        if start is None:
            return None
        into_s = (now - start).total_seconds()
        if self.recurs_s:
            into_s %= self.recurs_s
        is_over = self.duration_s is not None and into_s >= self.duration_s
        return None if into_s < 0 or is_over else into_s

    def _start(self, began_at: datetime | None) -> datetime | None:
        # A relative schedule begins with the transaction.
        return began_at if self.kind == "Relative" else self.starts_at or began_at


def is_short_enough(payload: Payload) -> bool:
    """Whether none of its schedules has more periods than can be taken."""
    schedules = payload["chargingSchedule"]
    schedules = schedules if isinstance(schedules, list) else [schedules]
    return all(len(each["chargingSchedulePeriod"]) <= MOST_SCHEDULED for each in schedules)


def read(payload: Payload, where: int) -> Profile:
    """A profile as either version writes it; in 2.x the first of several schedules counts."""
    schedule = payload["chargingSchedule"]
    schedule = schedule[0] if isinstance(schedule, list) else schedule
    watts = 1.0 if schedule["chargingRateUnit"] == "W" else VOLTAGE_V
    periods = sorted(
        (_seconds(each["startPeriod"]), each["limit"] * watts)
        for each in schedule["chargingSchedulePeriod"]
        if "limit" in each  # 2.1 has periods without one
    )
    return Profile(
        payload["chargingProfileId"] if "chargingProfileId" in payload else payload["id"],
        where,
        payload["stackLevel"],
        PURPOSES[payload["chargingProfilePurpose"]],
        payload["chargingProfileKind"],
        tuple(periods),
        payload,
        None if schedule.get("duration") is None else _seconds(schedule["duration"]),
        _RECURS_S.get(payload.get("recurrencyKind", "")) if payload["chargingProfileKind"] == "Recurring" else None,
        _moment(schedule.get("startSchedule")),
        _moment(payload.get("validFrom")),
        _moment(payload.get("validTo")),
    )


def limit_w(
    profiles: Iterable[Profile], where: int, now: datetime, began_at: datetime | None, sharing: int = 1
) -> float | None:
    """What all profiles together leave a connector: the station's own, and the transaction's or else the default.

    The station's own is for all that charge (1.6 §3.13.1): each of those `sharing` it gets the same part.
    """
    best: dict[Purpose, tuple[int, float]] = {}
    for profile in profiles:
        if profile.where not in (0, where):
            continue
        watts = profile.limit_w(now, began_at)
        if watts is not None and profile.stack_level >= best.get(profile.purpose, (-1, 0.0))[0]:
            best[profile.purpose] = (profile.stack_level, watts)
    session = best.get("priority") or best.get("transaction") or best.get("default")
    station = best.get("station")
    limits = [station[1] / sharing] if station else []
    return min([*limits, session[1]] if session else limits, default=None)


def next_change(profiles: Iterable[Profile], now: datetime, began_at: datetime | None) -> datetime | None:
    """When to ask again."""
    return min((edge for profile in profiles for edge in profile.changes(now, began_at)), default=None)


def composite(
    profiles: list[Profile],
    where: int,
    now: datetime,
    duration_s: int,
    began_at: datetime | None,
    most_w: float,
    sharing: int = 1,
) -> list[tuple[int, float]]:
    """The course of what is left from now on: from so many seconds on, so many watts."""
    course: list[tuple[int, float]] = []
    moment, end = now, now + timedelta(seconds=min(duration_s, MOST_S))
    while moment < end and len(course) < MOST_PERIODS:
        found = limit_w(profiles, where, moment, began_at, sharing)
        watts = most_w if found is None else min(most_w, found)
        if not course or course[-1][1] != watts:
            course.append((round((moment - now).total_seconds()), watts))
        later = next_change(profiles, moment, began_at)
        if later is None:
            break
        moment = later
    return course


def _seconds(number: float) -> float:
    return min(float(number), MOST_S)


def _moment(text: Any) -> datetime | None:
    try:
        return timestamps.parse(text) if text else None
    except ValueError:
        return None
