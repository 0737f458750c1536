"""The gateway's WebSocket layer as an echo, for the server cases of the Autobahn test suite 25.10.1.

    python -m tests.conformance.autobahn 9551
    wstest -m fuzzingclient -s spec.json   # {"servers": [{"url": "ws://127.0.0.1:9551"}], "cases": ["*"]}

The suite needs Python 2.7, so it is not among what tests install; docs/conformance.md says what it found.
"""

import asyncio
import sys

import structlog

from gateway.options import WebSocketOptions
from gateway.plain_request import Asked
from gateway.refusals import Refusal
from gateway.turn import Turn
from gateway.websocket import WebSocket

LARGEST = 17 * 1024 * 1024  # the suite's own; the gateway's limit is 1 MiB

log = structlog.get_logger()


class Echo:
    """Says what it hears."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    def on_text(self, text: bytes) -> None:
        self._websocket.send(text)

    def on_offence(self, why: str) -> None:
        self._websocket.abort(why)

    def on_end(self, code: int, reason: str) -> None:
        pass


class Host:
    """Lets everybody in."""

    def __init__(self) -> None:
        self.turn = Turn(asyncio.get_running_loop())

    def on_request(self, websocket: WebSocket, asked: Asked) -> None:
        if websocket.objection is None:
            websocket.accept(Echo(websocket))
        else:
            websocket.respond(websocket.objection)

    def on_nonsense(self, websocket: WebSocket, refusal: Refusal, path: str) -> None:
        log.info("refused", peer=websocket.remote, reason=refusal.reason, path=path)

    def on_made(self, websocket: WebSocket) -> None:
        pass

    def on_lost(self, websocket: WebSocket) -> None:
        pass


async def serve(port: int) -> None:
    """Echo for ever."""
    host = Host()
    # Whoever sends 16 MiB in pieces of 64 bytes takes its time to read, too.
    options = WebSocketOptions(max_message_bytes=LARGEST, write_buffer_bytes=LARGEST)
    server = await asyncio.get_running_loop().create_server(lambda: WebSocket(host, options), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
