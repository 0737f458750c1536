"""A charge point that writes its WebSocket frames by hand, right or wrong: the far end of every RFC 6455 test."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import orjson

from tests.gateway.house import PATIENCE_S

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x37\xfa\x21\x3d"


@dataclass(frozen=True, slots=True)
class Received:
    """A frame of the server."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def close_code(self) -> int | None:
        """The code of a CLOSE frame that has one."""
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else None


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = MASK, width: int = 0
) -> bytes:
    """A frame of a client; `width` 2 or 8 writes the length in more bytes than it needs."""
    size = len(payload)
    width = max(width, 0 if size < 126 else 2 if size < 65_536 else 8)
    first = fin << 7 | rsv << 4 | opcode
    second = (mask is not None) << 7 | {0: size, 2: 126, 8: 127}[width]
    length = b"" if not width else size.to_bytes(width, "big")
    return bytes([first, second]) + length + (b"" if mask is None else mask + masked(payload, mask))


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    """The payload under this mask."""
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


def fragments(parts: Iterable[bytes], between: bytes = b"") -> bytes:
    """A text message in these fragments, with other frames between them."""
    frames, last = [], len(pieces := list(parts)) - 1
    for number, part in enumerate(pieces):
        frames.append(frame(TEXT if number == 0 else CONT, part, fin=number == last))
    return between.join(frames)


def deflated(data: bytes, window_bits: int = 15) -> bytes:
    """The payload of a compressed message (RFC 7692 7.2.1)."""
    compressor = zlib.compressobj(wbits=-window_bits)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


def frames_in(data: bytes) -> list[Received]:
    """The frames of a server in these bytes, which must end with a whole one."""
    found = []
    while data:
        assert not data[1] & 0x80, "a server must not mask"
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at], "big")
        assert len(data) >= at + size, data
        found.append(Received(data[0] & 0x0F, data[at : at + size], bool(data[0] & 0x80), data[0] >> 4 & 0x7))
        data = data[at + size :]
    return found


def request(path: str = "/ocpp/CP1", protocol: str | None = "ocpp1.6", **headers: Any) -> bytes:
    """An upgrade request; a header of None is left out."""
    usual = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": protocol,
    }
    changed = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in changed.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def call(message_id: str = "1", text: str = "", action: str = "Heartbeat") -> bytes:
    """A CALL whose answer brings this text back, if the cloud answers everything."""
    return orjson.dumps([2, message_id, action, {"text": text}])


def call_of(size: int) -> bytes:
    """A CALL of so many bytes."""
    return call(text="x" * (size - len(call())))


def answer(message_id: str = "1", text: str = "") -> list[Any]:
    """That answer."""
    return [3, message_id, {"text": text}]


class Wire:
    """A TCP connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decompressor = zlib.decompressobj(wbits=-15)

    def send(self, *data: bytes) -> None:
        """Write all this at once."""
        self._writer.write(b"".join(data))

    async def trickle(self, data: bytes) -> None:
        """Write it byte by byte, each in a segment of its own."""
        for at in range(len(data)):
            self._writer.write(data[at : at + 1])
            await self._writer.drain()
            await asyncio.sleep(0)

    async def shake(self, asked: bytes | None = None) -> str:
        """Send an upgrade request; returns the head of the response."""
        self.send(request() if asked is None else asked)
        return await self.head()

    async def head(self) -> str:
        """The head of the response."""
        async with asyncio.timeout(PATIENCE_S):
            return (await self._reader.readuntil(b"\r\n\r\n")).decode()

    async def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read()

    async def frame(self) -> Received:
        """The next frame of the server, which never masks (RFC 6455 5.1)."""
        async with asyncio.timeout(PATIENCE_S):
            first, second = await self._reader.readexactly(2)
            assert not second & 0x80, "a server must not mask"
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
            payload = await self._reader.readexactly(size)
        return Received(first & 0x0F, payload, bool(first & 0x80), first >> 4 & 0x7)

    async def json(self) -> Any:
        """The next frame, which must be a whole text."""
        received = await self.frame()
        assert (received.opcode, received.fin) == (TEXT, True), received
        return orjson.loads(self.inflated(received.payload) if received.rsv else received.payload)

    def inflated(self, data: bytes) -> bytes:
        """The text of the next compressed message."""
        return self._decompressor.decompress(data + b"\x00\x00\xff\xff")

    async def closed(self) -> int | None:
        """The code of the CLOSE that comes next; the connection ends after it."""
        received = await self.frame()
        assert received.opcode == CLOSE, received
        self.send(frame(CLOSE, received.payload))
        assert await self.rest() == b""
        return received.close_code

    def half_close(self) -> None:
        """Nothing will be sent any more."""
        self._writer.write_eof()

    async def leave(self) -> None:
        """Go without a word."""
        self._writer.transport.abort()
        with suppress(OSError):  # that was the point
            await self._writer.wait_closed()


@asynccontextmanager
async def wire(port: int, asked: bytes | None = None, *, shake: bool = True) -> AsyncIterator[Wire]:
    """A connection that has shaken hands, unless told not to."""
    connection = Wire(*await asyncio.open_connection("127.0.0.1", port))
    try:
        if shake:
            head = await connection.shake(asked)
            assert head.startswith("HTTP/1.1 101 "), head
        yield connection
    finally:
        await connection.leave()
