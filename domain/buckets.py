"""Token buckets in one number: the moment at which a bucket is full again (GCRA)."""

from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


def spend(full_at: datetime | None, per_minute: int, now: datetime) -> tuple[datetime, float]:
    """Take one from a bucket that holds a minute's worth.

    Returns when it is full again, and how many seconds to wait if it was empty: then nothing was taken.
    """
    full_at = max(full_at or now, now)
    after = full_at + MINUTE / per_minute
    over = after - now - MINUTE
    return (full_at, over.total_seconds()) if over > timedelta() else (after, 0.0)
