"""The HTTP front, in front of a server that stands in for AWS and writes down what it is asked."""

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.memory_events import MemoryEvents
from events.feed_server import Feed
from infra.local.cloud import AWS, free_port
from infra.local.function_urls import MAX_BODY, FunctionUrls, serving
from web.access import Access

OUTPUTS = {
    "CommandsFunctionUrl": "https://abc.lambda-url.us-east-1.on.aws/",
    "CommandReadsFunctionUrl": "https://jkl.lambda-url.us-east-1.on.aws/",
    "FleetFunctionUrl": "https://def.lambda-url.us-east-1.on.aws/",
    "TelemetryFunctionUrl": "https://ghi.lambda-url.us-east-1.on.aws/",
}


@dataclass
class Asked:
    """Requests as AWS sees them: (method, path, headers, body)."""

    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Front:
    """The front, and what the functions behind it were asked."""

    port: int
    asked: Asked

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        with connection.getresponse() as answer:
            body = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked.requests.append((self.command, self.path, dict(self.headers), body))
            self.send_response_only(202)
            self.send_header("Location", "/commands/1")
            self.end_headers()
            self.wfile.write(b"accepted")

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    port = free_port()
    aws = AWS(server.server_port, 0, tmp_path)
    with serving(port, FunctionUrls(aws, OUTPUTS), Feed(MemoryEvents(), Access())):
        yield Front(port, asked)
    server.shutdown()
    server.server_close()


@pytest.fixture
def lonely_front(tmp_path: Path) -> Iterator[Front]:
    port = free_port()
    with serving(port, FunctionUrls(AWS(free_port(), 0, tmp_path), OUTPUTS), Feed(MemoryEvents(), Access())):
        yield Front(port, Asked())


def test_a_request_reaches_the_function_with_its_host_and_signed(front: Front) -> None:
    front.request("POST", "/remote-start-transaction?x=1", b'{"a":1}', Prefer="wait=5", Content_Type="application/json")

    method, path, headers, body = front.asked.requests[0]
    assert (method, path, body) == ("POST", "/remote-start-transaction?x=1", b'{"a":1}')
    assert headers["Host"] == "abc.lambda-url.us-east-1.on.aws"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=local/")
    assert "/us-east-1/lambda/aws4_request" in headers["Authorization"]
    assert (headers["Prefer"], headers["Content-Type"]) == ("wait=5", "application/json")


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/charge-points/CP-1/commands/Reset", "abc"),
        ("/charge-points/CP-1/commands?limit=1", "abc"),
        ("/charge-points", "def"),
        ("/charge-points/commands", "def"),
        ("/charge-points/CP-1/disable", "def"),
        ("/id-tokens/CARD", "def"),
    ],
)
def test_each_path_goes_to_the_function_that_knows_it(front: Front, path: str, host: str) -> None:
    front.request("POST", path)

    ((_, _, headers, _),) = front.asked.requests
    assert headers["Host"] == f"{host}.lambda-url.us-east-1.on.aws"


@pytest.mark.parametrize(
    ("path", "prefer", "host"),
    [
        ("/commands/1", "", "jkl"),
        ("/charge-points/CP-1/commands", "", "jkl"),
        ("/jobs", "respond-async", "jkl"),
        ("/commands/1", "wait=20", "abc"),
        ("/commands/1", "respond-async, wait = 20", "abc"),
        ("/charge-points/CP-1", "", "def"),
    ],
)
def test_reads_go_past_those_who_wait(front: Front, path: str, prefer: str, host: str) -> None:
    front.request("GET", path, Prefer=prefer)

    ((_, _, headers, _),) = front.asked.requests
    assert headers["Host"] == f"{host}.lambda-url.us-east-1.on.aws"


def test_a_bearers_token_is_passed_on_beside_the_signature(front: Front) -> None:
    front.request("POST", "/commands", b"{}", Authorization="Bearer s3cret")

    (_, _, headers, _) = front.asked.requests[0]
    assert headers["X-API-Key"] == "s3cret"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_its_answer_comes_back_whole(front: Front) -> None:
    status, headers, body = front.request("POST", "/commands", b"{}")

    assert (status, headers["location"], body) == (202, "/commands/1", b"accepted")
    assert headers["content-length"] == "8"


def test_a_path_without_a_function_is_404_and_names_those_with_one(front: Front) -> None:
    status, headers, body = front.request("POST", "/start", b"{}")

    problem = json.loads(body)
    assert (status, problem["status"], problem["code"]) == (404, 404, "no-such-path")
    assert headers["content-type"] == "application/problem+json"
    assert "/remote-stop-transaction" in problem["detail"]
    assert front.asked.requests == []


def test_a_function_that_can_t_be_reached_is_502_in_words(lonely_front: Front) -> None:
    status, headers, body = lonely_front.request("POST", "/commands", b"{}")

    problem = json.loads(body)
    assert (status, headers["content-type"]) == (502, "application/problem+json")
    assert problem["detail"].startswith("The Function URL does not answer: ")


def test_the_answer_to_head_has_no_body(lonely_front: Front) -> None:
    status, headers, body = lonely_front.request("HEAD", "/nowhere")

    assert (status, body) == (404, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Transfer_Encoding": "chunked"}, 411, "no-length"),
        ({"Content_Length": "ten"}, 400, "wrong-length"),
        ({"Content_Length": str(MAX_BODY + 1)}, 413, "too-large"),
    ],
)
def test_a_body_that_can_t_be_taken_is_refused_in_words(
    lonely_front: Front, headers: dict[str, str], status: int, code: str
) -> None:
    answered, _, body = lonely_front.request("GET", "/commands", b"", **headers)

    assert (answered, json.loads(body)["code"]) == (status, code)
