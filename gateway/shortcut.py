"""Where frames begin and end, so that the plain ones need not go through the library.

A plain frame is a whole text message: FIN set, nothing reserved, masked, shorter than 64 KiB, not between fragments.
RFC 6455 leaves nothing to check about it but its text. All other bytes are the library's, in order, whatever they are,
but for the answer to our ping.
"""

import sys

try:
    from websockets.speedups import apply_mask
except ImportError:  # there are wheels without it
    from websockets.utils import apply_mask

_PLAIN = 0x81
_FIN = _MASKED = 0x80
_CONTROL = 0x08
_SHORT, _LONG = 126, 127  # in place of a length: it follows in 2 bytes, in 8 bytes
_MASK = 4
_FOR_EVER = sys.maxsize
_SHORT_HEADS = [bytes((_PLAIN, size)) for size in range(_SHORT)]

PING = b"\x89\x00"  # without a payload; whoever is there answers
_PONG = b"\x8a\x80"

Piece = tuple[bool, bytes]  # whether it is the text of a plain frame, or bytes for the library


def whole(data: bytes, max_size: int) -> bytes | None:
    """The text of a plain frame, if these bytes are one, no more and no less, as most are; nothing came before them."""
    size = len(data)
    if size < 2 + _MASK or data[0] != _PLAIN:
        return None
    second = data[1]
    if second == _MASKED + _SHORT:
        begins, length = 4 + _MASK, data[2] << 8 | data[3]
    else:
        begins, length = 2 + _MASK, second - _MASKED
    if size != begins + length or not _MASKED <= second <= _MASKED + _SHORT or length > max_size:
        return None
    return apply_mask(data[begins:], data[begins - _MASK : begins])


def is_pong(data: bytes) -> bool:
    """Whether these bytes are an answer to our ping, no more and no less: all there is to it is that it came."""
    return len(data) == 2 + _MASK and data.startswith(_PONG)


class Cutter:
    """Cuts what one client sends, from the first byte after its request on, or after what left it `is_between`."""

    __slots__ = ("_is_fragmented", "_max_size", "_owed", "_tail")

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._tail = b""  # the beginning of a plain frame's head
        self._owed = 0  # bytes still to come of a frame that is the library's
        self._is_fragmented = False

    @property
    def is_between(self) -> bool:
        """Whether the next byte begins a message: then there is nothing to remember."""
        return not (self._owed or self._is_fragmented or self._tail)

    def cut(self, data: bytes) -> list[Piece]:
        """The next pieces, in order."""
        if self._tail:
            data, self._tail = self._tail + data, b""
        pieces: list[Piece] = []
        at, size = 0, len(data)
        while at < size:
            if not self._owed:
                begins, ends = _bounds(data, at, size)
                if data[at] == _PLAIN and 0 < ends <= size and self._is_plain(data[at + 1], ends - begins):
                    pieces.append((True, apply_mask(data[begins:ends], data[begins - _MASK : begins])))
                    at = ends
                    continue
                self._part_with(data, at, ends)
                if self._tail:
                    break
            until = min(size, at + self._owed)
            pieces.append((False, data[at:until]))
            self._owed -= until - at if self._owed is not _FOR_EVER else 0
            at = until
        return pieces

    def _is_plain(self, second: int, length: int) -> bool:
        return _MASKED <= second < _MASKED + _LONG and length <= self._max_size and not self._is_fragmented

    def _part_with(self, data: bytes, at: int, ends: int) -> None:
        """Leave a frame to the library; if its head isn't all here, wait for it or leave everything from here on."""
        if ends:
            self._owed = ends - at
            if not data[at] & _CONTROL:
                self._is_fragmented = not data[at] & _FIN
        elif data[at] == _PLAIN and (len(data) == at + 1 or data[at + 1] >= _MASKED):
            self._tail = data[at:]
        else:
            self._owed = _FOR_EVER


def _bounds(data: bytes, at: int, size: int) -> tuple[int, int]:
    # Where the payload of a masked frame begins and ends, however much of it is here; 0 if its head is not.
    if size - at < 2:
        return 0, 0
    length, begins = data[at + 1] & 0x7F, at + 2 + _MASK
    if length >= _SHORT:
        begins += 2 if length == _SHORT else 8
        if begins > size:
            return 0, 0
        length = int.from_bytes(data[at + 2 : begins - _MASK])
    return (begins, begins + length) if begins <= size else (0, 0)


def head(size: int) -> bytes:
    """What comes before a text of this size on its way to a client."""
    if size < _SHORT:
        return _SHORT_HEADS[size]
    if size < 65_536:
        return bytes((_PLAIN, _SHORT)) + size.to_bytes(2)
    return bytes((_PLAIN, _LONG)) + size.to_bytes(8)


def is_request_alone(data: bytes) -> bool:
    """Whether these bytes are a whole request with nothing behind it; one that came in pieces counts as no."""
    return data.startswith(b"GET ") and data.find(b"\r\n\r\n") == len(data) - 4
