"""A port where TLS, or a load balancer's PROXY header, or both come before the WebSocket.

Where a PROXY header comes it accepts by itself instead of with `loop.create_server`: the header has to be taken off
before TLS begins, in exactly its size, for uvloop's `start_tls` hangs when header and ClientHello come in one segment.
Each connection takes the certificates there are when it comes, so that new ones need no new port.
"""

import asyncio
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import uvloop
import uvloop.loop

from gateway import proxy_protocol
from gateway.proxy_protocol import PREFIX_SIZE, ProxyProtocolError, Source
from gateway.refusals import Refusal
from gateway.tls import Certificates

BACKLOG = 4096
ACCEPT_AGAIN_S = 0.5

# What OpenSSL says of the handshakes that installers can do something about.
_TLS_WORDS = {
    "HTTP_REQUEST": ("no_tls", "Plain HTTP came to a port that speaks TLS. Use wss:// instead of ws://."),
    "UNSUPPORTED_PROTOCOL": ("tls_version", "TLS 1.2 and 1.3 are spoken here; the charge point offered an older one."),
    "NO_SHARED_CIPHER": ("tls_ciphers", "The charge point offered no cipher suite that is spoken here."),
}

# The same class twice: uvloop's, which its stubs leave out, is asyncio's in C.
_of_uvloop: Any = vars(uvloop.loop)["SSLProtocol"]
_of_asyncio: Any = sslproto.SSLProtocol

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Before:
    """What comes before the WebSocket, each within `timeout_s`; whether other processes have the port, too."""

    certificates: Certificates | None
    has_proxy: bool
    timeout_s: float
    reuse_port: bool = False


class Listener:
    """The open port. `make` gets the source address ("host:port") and makes a connection's protocol.

    `turn_away` is told of everybody who does not get as far as that.
    """

    def __init__(
        self,
        sockets: list[socket.socket],
        before: Before,
        make: Callable[[str], asyncio.Protocol],
        turn_away: Callable[[str, Refusal], None],
    ) -> None:
        self.port = int(sockets[0].getsockname()[1])
        self._sockets = sockets
        self._before = before
        self.make = make
        self._turn_away = turn_away
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._arriving: set[_Arrival] = set()
        self._is_closed = False

    async def run(self) -> None:
        """Accept until `close`."""
        if not self._before.has_proxy:
            await self._have_accepted()
            return
        async with asyncio.TaskGroup() as tasks:
            for listening in self._sockets:
                self._keep(tasks.create_task(self._accept(listening), name="accept"))

    async def _have_accepted(self) -> None:
        loop, begin = asyncio.get_running_loop(), partial(self._begin, None)
        for listening in self._sockets:
            if not self._is_closed:
                self._servers.append(await loop.create_server(begin, sock=listening, backlog=BACKLOG))

    def close(self) -> None:
        """Accept nobody any more; who is not through yet does not get through."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        for arrival in list(self._arriving):
            arrival.abort()
        for server in self._servers:
            server.close()
        for listening in self._sockets[len(self._servers) :]:
            asyncio.get_running_loop().call_soon(listening.close)  # once nobody waits at it any more

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_closed:
            try:
                connection, address = await loop.sock_accept(listening)
            except OSError as error:  # no file descriptors left, say: what is open goes on, and closes some day
                log.error("can't accept connections", reason=str(error))
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            self._keep(loop.create_task(self._receive(connection, Source(address[0], address[1]))))

    async def _receive(self, connection: socket.socket, source: Source) -> None:
        before = self._before
        try:
            if before.has_proxy:
                source = await self._source(connection, source)
            await self._hand_over(connection, source)
        except (ProxyProtocolError, OSError) as error:
            self.refuse(source, error)

    async def _source(self, connection: socket.socket, load_balancer: Source) -> Source:
        try:
            async with asyncio.timeout(self._before.timeout_s):
                prefix = await _read(connection, PREFIX_SIZE)
                rest = await _read(connection, proxy_protocol.size_of_rest(prefix))
            return proxy_protocol.source_of(prefix, rest) or load_balancer
        except BaseException:
            connection.close()
            raise

    async def _hand_over(self, connection: socket.socket, source: Source) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(partial(self._begin, source), connection)

    def _begin(self, source: Source | None) -> asyncio.Protocol:
        if self._before.certificates is not None:
            return _Arrival(self, self._before.certificates, source)
        return self.make(str(source) if source is not None else "")

    @property
    def timeout_s(self) -> float:
        """How long a TLS handshake may take."""
        return self._before.timeout_s

    def arrives(self, arrival: "_Arrival") -> None:
        """A TLS handshake has begun."""
        self._arriving.add(arrival)

    def arrived(self, arrival: "_Arrival") -> None:
        """It is over."""
        self._arriving.discard(arrival)

    def refuse(self, source: Source, error: ProxyProtocolError | OSError) -> None:
        """Say why this one does not get through."""
        reason, text = _in_words(error, self._before.timeout_s)
        if reason:
            self._turn_away(str(source), Refusal(0, reason, text))
        else:  # it left: load balancers look in like this
            log.debug("left before the handshake", peer=str(source), reason=text)


class _Arrival(asyncio.Protocol):
    """A TCP connection until its TLS handshake is over.

    `loop.create_server` would not tell of handshakes that fail, `loop.connect_accepted_socket` takes 100 us more for a
    task, a socket and its enumerations. So the loop's own TLS protocol takes over, which tells us as it would a future.
    """

    __slots__ = ("_certificates", "_listener", "_source", "_transport")

    def __init__(self, listener: Listener, certificates: Certificates, source: Source | None) -> None:
        self._listener = listener
        self._certificates = certificates
        self._source = source

    def connection_made(self, transport: Any) -> None:
        listener, loop = self._listener, asyncio.get_running_loop()
        self._transport = transport
        host, port, *_ = transport.get_extra_info("peername") or ("", 0)
        source = self._source = self._source or Source(host, port)
        protocol = (_of_uvloop if isinstance(loop, uvloop.Loop) else _of_asyncio)(
            loop, listener.make(str(source)), self._certificates.context, self, server_side=True,
            ssl_handshake_timeout=listener.timeout_s,
        )  # fmt: skip
        listener.arrives(self)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def abort(self) -> None:
        """Don't let it get through any more."""
        self._transport.abort()

    # What the TLS protocol asks of a future.

    def cancelled(self) -> bool:
        return False

    def set_result(self, _: None) -> None:
        self._listener.arrived(self)

    def set_exception(self, error: BaseException) -> None:
        self._listener.arrived(self)
        if isinstance(error, OSError) and self._source is not None:  # TimeoutError and ssl.SSLError are, too
            self._listener.refuse(self._source, error)


async def listen(
    host: str,
    port: int,
    before: Before,
    make: Callable[[str], asyncio.Protocol],
    turn_away: Callable[[str, Refusal], None],
) -> Listener:
    """Open the port.

    Raises:
        OSError: it can't be opened.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            listening = socket.create_server(address[:2], family=family, backlog=BACKLOG, reuse_port=before.reuse_port)
            listening.setblocking(False)
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections have it from here
            sockets.append(listening)
    except OSError:
        for listening in sockets:
            listening.close()
        raise
    return Listener(sockets, before, make, turn_away)


async def _read(connection: socket.socket, size: int) -> bytes:
    """Exactly so much: what comes after it belongs to TLS."""
    data = b""
    while len(data) < size:
        more = await asyncio.get_running_loop().sock_recv(connection, size - len(data))
        if not more:
            if data:
                raise ProxyProtocolError("the connection ended within the PROXY v2 header")
            raise ConnectionResetError("nothing came")
        data += more
    return data


def _in_words(error: ProxyProtocolError | OSError, timeout_s: float) -> tuple[str, str]:
    """What went wrong; the reason is empty where nobody need be told."""
    match error:
        case TimeoutError() | ConnectionAbortedError():
            return "handshake_timeout", f"Nothing, or too little, came within {timeout_s:g} s."
        case ProxyProtocolError():
            return "no_proxy_header", f"This port is for a load balancer only: {error}."
        case ssl.SSLCertVerificationError():
            return "bad_certificate", f"The client certificate is not valid: {error.verify_message}."
        case ssl.SSLError():
            return _of_tls(error.reason or str(error))
    return "", str(error)


def _of_tls(reason: str) -> tuple[str, str]:
    if reason in _TLS_WORDS:
        return _TLS_WORDS[reason]
    if "ALERT" in reason:
        return "tls_alert", f"The charge point does not go on with TLS ({reason}). Does it trust our certificate?"
    return "tls_failed", f"TLS failed: {reason}."
