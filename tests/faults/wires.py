"""Proxies that break: one that carries TCP and can lose single connections or hold everything back, and one for AWS's
HTTP that can be slow or throttle."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

THROTTLED = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"too fast"}'


class Wires:
    """Carries connections to `target`, numbered from 0 in the order they were made."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.is_open = True  # whether new ones are let through
        self.made = 0
        self._target = target
        self._ends: dict[int, list[asyncio.StreamWriter]] = {}

    def cut(self, *numbers: int) -> None:
        """Reset these connections, and let no new ones through."""
        self.is_open = False
        for number in numbers:
            for end in self._ends.get(number, ()):
                end.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        if not self.is_open:
            writer.transport.abort()
            return
        number, self.made = self.made, self.made + 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._ends[number] = [writer, far_writer]
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            for end in self._ends.pop(number):
                end.transport.abort()


class SlowAws:
    """Carries HTTP requests to the emulator; each waits for `delay_s` first, or is throttled."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.delay_s = 0.0
        self.is_throttling = False
        self.requests = 0
        self._target = target

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry the requests of one connection."""
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    request = await _message(reader)
                    self.requests += 1
                    await asyncio.sleep(self.delay_s)
                    writer.write(_throttled() if self.is_throttling else await self._ask(request))
                    await writer.drain()
        finally:
            writer.transport.abort()

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            writer.write(request)
            return await _message(reader)
        finally:
            writer.transport.abort()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0])) if lengths else b"")


def _throttled() -> bytes:
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(THROTTLED)}"
    return head.encode() + b"\r\n\r\n" + THROTTLED


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # cut
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


@asynccontextmanager
async def wires_to(target: int) -> AsyncIterator[Wires]:
    """Wires from a free port of the loopback."""
    wires = Wires(target)
    async with _serving(wires):
        yield wires
        wires.cut(*range(wires.made))


@asynccontextmanager
async def slow_aws(target: int) -> AsyncIterator[SlowAws]:
    """An AWS endpoint on a free port of the loopback."""
    endpoint = SlowAws(target)
    async with _serving(endpoint):
        yield endpoint


@asynccontextmanager
async def _serving(proxy: Wires | SlowAws) -> AsyncIterator[None]:
    carrying: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.carry(reader, writer))
        carrying.add(task)
        task.add_done_callback(carrying.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        for task in list(carrying):
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
