"""Spans as OTLP has them, to a server that stands in for a collector; the whole way is in tests/e2e/test_traces.py."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from adapters import spans
from domain import tracing
from domain.tracing import ENDPOINT, Kind

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Its URL, and what it got."""
    got: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            got.extend(span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", got
        server.shutdown()
    tracing.export_to(None)


def test_a_span_has_its_parent_and_the_lambda_s_own_trace_and_a_failure_shows(
    collector: tuple[str, list[Span]],
) -> None:
    url, got = collector
    environment = {ENDPOINT: url, "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}
    flush = spans.export(environment, "processors")

    with (
        pytest.raises(ZeroDivisionError),
        tracing.following(SAMPLED, "process frame", charge_point_id="CP1"),
        tracing.handing_on("publish CP1/out") as handed_on,
    ):
        raise ZeroDivisionError
    flush()

    publish, process = got
    assert (process.name, process.parent_span_id.hex()) == ("process frame", tracing.span_id(SAMPLED))
    assert (publish.parent_span_id, publish.span_id.hex()) == (process.span_id, tracing.span_id(handed_on))
    assert {span.trace_id.hex() for span in got} == {tracing.trace_id(SAMPLED)}
    assert (process.kind, publish.kind) == (Span.SPAN_KIND_CONSUMER, Span.SPAN_KIND_PRODUCER)
    assert process.status.code == Status.STATUS_CODE_ERROR
    assert process.start_time_unix_nano <= publish.start_time_unix_nano <= process.end_time_unix_nano
    told = {each.key: each.value.string_value for each in process.attributes}
    assert told == {"charge_point_id": "CP1", "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793"}


def test_who_wants_no_spans_of_a_trace_gets_none(collector: tuple[str, list[Span]]) -> None:
    url, got = collector
    flush = spans.export({ENDPOINT: url}, "processors")

    with tracing.spanning("told", Kind.SERVER, f"{SAMPLED[:-2]}00", ""):
        pass
    with tracing.spanning("told", Kind.SERVER, SAMPLED, ""):
        pass
    flush()

    assert len(got) == 1


@pytest.mark.timeout(6)  # OpenTelemetry's own time-out is 10 s
def test_a_collector_that_never_answers_keeps_nobody_waiting_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        flush = spans.export({ENDPOINT: f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"}, "processors")
        with tracing.spanning("told", Kind.SERVER, SAMPLED, ""):
            pass
        flush()
        tracing.export_to(None)
        silent.settimeout(0)
        silent.accept()[0].close()  # somebody did wait for it


def test_a_time_out_that_is_no_number_is_one_sentence() -> None:
    environment = {ENDPOINT: "http://127.0.0.1:1/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "soon"}

    with pytest.raises(spans.SpansError, match=r"^OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is 'soon': it must be a number"):
        spans.export(environment, "gateway")


def test_a_request_to_x_ray_is_signed_for_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    session = spans.session_for("https://xray.eu-central-1.amazonaws.com/v1/traces")
    request = requests.Request("POST", "https://xray.eu-central-1.amazonaws.com/v1/traces", data=b"spans")

    headers = session.prepare_request(request).headers

    assert "/eu-central-1/xray/aws4_request" in headers["Authorization"]
    assert spans.session_for("http://localhost:4318/v1/traces").auth is None


def test_without_an_endpoint_nothing_is_imported_and_nothing_sent() -> None:
    script = """
import sys
from adapters import spans
from domain import tracing
spans.export({}, "gateway")()
with tracing.spanning("told", tracing.Kind.SERVER, tracing.new(), ""):
    pass
print([name for name in sys.modules if name.startswith(("opentelemetry", "requests", "google"))])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"
