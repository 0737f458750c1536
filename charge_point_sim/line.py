"""One WebSocket of the client side: moves bytes between a transport and websockets' Sans-I/O `ClientProtocol`."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

_MAX_MESSAGE_BYTES = 1_048_576
# The smallest windows: with the default ones ten thousand connections would take gigabytes.
_DEFLATE = ClientPerMessageDeflateFactory(
    server_max_window_bits=9, client_max_window_bits=9, compress_settings={"memLevel": 1}
)
# What the library says per connection is counted here, not logged.
_quiet = logging.getLogger("charge_point_sim.line")
_quiet.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Hello:
    """What the opening request says."""

    uri: WebSocketURI
    subprotocol: str | None
    authorization: str | None = None
    deflate: bool = False


class Peer(Protocol):
    """Who talks over a line."""

    def on_open(self, subprotocol: str | None) -> None:
        """The 101 came."""

    def on_text(self, text: bytes) -> None:
        """A whole message."""

    def on_refused(self, response: Response | None) -> None:
        """Another answer came, or one that is no answer. `on_end` follows."""

    def on_end(self, code: int, why: str = "") -> None:
        """It is over; told once, whether it was ever open or not."""


class Line(asyncio.Protocol):
    """One connection, from the request to its end."""

    __slots__ = ("_fragments", "_hello", "_is_answered", "_is_over", "_peer", "_protocol", "_transport")

    def __init__(self, peer: Peer, hello: Hello) -> None:
        self._peer = peer
        self._hello = hello
        self._protocol = ClientProtocol(
            hello.uri,
            subprotocols=[Subprotocol(hello.subprotocol)] if hello.subprotocol else None,
            extensions=[_DEFLATE] if hello.deflate else None,
            max_size=_MAX_MESSAGE_BYTES,
            logger=_quiet,
        )
        self._transport: asyncio.Transport | None = None
        self._fragments: list[bytes] | None = None
        self._is_over = False
        self._is_answered = True

    @property
    def is_open(self) -> bool:
        return self._protocol.state is State.OPEN

    def send(self, text: str) -> None:
        """Send a text message, if anybody is there to read it."""
        if self.is_open:
            self._protocol.send_text(text.encode())

    def ping(self) -> None:
        """Ask whether anybody is there; break the connection if nobody answered the last time."""
        if not self._is_answered:
            self.abort()
        elif self.is_open:
            self._is_answered = False
            self._protocol.send_ping(b"")
            self.flush()

    def flush(self) -> None:
        """Write what was sent since the last time, in one go."""
        data = self._protocol.data_to_send()
        if not data or self._transport is None:
            return
        self._transport.write(b"".join(data))

    def close(self, code: int) -> None:
        """Say goodbye; the other side hangs up."""
        if self.is_open:
            self._protocol.send_close(code)
            self.flush()

    def abort(self) -> None:
        """Break the connection without a word."""
        if self._transport:
            self._transport.abort()

    def fail(self, why: str) -> None:
        """There never was a connection."""
        if not self._is_over:
            self._is_over = True
            self._peer.on_end(CloseCode.ABNORMAL_CLOSURE, why)

    def abandon(self) -> None:
        """Neither read nor close, and forget it: what a lost radio link looks like from the other side."""
        self._is_over = True
        if self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        request = self._protocol.connect()
        request.headers["User-Agent"] = "ocpp-gateway simulator"
        if self._hello.authorization:
            request.headers["Authorization"] = self._hello.authorization
        self._protocol.send_request(request)
        self.flush()

    def data_received(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Response):
                self._on_response(event)
            else:
                self._on_frame(cast(Frame, event))
        if isinstance(protocol.handshake_exc, InvalidHandshake) and protocol.state is State.CONNECTING:
            self.abort()
        self.flush()
        if protocol.state is not State.OPEN and self._transport and protocol.close_rcvd:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.receive_eof()
        if not self._is_over:
            self._is_over = True
            self._peer.on_end(self._protocol.close_code or CloseCode.ABNORMAL_CLOSURE)

    def _on_response(self, response: Response) -> None:
        if self._protocol.state is State.OPEN:
            self._peer.on_open(self._protocol.subprotocol)
        else:
            self._peer.on_refused(response)

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self._is_answered = True
        elif frame.opcode is Opcode.TEXT and frame.fin:
            self._peer.on_text(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._fragments = [*(self._fragments or []), bytes(frame.data)]
            if frame.fin:
                whole, self._fragments = b"".join(self._fragments), None
                self._peer.on_text(whole)
