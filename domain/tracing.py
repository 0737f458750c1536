"""What a frame or a request sets in motion, across topics, queues and functions: W3C trace context, and its spans.

It travels as `traceparent`: an HTTP header, an MQTT user property, a member of queue records. Who follows one logs its
`trace_id`, and hands on a `traceparent` with a span of its own. Without one nothing happens.
A span that is over goes to whoever was named with `export_to`: adapters/spans.py, or nobody.
Source: W3C Trace Context, 3.2 "Traceparent Header"; OpenTelemetry, "Trace API".
"""

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum

from structlog.contextvars import bound_contextvars

PROPERTY = "traceparent"
ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"  # OpenTelemetry's name of the variable that says where spans go
_FORM = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

_followed: ContextVar[str] = ContextVar(PROPERTY, default="")


class Kind(Enum):
    """What a span has to do with others, in OpenTelemetry's words."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that was done: `traceparent` is its own, `parent` that of what had it done; ns since 1970."""

    name: str
    kind: Kind
    traceparent: str
    parent: str
    begun_ns: int
    ended_ns: int
    attributes: Mapping[str, str]
    has_failed: bool = False


Exporter = Callable[[Span], None]

_exporters: list[Exporter] = []  # one at most


def export_to(exporter: Exporter | None) -> None:
    """Have spans that are over go there from now on; None: nowhere."""
    _exporters[:] = [exporter] if exporter else []


def new() -> str:
    """The beginning of a trace. Its first digits are the time, as X-Ray wants it, and others do not mind."""
    return f"00-{int(time.time()):08x}{secrets.token_hex(12)}-{secrets.token_hex(8)}-01"


def trace_id(traceparent: object) -> str:
    """The id of the trace, 32 hexadecimal digits; nothing if that is no traceparent."""
    found = _FORM.fullmatch(traceparent) if isinstance(traceparent, str) else None
    return found[1] if found else ""


def span_id(traceparent: str) -> str:
    """The id of the span in it, 16 hexadecimal digits."""
    return traceparent[36:52]


def child(traceparent: str) -> str:
    """The same trace, with a span of one's own."""
    return f"{traceparent[:36]}{secrets.token_hex(8)}{traceparent[52:]}"


def followed() -> str:
    """What to hand on; nothing if no trace is followed."""
    return _followed.get()


@contextmanager
def spanning(name: str, kind: Kind, traceparent: str, parent: str, **attributes: str) -> Iterator[None]:
    """Take the time of a `with` for a span; of a trace that whoever began it did not sample it is not sent."""
    if not _exporters:
        yield
        return
    begun_ns, has_failed = time.time_ns(), True
    try:
        yield
        has_failed = False
    finally:
        span = Span(name, kind, traceparent, parent, begun_ns, time.time_ns(), attributes, has_failed)
        for export in _exporters:
            export(span)


@contextmanager
def following(traceparent: object, name: str, kind: Kind = Kind.CONSUMER, **attributes: str) -> Iterator[str]:
    """Follow a trace for the time of a `with`, if that is one, and return its id: every line of the log has it then.

    What is done meanwhile is a span of that name.
    """
    traced = trace_id(traceparent)
    if not traced:
        yield ""
        return
    parent = str(traceparent)
    own = child(parent)
    token = _followed.set(own)
    try:
        with bound_contextvars(trace_id=traced), spanning(name, kind, own, parent, **attributes):
            yield traced
    finally:
        _followed.reset(token)


@contextmanager
def handing_on(name: str, kind: Kind = Kind.PRODUCER, **attributes: str) -> Iterator[str]:
    """What to hand on, which is a span of that name below the one that is followed; nothing if none is."""
    parent = _followed.get()
    if not parent:
        yield ""
        return
    own = child(parent)
    with spanning(name, kind, own, parent, **attributes):
        yield own
