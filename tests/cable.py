"""A cable between a client and a broker that a test can cut: a TCP proxy that knows nothing of what it carries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Cable:
    """Carries connections to `host:target` while it is whole; resets them, and every new one, while it is cut."""

    def __init__(self, host: str, target: int) -> None:
        self._host = host
        self._target = target
        self._is_whole = True
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    def cut(self) -> None:
        """Reset everything that is connected."""
        self._is_whole = False
        for end in list(self._ends):
            end.transport.abort()

    def restore(self) -> None:
        """Let new connections through."""
        self._is_whole = True

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        if not self._is_whole:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(self._host, self._target)
        self._ends |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_copy(reader, far_writer), name="there")
                tasks.create_task(_copy(far_reader, writer), name="back")
        finally:
            self._ends -= {writer, far_writer}


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    except OSError:
        pass  # cut
    finally:
        target.close()


@asynccontextmanager
async def cable_to(target: int, host: str = "127.0.0.1") -> AsyncIterator[Cable]:
    """A whole cable from a free loopback port; it is cut at the end."""
    cable = Cable(host, target)
    server = await asyncio.start_server(cable.carry, "127.0.0.1", 0)
    cable.port = server.sockets[0].getsockname()[1]
    try:
        yield cable
    finally:
        server.close()
        cable.cut()
        await server.wait_closed()
