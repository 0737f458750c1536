"""Heartbeats answered here: most of what idle charge points send never costs the cloud anything."""

from collections.abc import Callable
from datetime import datetime

from ocppj import timestamps
from ocppj.frames import Call, CallResult, encode


class EdgeHeartbeats:
    """Of one charge point. One in `every` is not answered here but goes on, so that the cloud sees it live."""

    __slots__ = ("_count", "_every", "_utc")

    def __init__(self, every: int, utc: Callable[[], datetime]) -> None:
        self._every = every
        self._utc = utc
        self._count = 0

    def __call__(self, call: Call) -> bytes | None:
        """The answer, if this CALL is answered here; the same in all versions (C-14)."""
        if call.action != "Heartbeat" or call.payload:  # one with a payload is for those to judge who judge payloads
            return None
        self._count += 1
        if self._count % self._every == 0:
            return None
        return encode(CallResult(call.message_id, {"currentTime": timestamps.write(self._utc())})).encode()
