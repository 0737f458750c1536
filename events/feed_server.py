"""`GET /events` over HTTP: a thread for each client, which reads as fast as its client takes.

    server = FeedServer(feed, "127.0.0.1", 9085); server.serve_forever()

or `feed.answer(handler)` in a server of another address. A client that takes nothing for SLOW_S is let go: it comes
back with its Last-Event-ID and has lost nothing.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import orjson

from domain.events import Event, Events, EventType, Wanted
from events import feed
from events.feed import CursorError, Tail
from ocppj import timestamps
from web.access import Access
from web.problems import COMMON, InvalidRequestError, ProblemError, Problems, Wrong

PATH = "/events"
CLIENTS = 100
POLL_S = 1.0
SLOW_S = 10.0

_PARAMETERS = ("partner", "chargePointId", "type", "from")


class FeedError(ProblemError):
    """What only the feed answers."""

    problems: ClassVar[Problems] = COMMON | {"too-many-clients": (503, "The feed has as many clients as it takes")}


@dataclass
class Feed:
    """The feed of a house. `access` says who may come, and whose events each sees: never more."""

    events: Events
    access: Access
    clients: int = CLIENTS
    slow_s: float = SLOW_S
    poll_s: float = POLL_S
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._places = threading.BoundedSemaphore(self.clients)

    def close(self) -> None:
        """Let all clients go."""
        self._closing.set()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request until its client goes."""
        handler.close_connection = True
        try:
            if handler.command != "GET":
                raise FeedError("method-not-allowed", "this address knows GET only")
            asked = _asked(handler, self.access, self.now())
            if not self._places.acquire(blocking=False):
                raise FeedError("too-many-clients", f"there are {self.clients} clients", retry_after_s=10)
        except ProblemError as problem:
            _refuse(handler, problem)
            return
        try:
            self._serve(handler, asked)
        finally:
            self._places.release()

    def _serve(self, handler: BaseHTTPRequestHandler, asked: "_Asked") -> None:
        try:
            tail = asked.tail(self.events, self.now())
        except CursorError:
            _refuse(handler, InvalidRequestError([Wrong("Last-Event-ID", "must be the id of an event of this feed")]))
            return
        handler.send_response_only(200)
        for name, value in (
            ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("Connection", "close"),
            ("X-Accel-Buffering", "no"),
        ):  # fmt: skip
            handler.send_header(name, value)
        handler.end_headers()
        # Whoever takes nothing for so long is let go, and comes back or not.
        handler.connection.settimeout(self.slow_s)
        chunks = feed.stream(tail, asked.sees, asked.wanted.charge_point_id, self.now, self._goes_on)
        with suppress(OSError):
            for chunk in chunks:
                handler.wfile.write(chunk)

    def _goes_on(self) -> bool:
        return not self._closing.wait(self.poll_s)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a client asks for: which events, from when on or after which cursor, and what it may see."""

    wanted: Wanted
    begin: datetime | None
    cursor: str | None
    caller: str | None
    access: Access

    def sees(self, event: Event) -> bool:
        return self.wanted.takes(event) and self.access.sees(self.caller, event.charge_point_id, event.partner)

    def tail(self, stored: Events, now: datetime) -> Tail:
        if self.cursor:
            return Tail.after(stored, self.cursor, now)
        return Tail.since(stored, self.begin or now - feed.SETTLED)


def _asked(handler: BaseHTTPRequestHandler, access: Access, now: datetime) -> _Asked:
    caller = access.caller({name.lower(): value for name, value in handler.headers.items()}, None)
    query = parse_qs(urlsplit(handler.path).query, keep_blank_values=True)
    wrong = [Wrong(name, "is not known", in_query=True) for name in query if name not in _PARAMETERS]
    types = [name for each in query.get("type", ()) for name in each.split(",")]
    if not set(types) <= set(EventType):
        wrong.append(Wrong("type", f"must be of {', '.join(EventType)}", in_query=True))
    begin = None
    if "from" in query:
        try:
            begin = timestamps.parse(query["from"][0])
        except ValueError:
            wrong.append(Wrong("from", "must be a time such as 2026-11-21T05:00:00Z", in_query=True))
    if begin is not None and begin > now:
        wrong.append(Wrong("from", "is in the future", in_query=True))
    if wrong:
        raise InvalidRequestError(wrong)
    wanted = Wanted(_one(query, "partner"), _one(query, "chargePointId"), frozenset(map(EventType, types)) or None)
    scope = access.partners(caller)
    if scope is not None and wanted.partner is not None and wanted.partner not in scope:
        raise ProblemError("not-allowed", f"{caller or 'a caller without a name'} sees nothing of {wanted.partner}")
    return _Asked(wanted, begin, handler.headers.get("Last-Event-ID"), caller, access)


def _one(query: dict[str, list[str]], name: str) -> str | None:
    return query[name][0] if name in query else None


def _refuse(handler: BaseHTTPRequestHandler, problem: ProblemError) -> None:
    body = orjson.dumps(problem.as_json(handler.path))
    handler.send_response_only(problem.status)
    headers = {"Content-Type": "application/problem+json", "Content-Length": str(len(body)), "Connection": "close"}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status == 405:
        headers["Allow"] = "GET"
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


class FeedServer(ThreadingHTTPServer):
    """The feed alone, at an address of its own: `ocppgw events serve`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, served: Feed, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.feed = served


class _Handler(BaseHTTPRequestHandler):
    server: FeedServer
    protocol_version = "HTTP/1.1"
    timeout = 75

    def _handle(self) -> None:
        if urlsplit(self.path).path == PATH:
            self.server.feed.answer(self)
        else:
            self.close_connection = True
            _refuse(self, ProblemError("not-found", f"there is nothing at {self.path}"))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing: the feed is asked for all day."""
