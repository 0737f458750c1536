"""A port where TLS, or a load balancer's PROXY header, or both come before the WebSocket.

Accepts by itself instead of with `loop.create_server`: the PROXY header has to be taken off before TLS begins, in
exactly its size, for uvloop's `start_tls` hangs when header and ClientHello come in one segment. And each connection
takes the certificates there are when it comes, so that new ones need no new port.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import structlog

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
        self._make = make
        self._turn_away = turn_away
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def run(self) -> None:
        """Accept until `close`."""
        async with asyncio.TaskGroup() as tasks:
            for listening in self._sockets:
                self._keep(tasks.create_task(self._accept(listening), name="accept"))

    def close(self) -> None:
        """Accept nobody any more; who is not through yet does not get through."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        for listening in self._sockets:
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
        except (TimeoutError, ConnectionAbortedError):
            why = "Nothing, or too little, came within {before.timeout_s:g} s."
            self._refuse(source, "handshake_timeout", why.format(before=before))
        except ProxyProtocolError as error:
            self._refuse(source, "no_proxy_header", f"This port is for a load balancer only: {error}.")
        except ssl.SSLCertVerificationError as error:
            self._refuse(source, "bad_certificate", f"The client certificate is not valid: {error.verify_message}.")
        except ssl.SSLError as error:
            self._refuse(source, *_in_words(error))
        except OSError as error:  # it left: load balancers look in like this
            log.debug("left before the handshake", peer=str(source), reason=str(error))

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
        loop, certificates = asyncio.get_running_loop(), self._before.certificates
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = str(source)
        await loop.connect_accepted_socket(
            lambda: self._make(name),
            connection,
            ssl=certificates.context if certificates is not None else None,
            ssl_handshake_timeout=self._before.timeout_s if certificates is not None else None,
        )

    def _refuse(self, source: Source, reason: str, text: str) -> None:
        self._turn_away(str(source), Refusal(0, reason, text))


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


def _in_words(error: ssl.SSLError) -> tuple[str, str]:
    reason = error.reason or str(error)
    if reason in _TLS_WORDS:
        return _TLS_WORDS[reason]
    if "ALERT" in reason:
        return "tls_alert", f"The charge point does not go on with TLS ({reason}). Does it trust our certificate?"
    return "tls_failed", f"TLS failed: {reason}."
