"""When Python looks for garbage: seldom, for what a frame leaves behind is freed at once without."""

import gc

# Objects more than were freed until the young are looked through, and the middle and old ones in turn. The defaults
# (700, 10, 10) look through all connections again and again while many connect: a tenth of a handshake's CPU time.
_THRESHOLDS = (50_000, 20, 20)


def collect_seldom() -> None:
    """To be called once everything is imported: what is there now stays, and is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
