"""A trace of the running house as a collector gets it: OTLP over HTTP, from three processes and more."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.e2e.operator import Operator
from tests.house import House

pytestmark = pytest.mark.e2e

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Collector:
    """What an OpenTelemetry collector is sent: (service, span)."""

    port: int = 0
    spans: list[tuple[str, Any]] = field(default_factory=list)

    def chain(self, trace_id: str, length: int) -> list[tuple[str, str]]:
        """Service and name of a trace's spans, each the parent of the next one, once there are so many."""
        deadline = time.monotonic() + 20
        while len(found := [each for each in self.spans if each[1].trace_id.hex() == trace_id]) < length:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        by_parent = {span.parent_span_id: (service, span) for service, span in found}
        assert len(by_parent) == len(found)
        (first,) = by_parent.keys() - {span.span_id for _, span in found}
        told, at = [], by_parent.get(first)
        while at is not None:
            told.append((at[0], at[1].name))
            at = by_parent.get(at[1].span_id)
        assert len(told) == len(found)
        return told

    def trace_of(self, name: str, charge_point_id: str) -> str:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for _, span in self.spans:
                about = {each.key: each.value.string_value for each in span.attributes}
                if span.name == name and about.get("charge_point_id") == charge_point_id:
                    return str(span.trace_id.hex())
            time.sleep(0.1)
        raise AssertionError(f"no span {name} of {charge_point_id}: {self.spans}")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collected = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in request.resource_spans:
                service = {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"]
                collected.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collected.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield collected
        server.shutdown()


@pytest.fixture(scope="module")
def traced_house(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    told = {
        "OCPPGW_TRACING": "1", "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{collector.port}/v1/traces",
    }  # fmt: skip
    with House(tmp_path_factory.mktemp("traced"), **told) as running:
        running.wait_until_ready()
        yield running


def test_a_frame_is_one_trace_from_the_socket_to_its_answer(traced_house: House, collector: Collector) -> None:
    charge_point_id = Operator(traced_house).register()
    with connect(f"{traced_house.ws_url}/{charge_point_id}", subprotocols=[Subprotocol("ocpp1.6")]) as socket:
        socket.send('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        assert json.loads(socket.recv(30))[0] == 3

    trace_id = collector.trace_of("receive BootNotification", charge_point_id)
    assert collector.chain(trace_id, 4) == [
        ("gateway", "receive BootNotification"),
        ("processors", "process frame"),
        ("processors", f"publish {charge_point_id}/out"),
        ("gateway", "send CallResult"),
    ]
    assert abs(int(trace_id[:8], 16) - time.time()) < 120  # as X-Ray wants it


def test_a_command_is_one_trace_from_its_caller_to_the_answer(traced_house: House, collector: Collector) -> None:
    charge_point_id = Operator(traced_house).register()
    with connect(f"{traced_house.ws_url}/{charge_point_id}", subprotocols=[Subprotocol("ocpp1.6")]) as socket:
        api = http.client.HTTPConnection("127.0.0.1", int(traced_house.environment["OCPPGW_HTTP_PORT"]), timeout=30)
        api.request("POST", f"/charge-points/{charge_point_id}/commands/ClearCache", b"{}", {"traceparent": CALLER})
        assert api.getresponse().status == 202
        api.close()
        call = json.loads(socket.recv(30))
        socket.send(json.dumps([3, call[1], {"status": "Accepted"}]))

        assert collector.chain(CALLER[3:35], 5) == [
            ("remote_commands", "command API"),
            ("remote_commands", f"publish {charge_point_id}/out"),
            ("gateway", "send ClearCache"),
            ("gateway", "receive CallResult"),
            ("processors", "process frame"),
        ]
