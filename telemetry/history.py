"""Samples of a charge point over a time, as they were taken or as averages of so many seconds."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from domain.archive import Row
from ocppj import timestamps

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_RESOLUTION = re.compile(r"([1-9][0-9]{0,5})([smhd]?)")
LONGEST_S = 86_400

Series = tuple[Any, ...]


def resolution_s(text: str) -> int | None:
    """The seconds in `60`, `60s`, `15m`, `1h` or `1d`; None is none of these."""
    found = _RESOLUTION.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    return seconds if 0 < seconds <= LONGEST_S else None


def shown(row: Row) -> dict[str, Any]:
    """A row of the archive as the API shows it; what isn't known is left out."""
    told = {
        "at": row["sampled_at"],
        "connector": row["connector"],
        "transactionId": row["transaction_id"],
        "measurand": row["measurand"],
        "value": row["value"],
        "unit": row["unit"],
        "phase": row["phase"],
        "context": row["context"],
        "location": row["location"],
        "status": row["status"],
        "errorCode": row["error_code"],
    }
    return {name: value for name, value in told.items() if value is not None}


def averaged(rows: Iterable[Row], step_s: int) -> list[dict[str, Any]]:
    """One sample per series and step: the average, with the smallest, the greatest and how many there were.

    What has no value, a status, is left out.
    """
    values: dict[tuple[int, Series], list[float]] = defaultdict(list)
    for row in rows:
        if row["value"] is not None:
            step = int(timestamps.parse(row["sampled_at"]).timestamp()) // step_s * step_s
            values[step, _series(row)].append(row["value"])
    return [_average(step, series, taken) for (step, series), taken in sorted(values.items(), key=_order)]


def _series(row: Row) -> Series:
    return (row["connector"], row["measurand"], row["unit"], row["phase"], row["location"])


def _order(item: tuple[tuple[int, Series], list[float]]) -> tuple[int, list[str]]:
    (step, series), _ = item
    return step, [part or "" for part in series]


def _average(step: int, series: Series, taken: list[float]) -> dict[str, Any]:
    named = dict(zip(("connector", "measurand", "unit", "phase", "location"), series, strict=True))
    told = {name: value for name, value in named.items() if value is not None}
    at = timestamps.write(datetime.fromtimestamp(step, UTC))
    numbers = {"value": sum(taken) / len(taken), "min": min(taken), "max": max(taken), "count": len(taken)}
    return {"at": at} | told | numbers
