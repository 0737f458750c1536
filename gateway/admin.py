"""The admin port: /metrics, /healthz, /readyz and /refusals?identity=. As little HTTP as that needs."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import orjson

from gateway.metrics import CONTENT_TYPE, Metrics
from gateway.refusals import Refusals

TIMEOUT_S = 5.0
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"

Answer = tuple[HTTPStatus, str, bytes]


class Admin:
    """Answers one request per connection."""

    def __init__(self, metrics: Metrics, refusals: Refusals, is_ready: Callable[[], bool]) -> None:
        self._metrics = metrics
        self._refusals = refusals
        self._is_ready = is_ready
        self._pages: dict[str, Callable[[dict[str, list[str]]], Answer]] = {
            "/metrics": lambda _: (HTTPStatus.OK, CONTENT_TYPE, self._metrics.render()),
            "/healthz": lambda _: (HTTPStatus.OK, _TEXT, b"alive\n"),
            "/readyz": self._ready,
            "/refusals": self._refused,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request, answer, close."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_http(*self._answer(head)))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever it was does not speak HTTP, or went away
        finally:
            writer.close()

    def _answer(self, head: bytes) -> Answer:
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        url = urlsplit(rest.partition(" ")[0])
        page = self._pages.get(url.path)
        if page is None:
            return HTTPStatus.NOT_FOUND, _TEXT, ("Here are " + ", ".join(self._pages) + "\n").encode()
        if method not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"GET it\n"
        return page(parse_qs(url.query))

    def _ready(self, _: dict[str, list[str]]) -> Answer:
        if self._is_ready():
            return HTTPStatus.OK, _TEXT, b"ready\n"
        return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"not ready\n"

    def _refused(self, query: dict[str, list[str]]) -> Answer:
        identity = query.get("identity", [None])[0]
        return HTTPStatus.OK, _JSON, orjson.dumps({"data": self._refusals.of(identity)})


def _http(status: HTTPStatus, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
