"""What somebody sends who sends much at once: it is taken bite by bite, each in a turn of the loop of its own.

One read of a flood is up to 2 MiB with uvloop, and took all others' turns for seconds (measured).
"""

BITE, SMALLEST_BITE = 2_048, 256  # bytes
# A bite of the smallest frames there are takes over a millisecond: who sends such gets smaller bites.
MANY_FRAMES = 16


class Bites:
    """What one client sent and nobody took yet."""

    __slots__ = ("_bitten", "_held", "_size")

    def __init__(self) -> None:
        self._held = b""  # what it sent, of which so many bytes are taken already
        self._bitten = 0
        self._size = BITE

    def __bool__(self) -> bool:
        return bool(self._held)

    def add(self, data: bytes) -> None:
        """It sent more."""
        self._held, self._bitten = self._held[self._bitten :] + data, 0

    def bite(self) -> bytes:
        """The next bite."""
        begins, ends = self._bitten, self._bitten + self._size
        bite, self._bitten = self._held[begins:ends], ends
        if ends >= len(self._held):
            self._held, self._bitten = b"", 0
        return bite

    def rest(self) -> bytes:
        """All that is left, in one."""
        rest, self._held, self._bitten = self._held[self._bitten :], b"", 0
        return rest

    def weigh(self, frames: int) -> None:
        """So many frames were in the last bite: the next one is smaller if they were many."""
        self._size = max(self._size // 2, SMALLEST_BITE) if frames > MANY_FRAMES else min(self._size * 2, BITE)
