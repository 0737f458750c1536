"""A CSMS that accepts everybody and everything, light enough to take a whole fleet.

As a process of its own: `python -m tests.charge_point_sim.anybody` prints its port and serves until it is ended.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Self, cast

import orjson
import uvloop
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

_TIME = "2026-07-01T12:00:00.000Z"
_quiet = logging.getLogger("tests.anybody")
_quiet.setLevel(logging.CRITICAL)


class Anybody:
    """Counts who came and what was said."""

    def __init__(self) -> None:
        self.connections = 0
        self.actions: dict[str, int] = {}
        self.paths: list[str] = []
        self.peers: set[str] = set()
        self.heard: list[tuple[str, str, dict[str, object]]] = []  # path, action, payload; the first thousand
        self.port = 0
        self._heard = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Socket(self), "127.0.0.1", 0, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait until something has been said."""
        async with asyncio.timeout(30):
            while not is_true():
                self._heard.clear()
                await self._heard.wait()

    def answer(self, action: str, payload: dict[str, object]) -> dict[str, object]:
        """What is true of any charge point."""
        self._heard.set()
        self.actions[action] = self.actions.get(action, 0) + 1
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": _TIME, "interval": 300}
            case "Heartbeat":
                return {"currentTime": _TIME}
            case "Authorize":
                accepted = {"status": "Accepted"}
                return {"idTagInfo": accepted} if "idTag" in payload else {"idTokenInfo": accepted}
            case "StartTransaction":
                return {"transactionId": self.actions[action], "idTagInfo": {"status": "Accepted"}}
            case _:
                return {}


class Socket(asyncio.Protocol):
    """One charge point's connection."""

    def __init__(self, csms: Anybody) -> None:
        self._csms = csms
        self._path = ""
        self._protocol = ServerProtocol(select_subprotocol=_first, logger=_quiet)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._csms.peers.add(transport.get_extra_info("peername", ("nowhere",))[0])

    def data_received(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._path = event.path
                self._csms.connections += 1
                self._csms.paths.append(event.path)
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._hear(event)
        if out := protocol.data_to_send():
            self._transport.write(b"".join(out))
        if protocol.close_sent:
            self._transport.close()

    def _hear(self, frame: Frame) -> None:
        kind, message_id, *rest = orjson.loads(bytes(frame.data))
        if kind == 2:
            if len(self._csms.heard) < 1000:
                self._csms.heard.append((self._path, *rest))
            answer = [3, message_id, self._csms.answer(*rest)]
            self._protocol.send_text(orjson.dumps(answer))


def _first(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None


async def _serve() -> None:
    async with Anybody() as csms:
        print(csms.port, flush=True)  # noqa: T201  # whoever started it reads this
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(_serve())
