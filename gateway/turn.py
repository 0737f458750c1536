"""What is written in one turn of the loop: worked out first, for everybody, and handed to the kernel at its end.

Frames come in bunches, one read of a link brings many. A write between two of them wakes whoever reads at the other
end, who takes the processor and the caches from us, each time anew.
"""

import asyncio


class Turn:
    """The writes of this turn, in order."""

    __slots__ = ("_loop", "_writes")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._writes: list[tuple[asyncio.WriteTransport, bytes]] = []

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Write it before this turn ends."""
        if not self._writes:
            self._loop.call_soon(self.flush)
        self._writes.append((transport, data))

    def flush(self) -> None:
        """Write now what has to be written."""
        writes, self._writes = self._writes, []
        for transport, data in writes:
            if not transport.is_closing():
                transport.write(data)
