"""Times as people give them."""

from datetime import datetime, timedelta

from ocppj import timestamps

DEFAULT = timedelta(hours=24)


class PeriodError(ValueError):
    """A period nobody can read; the text names the option."""


def period(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """From `since` until just before `until`; the last 24 hours, or those before `until`, unless said otherwise.

    Raises:
        PeriodError: one of them is no time, or nothing is between them.
    """
    last = _time("to", until) if until else now
    first = _time("from", since) if since else last - DEFAULT
    if first >= last:
        raise PeriodError("from: must be before to")
    return first, last


def _time(name: str, text: str) -> datetime:
    try:
        return timestamps.parse(text)
    except ValueError as error:
        raise PeriodError(f"{name}: must be a time such as 2026-11-21T05:00:00Z") from error
