"""One id for what a frame or a request sets in motion, across topics, queues and functions: W3C trace context.

It travels as `traceparent`: an HTTP header, an MQTT user property, a member of queue records. Who follows one logs its
`trace_id`, and hands on a `traceparent` with a span of its own. Without one nothing happens.
Source: W3C Trace Context, 3.2 "Traceparent Header".
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from structlog.contextvars import bound_contextvars

PROPERTY = "traceparent"
_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_followed: ContextVar[str] = ContextVar(PROPERTY, default="")


def new() -> str:
    """The beginning of a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def trace_id(traceparent: object) -> str:
    """The id of the trace, 32 hexadecimal digits; nothing if that is no traceparent."""
    found = _FORM.fullmatch(traceparent) if isinstance(traceparent, str) else None
    return found[1] if found else ""


def child(traceparent: str) -> str:
    """The same trace, with a span of one's own."""
    return f"{traceparent[:36]}{secrets.token_hex(8)}{traceparent[52:]}"


def followed() -> str:
    """What to hand on; nothing if no trace is followed."""
    return _followed.get()


@contextmanager
def following(traceparent: object) -> Iterator[str]:
    """Follow a trace for the time of a `with`, if that is one, and return its id: every line of the log has it then."""
    traced = trace_id(traceparent)
    if not traced:
        yield ""
        return
    token = _followed.set(child(str(traceparent)))
    try:
        with bound_contextvars(trace_id=traced):
            yield traced
    finally:
        _followed.reset(token)
