"""As much HTTP as an admin port needs: one request per connection, no bodies in."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from gateway import proxy_protocol

TIMEOUT_S = 5.0
_NO_HTTP = (
    TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError,
    proxy_protocol.ProxyProtocolError,
)  # fmt: skip
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"


@dataclass(frozen=True, slots=True)
class Question:
    """A request: its target as it came, the query's last values, and what stands where the page's path has a `*`."""

    target: str
    query: Mapping[str, str]
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: HTTPStatus
    content_type: str
    body: bytes


# ("GET", "/metrics") or ("GET", "/charge-points/*") -> who answers
Pages = Mapping[tuple[str, str], Callable[[Question], Awaitable[Answer]]]


def text(words: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """A line of text."""
    return Answer(status, _TEXT, f"{words}\n".encode())


def data(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """Something as JSON."""
    return Answer(status, _JSON, orjson.dumps({"data": value}))


class Admin:
    """Answers with its pages."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request, answer, close."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                head = await _head(reader)
                writer.write(_http(await self._answer(head)))
                await writer.drain()
        except _NO_HTTP:
            pass  # whoever it was does not speak HTTP, or went away
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> Answer:
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        method, target = "GET" if method == "HEAD" else method, rest.partition(" ")[0]
        whole, _, query = target.partition("?")
        parent, _, leaf = whole.rpartition("/")
        for path, star in ((whole, ""), (f"{parent}/*", unquote(leaf))):
            page = self._pages.get((method, path))
            if page is not None:
                return await page(Question(target, dict(parse_qsl(query)), star))
            if methods := [known for known, at in self._pages if at == path]:
                return text(f"{' or '.join(methods)} it", HTTPStatus.METHOD_NOT_ALLOWED)
        known = ", ".join(f"{method} {path}" for method, path in self._pages)
        return text(f"Here are {known}", HTTPStatus.NOT_FOUND)


async def _head(reader: asyncio.StreamReader) -> bytes:
    # The health checks of a load balancer that sends PROXY v2 begin with it, too. Who it names does not matter here.
    prefix = await reader.readexactly(proxy_protocol.PREFIX_SIZE)
    if not prefix.startswith(proxy_protocol.SIGNATURE):
        return prefix + await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(proxy_protocol.size_of_rest(prefix))
    return await reader.readuntil(b"\r\n\r\n")


def _http(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + answer.body
