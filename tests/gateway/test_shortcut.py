import os
from collections.abc import Iterator
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from gateway import shortcut

MAX_SIZE = 300

REQUEST = (
    b"GET /CP1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(opcode: int, payload: bytes, fin: bool = True, reserved: int = 0, masked: bool = True, pad: int = 0) -> bytes:
    """A frame as a client writes it, or as none should; `pad` 2 or 8: a longer length than needed."""
    length = len(payload)
    pad = max(pad, 0 if length < 126 else 2 if length < 65_536 else 8)
    second = {0: length, 2: 126, 8: 127}[pad] | (0x80 if masked else 0)
    mask = b"\x11\x22\x33\x44" if masked else b""
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)) if masked else payload
    return (
        bytes([opcode | reserved | (0x80 if fin else 0), second])
        + length.to_bytes(pad or 1)[1 - bool(pad) :]
        + mask
        + body
    )


frames = st.builds(
    frame,
    st.sampled_from([1, 1, 1, 1, 0, 2, 8, 9, 10, 3]),
    st.binary(max_size=40) | st.integers(100, MAX_SIZE + 1).map(bytes),
    fin=st.sampled_from([True, True, True, False]),
    reserved=st.sampled_from([0] * 9 + [0x40, 0x10]),
    masked=st.sampled_from([True] * 12 + [False]),
    pad=st.sampled_from([0, 0, 0, 2, 8]),
)
streams = st.lists(frames | st.binary(min_size=1, max_size=3), max_size=8).map(b"".join)


def server() -> ServerProtocol:
    """The library, with the 101 sent."""
    protocol = ServerProtocol(max_size=MAX_SIZE)
    protocol.receive_data(REQUEST)
    (request,) = protocol.events_received()
    protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
    protocol.data_to_send()
    return protocol


def through(protocol: ServerProtocol, data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Data frames the library delivers, until it ends."""
    protocol.receive_data(data)
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        yield int(event.opcode), bytes(event.data), event.fin


def chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(edges) if begin < end]


@given(streams, st.lists(st.integers(0, 2_000), max_size=6))
@example(frame(1, b"a") + frame(1, b"b", fin=False) + frame(1, b"c") + frame(1, b"d"), [])
@example(frame(1, b"a" * 130) + frame(9, b"") + frame(1, b"b"), [1, 3, 5, 137, 139])
@example(frame(1, b"a", fin=False) + frame(1, b"b"), [7])  # a second message within a first one
@example(b"\x89\x87" + bytes(4) + frame(1, b"a"), [6])  # a ping whose payload comes alone, and looks like a text
def test_what_is_cut_out_is_what_the_library_would_have_delivered(stream: bytes, cuts: list[int]) -> None:
    plain, cutting = server(), server()
    cutter: shortcut.Cutter | None = None  # only while there is something to remember, as the gateway has it
    expected: list[tuple[int, bytes, bool]] = []
    got: list[tuple[int, bytes, bool]] = []

    for chunk in chunks(stream, cuts):
        expected += through(plain, chunk)
        text = shortcut.whole(chunk, MAX_SIZE) if cutter is None else None
        cutter = cutter or shortcut.Cutter(MAX_SIZE)
        pieces = cutter.cut(chunk) if text is None else [(True, text)]
        cutter = None if cutter.is_between else cutter
        for is_text, piece in pieces:
            if not is_text:
                got += through(cutting, piece)
            elif cutting.state is State.OPEN:
                got.append((int(Opcode.TEXT), piece, True))

    assert got == expected
    assert cutting.data_to_send() == plain.data_to_send()
    assert cutting.state is plain.state


@given(st.binary(max_size=200) | st.sampled_from([b"x" * size for size in (125, 126, 65_535, 65_536, 70_000)]))
def test_a_text_leaves_with_the_head_the_library_would_write(text: bytes) -> None:
    protocol = server()

    protocol.send_text(text)

    assert protocol.data_to_send() == [shortcut.head(len(text)) + text]


def test_a_request_is_alone_only_in_one_piece_and_with_nothing_behind_it() -> None:
    assert shortcut.is_request_alone(REQUEST)
    assert not shortcut.is_request_alone(REQUEST[:-1])
    assert not shortcut.is_request_alone(REQUEST[10:])
    assert not shortcut.is_request_alone(REQUEST + frame(1, b"early"))
    assert not shortcut.is_request_alone(REQUEST + b"\x81\xfe\r\n\r\n")


def test_a_frame_in_the_smallest_segments_costs_no_copies_of_what_came_before() -> None:
    cutter, stream = shortcut.Cutter(100_000), frame(1, os.urandom(50_000))

    pieces = [piece for byte in stream for piece in cutter.cut(bytes([byte]))]

    assert b"".join(piece for _, piece in pieces) == stream
    assert max(len(piece) for _, piece in pieces) < 14


@given(frames | streams | st.builds(frame, st.just(1), st.binary(max_size=MAX_SIZE + 5)))
@example(b"\x81\xfe\x00\x00\x00\x00")
@example(b"\x81\xff" + bytes(12))
def test_what_is_whole_is_what_would_have_been_cut(data: bytes) -> None:
    text = shortcut.whole(data, MAX_SIZE)

    pieces = shortcut.Cutter(MAX_SIZE).cut(data)

    assert (pieces == [(True, text)]) if text is not None else (len(pieces) != 1 or not pieces[0][0])
