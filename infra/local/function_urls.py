"""The HTTP front: plain HTTP on this machine in front of the Lambda Function URLs, which want signed requests.

It does what a caller on AWS does: sets the Host of the Function URL and signs (SigV4, service `lambda`). It knows
nothing about the functions but which of them answers which paths. Only the live feed it answers itself: no function
can go on answering.
"""

import http.client
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from events import feed_server
from events.feed_server import Feed
from infra.local.cloud import AWS, LOOPBACK

# First segment of the path -> output of the stack with the Function URL.
ROUTES = {
    "remote-start-transaction": "CommandsFunctionUrl",
    "remote-stop-transaction": "CommandsFunctionUrl",
    "commands": "CommandsFunctionUrl",
    "jobs": "CommandsFunctionUrl",
    "openapi.json": "CommandsFunctionUrl",
    "charge-points": "FleetFunctionUrl",
    "id-tokens": "FleetFunctionUrl",
    "unknown-id-tokens": "FleetFunctionUrl",
    "transactions": "FleetFunctionUrl",
    "fleet": "FleetFunctionUrl",
    "stations": "TelemetryFunctionUrl",
    "telemetry": "TelemetryFunctionUrl",
}
# What is told to one charge point is the commands', though its path begins like the fleet's.
COMMANDS_OF_ONE = re.compile(r"/charge-points/[^/]+/commands(/|$)")
SAMPLES_OF_ONE = re.compile(r"/charge-points/[^/]+/samples(/|$)")
_ELSEWHERE = ((COMMANDS_OF_ONE, "commands"), (SAMPLES_OF_ONE, "stations"))
# Where reads have a function of their own: who reads must not wait for those who wait.
READS = {"CommandsFunctionUrl": "CommandReadsFunctionUrl"}
_WAITS = re.compile(r"(^|[,;\s])wait\s*=")
MAX_BODY = 6 * 1024 * 1024  # what a Function URL takes
ANSWER_WITHIN_S = 60.0  # more than any function's time-out
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)


class Refusal(Exception):  # noqa: N818  it is an answer
    """A request that goes no further: its status, a word for programs, and why in words."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class FunctionUrls:
    """The Function URLs behind the front."""

    def __init__(self, aws: AWS, outputs: Mapping[str, str]) -> None:
        self._aws = aws
        self._outputs = outputs

    def forward(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request to the function of its path and return the answer.

        Raises:
            Refusal: there is no such path, or nobody answers.
        """
        host = self._host_of(method, target, headers)
        connection = http.client.HTTPConnection(LOOPBACK, self._aws.port, timeout=ANSWER_WITHIN_S)
        try:
            connection.request(method, target, body, self._signed(method, f"https://{host}{target}", headers, body))
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Refusal(HTTPStatus.BAD_GATEWAY, "no-answer", f"The Function URL does not answer: {error}.") from error
        finally:
            connection.close()

    def _host_of(self, method: str, target: str, headers: Mapping[str, str]) -> str:
        path = urlsplit(target).path
        segment = path.lstrip("/").partition("/")[0]
        segment = next((its for elsewhere, its in _ELSEWHERE if elsewhere.match(path)), segment)
        if segment not in ROUTES:
            paths = ", ".join([*(f"/{known}" for known in ROUTES), feed_server.PATH])
            raise Refusal(HTTPStatus.NOT_FOUND, "no-such-path", f"No function answers {target}; there are {paths}.")
        waits = any(name.lower() == "prefer" and _WAITS.search(value) for name, value in headers.items())
        output = ROUTES[segment] if method != "GET" or waits else READS.get(ROUTES[segment], ROUTES[segment])
        return urlsplit(self._outputs[output]).netloc

    def _signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        kept = {name: value for name, value in headers.items() if name.lower() not in {*_HOP_BY_HOP, "host"}}
        bearer = next((name for name in kept if name.lower() == "authorization"), None)
        if bearer is not None and kept[bearer].lower().startswith("bearer "):
            # The signature takes the header of that name; a token has another one for such cases.
            kept["X-API-Key"] = kept.pop(bearer)[len("bearer ") :]
        request = AWSRequest(method, url, data=body, headers=kept | {"Host": urlsplit(url).netloc})
        SigV4Auth(Credentials("local", "local"), "lambda", self._aws.region).add_auth(request)
        return dict(request.headers.items())


@contextmanager
def serving(port: int, functions: FunctionUrls, live: Feed) -> Iterator[None]:
    """Serve on 127.0.0.1 for the time of a `with`."""

    class Handler(_Handler):
        urls = functions
        feed = live

    server = _Server((LOOPBACK, port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="http-front", daemon=True)
    thread.start()
    try:
        yield
    finally:
        live.close()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a caller that waits for an answer does not keep the house from stopping
    block_on_close = False
    request_queue_size = 128  # with the library's 5, callers who come at once are reset


class _Handler(BaseHTTPRequestHandler):
    urls: FunctionUrls
    feed: Feed
    protocol_version = "HTTP/1.1"
    server_version = "ocppgw"
    sys_version = ""
    timeout = 75

    def _handle(self) -> None:
        if urlsplit(self.path).path == feed_server.PATH:
            self.feed.answer(self)
            return
        try:
            answer = self.urls.forward(self.command, self.path, dict(self.headers), self._body())
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self._finish(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.close_connection = True
            raise Refusal(
                HTTPStatus.LENGTH_REQUIRED, "no-length", "Send the body with a Content-Length, not in chunks."
            )
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            self.close_connection = True
            raise Refusal(HTTPStatus.BAD_REQUEST, "wrong-length", f"Content-Length is {length!r}, which is no number.")
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"A body may have {MAX_BODY} bytes at most."
            )
        return self.rfile.read(int(length))

    def _refuse(self, refusal: Refusal) -> None:
        problem = {
            "type": f"urn:ocppgw:problem:{refusal.code}",
            "title": refusal.status.phrase,
            "status": refusal.status,
            "detail": refusal.detail,
            "instance": self.path,
            "code": refusal.code,
        }
        self.send_response_only(refusal.status)
        self.send_header("Content-Type", "application/problem+json")
        self._finish(json.dumps(problem).encode())

    def _finish(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the functions log their requests themselves."""
