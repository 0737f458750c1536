"""A transport without a network that remembers what was written to it: each write is one call of the kernel."""

import asyncio
from typing import Any


class Recorder(asyncio.Transport):
    """Takes everything, until it is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "socket": self})
        self.writes: list[bytes] = []
        self._is_closing = False

    def write(self, data: Any) -> None:
        """Remember it."""
        assert not self._is_closing
        self.writes.append(bytes(data))

    def setsockopt(self, *_: int) -> None:
        """It is its own socket."""

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self._is_closing = True
