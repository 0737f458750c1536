"""The WebSocket shell: moves bytes between a transport and websockets' Sans-I/O `ServerProtocol`.

No task, queue or lock per frame. Reading is paused between the request and the 101, so admission may take its time.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from gateway import plain_request, shortcut, upgrade
from gateway.bites import BITE, Bites
from gateway.ends import Host, Nobody, Peer
from gateway.limits import Traffic
from gateway.options import WebSocketOptions
from gateway.plain_request import Asked

TEXT, CONT, BINARY, CLOSE = Opcode.TEXT, Opcode.CONT, Opcode.BINARY, Opcode.CLOSE
OPEN = State.OPEN


class WebSocket(asyncio.Protocol):
    """One WebSocket of the server side."""

    __slots__ = (
        "_answer",
        "_bites",
        "_closing",
        "_cutter",
        "_deflates",
        "_early",
        "_fragments",
        "_host",
        "_is_cut",
        "_is_lost",
        "_is_open",
        "_library",
        "_loop",
        "_options",
        "_patience",
        "_peer",
        "_request",
        "_rest",
        "_timer",
        "_traffic",
        "_transport",
        "heard_at",
        "remote",
    )

    def __init__(self, host: Host, options: WebSocketOptions, remote: str = "") -> None:
        self._host = host
        self._options = options
        self._library: ServerProtocol | None = None  # see `_protocol`
        self._request = b""  # a plain one that waits for its answer
        self._answer: bytes | Response | None = None  # what it is to be answered with
        self._peer: Peer | None = None
        self._early: list[Frame] = []
        self._fragments: list[bytes] | None = None
        self._is_cut = False  # whether its plain frames go past the library
        self._cutter: shortcut.Cutter | None = None  # while it has sent a part of something
        self._closing: tuple[int, str] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_lost = False
        # As the protocol says, without asking it for each frame: with many connected nothing of it is in the caches.
        self._is_open = self._deflates = False
        self._traffic: Traffic | None = None
        self._bites: Bites | None = None  # once it has sent much at once
        self._rest: asyncio.Handle | None = None  # while others have their turn, or it is over its limit
        self._patience: asyncio.TimerHandle | None = None  # while it does not read
        self.heard_at = 0.0  # on the loop's clock
        self.remote = remote  # "host:port"; where it is not known yet, as the transport says

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(self._options.write_buffer_bytes)
        if not self.remote and (peername := transport.get_extra_info("peername")):
            self.remote = f"{peername[0]}:{peername[1]}"
        self._abort_in(self._options.handshake_timeout_s)
        self._host.on_made(self)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        if self._peer is None:
            self._take(data)
        elif not self._bites and self._rest is None and len(data) <= BITE:
            frames = self._take(data)
            if self._traffic is not None:
                self._pay(self._traffic, self.heard_at, frames, len(data))
        else:
            if self._bites is None:
                self._bites = Bites()
            self._bites.add(data)
            if self._rest is None:
                self._take_bite(self._bites)

    def eof_received(self) -> bool:
        if self._bites:
            self._take(self._bites.rest())
        self._protocol.receive_eof()
        self._is_open = False
        return False  # the transport closes itself once it has written what it had

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        for timer in (self._timer, self._rest, self._patience):
            if timer is not None:
                timer.cancel()
        if self._library is not None:
            self._library.receive_eof()
        self._on_close()
        self._peer = None
        self._host.on_lost(self)

    def pause_writing(self) -> None:
        # It does not read our answers: don't read its CALLs.
        self._transport.pause_reading()
        self._patience = self._loop.call_later(self._options.write_timeout_s, self._offends, "slow_reader")

    def resume_writing(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._resume_reading()

    # The handshake.

    @property
    def is_lost(self) -> bool:
        """Whether there is nobody left to answer with a 101."""
        library = self._library
        return self._is_lost or (library is not None and (library.state is not State.CONNECTING or library.eof_sent))

    @property
    def objection(self) -> Response | None:
        """What is wrong with the request as WebSocket, if anything is."""
        answer = self._answer
        return answer if isinstance(answer, Response) and answer.status_code != 101 else None

    def accept(self, peer: Peer, traffic: Traffic | None = None) -> None:
        """Answer with the 101 and open for `peer`, whose `traffic` is counted from now on."""
        answer, self._answer, self._request = self._answer, None, b""
        if isinstance(answer, Response):
            self._protocol.send_response(answer)
            self._deflates = bool(self._protocol.extensions)
            self._flush()
        elif answer is not None:
            self._host.turn.write(self._transport, answer)
        self._is_open = True
        self._peer = peer
        self._traffic = traffic
        self._transport.resume_reading()
        early, self._early = self._early, []
        for frame in early:
            self._on_frame(peer, frame)

    def about(self, name: str) -> Any:
        """What the transport knows of the connection, such as its "peercert"."""
        return self._transport.get_extra_info(name)

    def dismiss(self, code: int, reason: str) -> None:
        """Answer with the 101, only to close at once."""
        if not self.is_lost:
            self.accept(Nobody())
            self.close(code, reason)

    def refuse(self, status: int, text: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Answer with a plain text and close."""
        response = self._protocol.reject(status, text + "\n")
        for name, value in headers:
            response.headers[name] = value
        self.respond(response)

    def respond(self, response: Response) -> None:
        """Answer with any response other than 101 and close."""
        if self.is_lost:
            return
        self._protocol.send_response(response)
        self._transport.resume_reading()
        self._flush()

    def _shake_hands(self) -> None:
        events = self._protocol.events_received()
        if self._protocol.state is not State.CONNECTING or self._protocol.eof_sent:
            self._answer_nonsense()
            return
        for event in events:
            if isinstance(event, Request):
                self._ask_host(self._judge(event))
            elif isinstance(event, Frame) and event.opcode is TEXT and event.fin:
                # RFC 6455 4.1 tells clients to wait for the 101; who can't is served after it.
                self._early.append(event)
            else:
                self._transport.abort()

    def _ask_host(self, asked: Asked) -> None:
        self._cancel_timer()
        self._transport.pause_reading()
        self._host.on_request(self, asked)

    def _judge(self, request: Request) -> Asked:
        self._answer = upgrade.answer(self._protocol, request)
        asked = upgrade.asked(request)
        request.headers.clear()  # the library keeps the request as long as the connection lives
        return asked

    @property
    def _protocol(self) -> ServerProtocol:
        """The library's side: made when first needed, for of what is plain it never hears."""
        if self._library is None:
            self._library = library = upgrade.protocol(self._options, State.CONNECTING if self._peer is None else OPEN)
            if self._request:
                library.receive_data(self._request)
                for event in library.events_received():
                    self._judge(cast(Request, event))
        return self._library

    def _answer_nonsense(self) -> None:
        refusal, path, unsaid = upgrade.refuse_nonsense(self._protocol)
        self._transport.write(unsaid)
        self._flush()
        self._host.on_nonsense(self, refusal, path)

    # Open.

    def send(self, text: bytes) -> None:
        """Put a text message on the wire; nothing happens when the close has begun."""
        if self._is_open:
            if self._deflates:
                self._protocol.send_text(text)
                self._flush()
            else:
                self._host.turn.write(self._transport, shortcut.head(len(text)) + text)
            # There is no end to what can be sent to somebody who does not read.
            if self._patience is not None and self._buffered > 2 * self._options.write_buffer_bytes:
                self._offends("slow_reader")

    def ping(self) -> None:
        """Ask whether the peer is there."""
        if self._is_open:
            self._host.turn.write(self._transport, shortcut.PING)

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the connection is gone at most `close_timeout_s` later."""
        if self._is_lost or self._protocol.state is not OPEN:
            return
        self._closing = (code, reason)
        self._protocol.send_close(code, reason)
        self._flush()
        self._on_close()
        if not self._is_lost:
            self._abort_in(self._options.close_timeout_s)

    def abort(self, reason: str) -> None:
        """Give up on a peer that is not there any more, without a word to it."""
        self._closing = (CloseCode.ABNORMAL_CLOSURE, reason)
        self._on_close()
        self._transport.abort()

    @property
    def is_resting(self) -> bool:
        """Whether it is not read from because it sends too much: its pongs wait, too."""
        return self._rest is not None

    @property
    def _buffered(self) -> int:
        return self._transport.get_write_buffer_size()

    def _take(self, data: bytes) -> int:
        """Take bytes; returns how many frames they ended."""
        peer = self._peer
        if peer is None:
            is_first = self._library is None and not self._request
            if is_first and (plain := plain_request.read(data)) is not None:
                self._request = data
                self._is_cut = True
                asked, self._answer = plain
                self._ask_host(asked)
                return 0
            self._is_cut = shortcut.is_request_alone(data)
            self._protocol.receive_data(data)
            self._shake_hands()
            return 0
        if not self._is_cut:
            return self._take_through(peer, data)
        cutter, max_size = self._cutter, self._options.max_message_bytes
        if cutter is None:
            if (text := shortcut.whole(data, max_size)) is not None:
                self._on_text(peer, text)
                return 1
            if shortcut.is_pong(data):
                return 1
            cutter = self._cutter = shortcut.Cutter(max_size)
        frames, pieces = 0, cutter.cut(data)
        if cutter.is_between:
            self._cutter = None
        for is_text, piece in pieces:
            if is_text:
                self._on_text(peer, piece)
                frames += 1
            else:
                frames += self._take_through(peer, piece)
                peer = self._peer or peer  # nobody, once it has ended
        return frames

    def _take_through(self, peer: Peer, data: bytes) -> int:
        protocol = self._protocol
        protocol.receive_data(data)
        events = protocol.events_received()
        for event in events:
            self._on_frame(peer, cast(Frame, event))
        self._flush()
        if protocol.state is not OPEN:
            self._on_close()
        return len(events)

    def _take_bite(self, bites: Bites) -> None:
        bite = bites.bite()
        frames, traffic = self._take(bite), self._traffic
        if self._is_lost:
            return
        bites.weigh(frames)
        rests = traffic is not None and self._pay(traffic, self._loop.time(), frames, len(bite))
        if bites and not rests:
            self._transport.pause_reading()
            self._rest = self._loop.call_soon(self._go_on)

    def _pay(self, traffic: Traffic, now: float, frames: int, octets: int) -> bool:
        """Count what it sent; whether it has to rest now."""
        rest_s = traffic.take(now, frames, octets)
        if not rest_s or self._is_lost:
            return False
        self._transport.pause_reading()
        self._rest = self._loop.call_later(rest_s, self._go_on)
        if traffic.is_hopeless(now):
            self._offends("flooding")
        return True

    def _go_on(self) -> None:
        self._rest = None
        if self._bites:
            self._take_bite(self._bites)
        self._resume_reading()

    def _resume_reading(self) -> None:
        if self._rest is None and self._patience is None and not self._is_lost:
            self._transport.resume_reading()

    def _offends(self, why: str) -> None:
        if self._peer is not None:
            self._peer.on_offence(why)

    def _on_frame(self, peer: Peer, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is TEXT or opcode is CONT:
            if frame.fin and self._fragments is None:
                self._on_text(peer, bytes(frame.data))
            else:
                self._on_fragment(peer, frame)
        elif opcode is BINARY:
            self.close(CloseCode.UNSUPPORTED_DATA, "OCPP is spoken in text messages")

    def _on_fragment(self, peer: Peer, frame: Frame) -> None:
        if self._fragments is None:
            self._fragments = []
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            text, self._fragments = b"".join(self._fragments), None
            self._on_text(peer, text)

    def _on_text(self, peer: Peer, text: bytes) -> None:
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError:
                self.close(CloseCode.INVALID_DATA, "the text is no UTF-8")
                return
        peer.on_text(text)

    def _on_close(self) -> None:
        self._is_open = False
        peer, self._peer = self._peer, Nobody()
        if peer is None:
            return
        if self._closing is not None:
            code, reason = self._closing
        elif (library := self._library) is not None and (close := library.close_rcvd or library.close_sent) is not None:
            code, reason = close.code, close.reason
        else:
            code, reason = CloseCode.ABNORMAL_CLOSURE, "connection lost"
        peer.on_end(int(code), reason)

    # The transport.

    def _flush(self) -> None:
        if self._is_lost or self._library is None:
            return
        for data in self._library.data_to_send():
            if data:
                self._host.turn.write(self._transport, data)
            else:
                self._send_eof()

    def _send_eof(self) -> None:
        self._abort_in(self._options.close_timeout_s)
        self._host.turn.flush()
        if self._transport.can_write_eof():
            # Closing at once, with unread data in the kernel, would reset the connection under our last words.
            self._transport.write_eof()
        else:
            self._transport.close()

    def _abort_in(self, delay_s: float) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(delay_s, self._transport.abort)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
