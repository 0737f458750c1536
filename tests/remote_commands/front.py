"""The command API on a real socket: HTTP in, Function URL events to a desk, HTTP out."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from structlog.testing import capture_logs

from tests.remote_commands.desk import Context, Desk, url_event

Said = tuple[int, dict[str, str], bytes]  # status, headers, body


@contextmanager
def serving(desk: Desk) -> Iterator[int]:
    """Serve the desk on a free port; gives the port."""

    def reply(request: BaseHTTPRequestHandler, body: str | None) -> Said:
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = url_event(request.command, request.path, body, headers)
        answer = desk.resolver.resolve(event, Context(60))  # type: ignore[arg-type]
        return answer["statusCode"], answer["headers"], answer["body"].encode()

    # The desk shares the process with the command line under test, whose output must stay its own.
    with capture_logs(), _listening(reply) as port:
        yield port


@contextmanager
def saying(text: bytes) -> Iterator[int]:
    """Somebody else's server on a free port, that answers everything with this."""

    with _listening(lambda _, __: (200, {}, text)) as port:
        yield port


@contextmanager
def hearing(asked: list[tuple[str, dict[str, str], bytes]]) -> Iterator[int]:
    """A server on a free port that keeps path, headers and body of what it is asked, and makes a command of it."""

    def reply(request: BaseHTTPRequestHandler, body: str | None) -> Said:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked.append((request.path, headers, (body or "").encode()))
        desk = Desk()
        desk.connect("CP1")
        answer = desk.post("/charge-points/CP1/commands/Reset", {"type": "Soft"})
        return answer.status, {}, json.dumps(answer.body).encode()

    with capture_logs(), _listening(reply) as port:
        yield port


@contextmanager
def _listening(reply: Callable[[BaseHTTPRequestHandler, str | None], Said]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(*reply(self, None))

        def do_POST(self) -> None:
            self.say(*reply(self, self.rfile.read(int(self.headers["content-length"])).decode()))

        def say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: pytest shows what matters."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
