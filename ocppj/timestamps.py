"""Timestamps on the wire: read leniently, written strictly (conformance B-21)."""

import re
from datetime import UTC, datetime, timedelta, timezone

# Chargers in the field send "+02", seven fractional digits, a space instead of the T, or no zone at all.
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(?:([Zz])|([+-])(\d\d):?(\d\d)?)?",
    re.ASCII,
)


def parse(text: str) -> datetime:
    """Read a device's timestamp as aware UTC; without a zone it is taken as UTC.

    Raises:
        ValueError: it is no timestamp.
    """
    match = _TIMESTAMP.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no timestamp")
    year, month, day, hour, minute, second, fraction, _, sign, offset_h, offset_m = match.groups()
    offset = timedelta(hours=int(offset_h or 0), minutes=int(offset_m or 0))
    zone = timezone(-offset if sign == "-" else offset)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    leap = second == "60"
    moment = datetime(
        int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second or 0), micros, zone
    )
    try:
        return (moment + timedelta(seconds=leap)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is no timestamp") from error


def is_timestamp(text: str) -> bool:
    """Whether `parse` can read it."""
    try:
        parse(text)
    except ValueError:
        return False
    return True


def write(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and Z: 2.0.1 allows three fractional digits at most."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
