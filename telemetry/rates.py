"""How often a caller may read: so many a minute, counted in this process (a second instance counts anew)."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_CALLERS = 10_000  # that are remembered; the one not seen for the longest time begins anew
WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller has left in this window, and the seconds until the next one begins."""

    limit: int
    left: int
    reset_s: int
    is_refused: bool

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has it, and as its earlier drafts had it."""
        return {
            "RateLimit-Policy": f'"reads";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"reads";r={self.left};t={self.reset_s}',
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.reset_s),
        }


class Rates:
    """Counts requests in windows of a minute; `now_s` is any clock that goes forward. A limit of 0 is none."""

    def __init__(self, per_minute: int, now_s: Callable[[], float]) -> None:
        self._limit = per_minute
        self._now_s = now_s
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def spend(self, caller: str) -> Standing | None:
        """Count a request of this caller; None where there is no limit."""
        if not self._limit:
            return None
        now = self._now_s()
        began, used = self._windows.pop(caller, (now, 0))
        if now - began >= WINDOW_S:
            began, used = now, 0
        self._windows[caller] = began, used + 1
        if len(self._windows) > _CALLERS:
            self._windows.popitem(last=False)
        reset_s = math.ceil(began + WINDOW_S - now)
        return Standing(self._limit, max(0, self._limit - used - 1), reset_s, used >= self._limit)
