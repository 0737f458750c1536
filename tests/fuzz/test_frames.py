"""Frames nobody would write, against a live gateway: each is followed by what conformance B.3 says, and by no more."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from domain.models import ChargePoint
from ocppj.versions import VERSIONS, Version
from tests.conformance.wire import (
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Wire,
    answer,
    call,
    deflated,
    frame,
    frames_in,
    request,
    wire,
)
from tests.fuzz import mutations, oracle
from tests.gateway.house import House, house, until

EXAMPLES = 120
SENTINEL = "sentinel"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
FRAMES = st.tuples(st.integers(0, 8) | JSON, JSON, JSON, JSON, JSON).flatmap(
    lambda parts: st.integers(0, 5).map(lambda length: list(parts[:length]))
)


def _written(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits
        return b"[2," + str(10**30).encode() + b"]"


class Bench:
    """A gateway with one charge point of each version, on a loop of its own."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._wires: dict[Version, Wire] = {}
        self._faults: list[dict[str, Any]] = []
        self.here = self._runner.run(self._open())

    async def _open(self) -> House:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._faults.append(context))
        rows = [ChargePoint(version.schema_folder) for version in VERSIONS]
        here = await self._stack.enter_async_context(house([*rows, ChargePoint("RAW")]))
        here.answer_everything()
        return here

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def exchange(self, version: Version, text: bytes) -> list[Any] | None:
        """What a text is followed by; None if that is the end of the connection."""
        heard: list[Any] | None = self._run(self._exchange(version, text))
        return heard

    def told(self, version: Version, text: bytes, properties: list[tuple[str, str]]) -> list[Any]:
        """What a charge point hears of a message of the cloud; it answers what it can."""
        heard: list[Any] = self._run(self._told(version, text, properties))
        return heard

    def carried(self, pieces: list[bytes]) -> Any:
        """What is answered to a message in these pieces of bytes, on a connection of its own that may compress."""
        return self._run(self._carried(pieces))

    def disturb(self, data: bytes, shake: bool) -> None:
        """Send bytes on a new connection and leave."""
        self._run(self._disturb(data, shake))

    def _run(self, doing: Any) -> Any:
        with capture_logs() as logs:
            result = self._runner.run(doing)
        assert not self._faults, self._faults
        assert not [line for line in logs if line["log_level"] in ("error", "critical")], logs
        return result

    async def _exchange(self, version: Version, text: bytes) -> list[Any] | None:
        peer = self._wires.get(version) or await self._connect(version)
        peer.send(frame(TEXT, text), frame(TEXT, orjson.dumps([2, SENTINEL, "Heartbeat", {}])))
        heard: list[Any] = []
        while True:
            received = await peer.frame()
            if received.opcode == CLOSE:
                del self._wires[version]
                assert received.close_code == 1007
                return None
            heard.append(orjson.loads(received.payload))
            if heard[-1][:2] == [3, SENTINEL]:
                self.here.broker.messages.clear()
                return heard[:-1]

    async def _told(self, version: Version, text: bytes, properties: list[tuple[str, str]]) -> list[Any]:
        await self._exchange(version, b"[3]")  # connected, and nothing is on its way
        self.here.broker.publish(f"{version.schema_folder}/out", text, properties)
        heard = await self._exchange(version, b"[3]") or []
        for frame_ in heard:
            if frame_[0] == 2:
                await self._exchange(version, orjson.dumps([3, frame_[1], {}]))
        return heard

    async def _carried(self, pieces: list[bytes]) -> Any:
        asked = request("/ocpp/RAW", Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
        async with wire(self.here.gateway.port, asked) as peer:
            for piece in pieces:
                peer.send(piece)
                await asyncio.sleep(0)
            while (received := await peer.frame()).opcode == PONG:
                pass
            text = peer.inflated(received.payload) if received.rsv else received.payload
        await until(lambda: "RAW" not in self.here.gateway.sessions)
        return orjson.loads(text)

    async def _connect(self, version: Version) -> Wire:
        asked = request(f"/ocpp/{version.schema_folder}", version.subprotocol)
        peer = await self._stack.enter_async_context(wire(self.here.gateway.port, asked))
        self._wires[version] = peer
        return peer

    async def _disturb(self, data: bytes, shake: bool) -> None:
        asked = request("/ocpp/RAW", Sec_WebSocket_Extensions="permessage-deflate")
        async with wire(self.here.gateway.port, asked, shake=shake) as peer:
            peer.send(data)
            peer.half_close()
            rest = await peer.rest()
        if shake:
            codes = [received.close_code for received in frames_in(rest) if received.opcode == CLOSE]
            assert len(codes) <= 1
            assert set(codes) <= _CODES
        else:
            assert not rest or rest.startswith(b"HTTP/1.1 ")
        await until(lambda: "RAW" not in self.here.gateway.sessions)


# What a client's frames may be closed with: its own code comes back, if it is one.
_CODES = {None, *range(1000, 1004), *range(1006, 1015), *range(3000, 5000)}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


versions = st.sampled_from(VERSIONS)
some = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def check(bench: Bench, version: Version, text: bytes) -> None:
    note(f"{version}: {text!r}")
    expected = oracle.fate(text, version)

    heard = bench.exchange(version, text)

    if heard is None or expected.closes:
        assert expected.closes
        assert heard is None
        return
    note(f"{expected} but {heard}")
    assert len(heard) == expected.answers or expected.answers < 0
    for said in heard:
        assert said[0] in (3, 4)
        assert expected.message_id in (None, said[1])


@some
@given(versions, st.randoms(use_true_random=False), st.text(min_size=1, max_size=36))
def test_b33_whatever_is_made_of_a_right_frame_has_the_fate_of_the_table(
    bench: Bench, version: Version, random: Random, message_id: str
) -> None:
    check(bench, version, mutations.text(random, version, message_id))


@some
@given(versions, FRAMES.map(_written) | JSON.map(_written) | st.text().map(str.encode) | st.binary())
def test_b27_b33_garbage_has_the_fate_of_the_table(bench: Bench, version: Version, text: bytes) -> None:
    check(bench, version, text)


@some
@given(
    st.lists(
        st.builds(
            frame, st.integers(0, 15), st.binary(max_size=300), fin=st.booleans(), rsv=st.sampled_from([0, 0, 4, 7]),
            mask=st.sampled_from([b"mask", b"mask", None]), width=st.sampled_from([0, 2, 8]),
        )
        | st.binary(max_size=20),
        max_size=8,
    )
)  # fmt: skip
def test_a55_garbage_instead_of_websocket_frames_ends_one_connection_only(bench: Bench, pieces: list[bytes]) -> None:
    bench.disturb(b"".join(pieces), shake=True)


@some
@given(st.binary() | st.lists(st.sampled_from(request().split(b"\r\n")) | st.binary()).map(b"\r\n".join))
def test_a55_garbage_instead_of_a_request_ends_one_connection_only(bench: Bench, data: bytes) -> None:
    bench.disturb(data, shake=False)


@some
@given(
    versions,
    st.randoms(use_true_random=False),
    st.dictionaries(st.sampled_from(["epoch", "deadline", "trace", "x"]), st.text() | st.integers().map(str)),
    st.booleans(),
)
def test_whatever_the_cloud_sends_a_charge_point_hears_frames_only(
    bench: Bench, version: Version, random: Random, properties: dict[str, str], is_garbage: bool
) -> None:
    text = random.randbytes(random.randint(0, 40)) if is_garbage else mutations.text(random, version, "c-1")
    note(f"{text!r} with {properties}")

    for heard in bench.told(version, text, list(properties.items())):
        decoded = oracle.fate(orjson.dumps(heard), version)
        assert not decoded.closes
        assert heard[0] in (2, 5, 6)


@some
@given(st.text(max_size=400), st.booleans(), st.lists(st.integers(0, 600), max_size=6), st.randoms())
def test_a50_a55_a_message_is_the_same_however_it_is_cut(
    bench: Bench, text: str, is_compressed: bool, cuts: list[int], random: Random
) -> None:
    raw = deflated(call(text=text), 9) if is_compressed else call(text=text)
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    parts = [raw[start:end] for start, end in pairwise(edges)]

    frames = b""
    for number, part in enumerate(parts):
        rsv = 4 if is_compressed and number == 0 else 0
        frames += frame(CONT if number else TEXT, part, fin=number == len(parts) - 1, rsv=rsv)
        frames += frame(PING, b"between") * (random.random() < 0.3)
    chops = sorted(random.sample(range(len(frames)), min(5, len(frames))))
    pieces = [frames[start:end] for start, end in pairwise([0, *chops, len(frames)])]

    assert bench.carried(pieces) == answer(text=text)
