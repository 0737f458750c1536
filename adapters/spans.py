"""Spans to OpenTelemetry collectors, Jaeger and the like, or to AWS X-Ray: OTLP over HTTP.

Where to is what OpenTelemetry's own variable says, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, such as
http://localhost:4318/v1/traces; its others (headers, time-out, compression) count, too. Requests to X-Ray's endpoint,
https://xray.REGION.amazonaws.com/v1/traces, are signed. Without the variable nothing is imported.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from domain import tracing
from domain.tracing import ENDPOINT, Span

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext
    from requests import PreparedRequest, Session

_TIMEOUT = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"
TIMEOUT_S = 1.0  # a collector that is away must not keep a function or a stop waiting; retries are in it
_ROOT = re.compile(r"Root=([0-9a-f-]+)")

Flush = Callable[[], object]


class SpansError(ValueError):
    """Spans can't be sent as the environment says; the text is for whoever set it."""


def export(environment: Mapping[str, str], service: str) -> Flush:
    """Have spans go where the environment says, if it does; returns what sends those that wait for others.

    Raises:
        SpansError: a variable can't be used.
    """
    if not environment.get(ENDPOINT):
        return lambda: None
    # Imported here: nobody else shall pay for it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    url = environment[ENDPOINT]
    exporter = OTLPSpanExporter(url, session=session_for(url), timeout=_timeout_s(environment))
    processor = BatchSpanProcessor(exporter)
    resource = Resource({"service.name": environment.get("OTEL_SERVICE_NAME") or service})

    def on_span(span: Span) -> None:
        # Lambda's own trace of the invocation, where that is on: AWS hands on none between an IoT rule and SQS.
        invocation = _ROOT.search(environment.get("_X_AMZN_TRACE_ID", ""))
        processor.on_end(_readable(span, resource, {"xray_trace_id": invocation[1]} if invocation else {}))

    tracing.export_to(on_span)
    return processor.force_flush


def _timeout_s(environment: Mapping[str, str]) -> float:
    told = environment.get(_TIMEOUT) or TIMEOUT_S
    try:
        return float(told)
    except ValueError as error:
        raise SpansError(f"{_TIMEOUT} is {told!r}: it must be a number of seconds.") from error


def session_for(url: str) -> "Session":
    """What requests to this URL are made by."""
    import requests

    session = requests.Session()
    if url.startswith("https://xray."):
        session.auth = _sign
    return session


def _readable(span: Span, resource: "Resource", more: Mapping[str, str]) -> "ReadableSpan":
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.status import Status, StatusCode

    return ReadableSpan(
        span.name,
        context=_context(span.traceparent, is_remote=False),
        parent=_context(span.parent, is_remote=True) if span.parent else None,
        resource=resource,
        attributes={**span.attributes, **more},
        kind=SpanKind[span.kind.value],
        status=Status(StatusCode.ERROR if span.has_failed else StatusCode.UNSET),
        start_time=span.begun_ns,
        end_time=span.ended_ns,
    )


def _context(traceparent: str, *, is_remote: bool) -> "SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags

    trace_id, span_id = int(tracing.trace_id(traceparent), 16), int(tracing.span_id(traceparent), 16)
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(int(traceparent[53:], 16)))


def _sign(request: "PreparedRequest") -> "PreparedRequest":
    from adapters.sigv4 import signed

    body = request.body.encode() if isinstance(request.body, str) else request.body
    kept = {name: str(value) for name, value in request.headers.items() if name.lower() != "connection"}
    request.headers.update(signed(str(request.method), str(request.url), kept, body))  # type: ignore[arg-type]
    return request
