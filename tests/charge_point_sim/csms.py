"""The script on a real WebSocket server."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from ocppj import frames
from ocppj.frames import Answer
from tests.charge_point_sim.script import Script

Refusal = tuple[HTTPStatus, str, dict[str, str]]


class Csms:
    """Serves one charge point on loopback; `refusals` are used up first.

    One that `speaks_any` version chooses none: 101 without a subprotocol.
    """

    def __init__(
        self,
        script: Script,
        refusals: list[Refusal] | None = None,
        *,
        speaks_any: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script = script
        self.peers: list[Any] = []  # the certificates of who connected; None for who showed none
        self._tls = tls
        self.requests: list[Request] = []
        self.problems: list[Exception] = []
        self.connections = 0
        self.refusals = refusals or []
        self._speaks_any = speaks_any
        self._socket: ServerConnection | None = None
        self._changed = asyncio.Condition()
        self._command_ids = count(1)
        self._server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws{'s' if self._tls else ''}://127.0.0.1:{port}/ocpp"

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            subprotocols=None if self._speaks_any else [Subprotocol(self.script.version.subprotocol)],
            process_request=self._admit,
            close_timeout=1,
            ssl=self._tls,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        assert not self.problems

    async def command(self, action: str, **payload: Any) -> Answer:
        """Send a command and wait for its answer."""
        assert self._socket is not None
        message_id = f"command-{next(self._command_ids)}"
        await self._socket.send(frames.encode(self.script.ask(action, message_id, payload)))
        await self.until(lambda: message_id in self.script.answers)
        return self.script.answers[message_id]

    async def cut(self) -> None:
        """Break the connection, without a word."""
        assert self._socket is not None
        self._socket.transport.abort()
        await self._socket.wait_closed()

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait until something has happened; what is said and who connects can make it true."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: self.problems or is_true()), 20)
        assert not self.problems

    async def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        await self._tell()
        if not self.refusals:
            return None
        status, body, headers = self.refusals.pop(0)
        response = socket.respond(status, body)
        response.headers.update(headers)
        return response

    async def _serve(self, socket: ServerConnection) -> None:
        self._socket = socket
        self.connections += 1
        self.peers.append(socket.transport.get_extra_info("peercert") or None)
        with suppress(ConnectionClosed):
            async for text in socket:
                assert isinstance(text, str)
                try:
                    answer = self.script.hear(text)
                except Exception as error:  # a test has to see it, not the server's log
                    self.problems.append(error)
                    answer = None
                if answer:
                    with suppress(ConnectionClosed):  # what it said before it left is still to be heard
                        await socket.send(frames.encode(answer))
                await self._tell()
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
