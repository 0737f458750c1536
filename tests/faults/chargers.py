"""Charge points that write everything down: what they sent, how each CALL ended, which commands they got.

A charger is a plain WebSocket client that speaks OCPP-J 1.6; it answers every command with Accepted, and connects
again by itself when told to (`stays`).
"""

import asyncio
import itertools
import math
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

RETRY_S = 0.5
CONNECTING_AT_ONCE = 20


class Charger:
    """One charge point; `answers` says how often each CALL was answered, `errors` which of them by a CALLERROR."""

    _ids = itertools.count(1)

    def __init__(self, url: str, charge_point_id: str, interval_s: float, stays: bool = False) -> None:
        self.charge_point_id = charge_point_id
        self.url = f"{url}/{charge_point_id}"
        self.sent: dict[str, float] = {}  # of each CALL, when it left
        self.answers: Counter[str] = Counter()
        self.errors: dict[str, str] = {}
        self.commands: Counter[str] = Counter()
        self.closes: list[int | None] = []
        self.answered_at = 0.0
        self.took: list[float] = []  # of each result, in seconds
        self.away_s: list[float] = []  # how long it took to be connected again
        self.is_sending = True
        self._interval_s = interval_s
        self._stays = stays
        self._socket: ClientConnection | None = None
        self.is_connected = False
        self._asked: dict[str, asyncio.Future[dict[str, Any] | None]] = {}
        self._result_of = self._last_s = 0.0  # when the CALL of the last result was sent, and what it took
        self._ends: list[tuple[float, float]] = []  # of each CALL, when it ended and how long its result took

    @property
    def open_calls(self) -> set[str]:
        """The CALLs that have not ended."""
        return self.sent.keys() - self.answers.keys()

    async def connect(self) -> None:
        """Connect."""
        self._socket = await connect(
            self.url, subprotocols=[Subprotocol("ocpp1.6")], compression=None, ping_interval=None, proxy=None,
            close_timeout=1,
        )  # fmt: skip
        self.is_connected = True

    async def live(self) -> None:
        """Send and answer, until it is cancelled or the socket is closed for good."""
        while True:
            try:
                await self._converse()
            except ConnectionClosed as closed:
                self.closes.append(closed.rcvd.code if closed.rcvd else None)
            self.is_connected = False
            if not self._stays:
                return
            left_at = asyncio.get_running_loop().time()
            await self._come_back()
            self.away_s.append(asyncio.get_running_loop().time() - left_at)

    async def call(self, action: str, payload: dict[str, object]) -> str:
        """Send a CALL; returns its id."""
        message_id = f"{self.charge_point_id}-{next(self._ids)}"
        self.sent[message_id] = asyncio.get_running_loop().time()
        assert self._socket is not None
        await self._socket.send(orjson.dumps([2, message_id, action, payload]).decode())
        return message_id

    async def ask(self, action: str, payload: dict[str, object]) -> dict[str, Any] | None:
        """Send a CALL; returns its result, or None if it ended as an error."""
        message_id = await self.call(action, payload)
        self._asked[message_id] = asyncio.get_running_loop().create_future()
        return await self._asked[message_id]

    def is_in_time(self, since: float, most_s: float) -> bool:
        """Whether a CALL sent since then (loop time) got its result, and fast enough."""
        return self._result_of >= since and self._last_s <= most_s

    def troubled_until(self, most_s: float) -> float:
        """When its last CALL ended (loop time) that got an error, or its result too late."""
        return max((at for at, took_s in self._ends if took_s > most_s), default=0.0)

    def cut(self) -> None:
        """Lose the connection without a word."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _converse(self) -> None:
        sending = asyncio.create_task(self._send_for_ever(), name="send")
        try:
            await self._receive_for_ever()
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _send_for_ever(self) -> None:
        # Not all in the same moment of every second.
        await asyncio.sleep(random.uniform(0, self._interval_s))  # noqa: S311 - no secret
        while True:
            if self.is_sending and not self._asked:  # one CALL at a time (J16 4.1.1)
                try:
                    await self.call("Heartbeat", {})
                except ConnectionClosed:
                    return  # who receives says why
            await asyncio.sleep(self._interval_s)

    async def _receive_for_ever(self) -> None:
        assert self._socket is not None
        while True:
            frame = orjson.loads(await self._socket.recv())
            if frame[0] == 2:
                self.commands[frame[1]] += 1
                await self._socket.send(orjson.dumps([3, frame[1], {"status": "Accepted"}]).decode())
                continue
            self._on_answer(*frame[:3])

    def _on_answer(self, kind: int, message_id: str, answer: Any) -> None:
        now = asyncio.get_running_loop().time()
        self.answers[message_id] += 1
        if kind == 4:
            self.errors[message_id] = answer
            self._ends.append((now, math.inf))
        else:
            self.answered_at = now
            self._result_of = self.sent[message_id]
            self._last_s = now - self._result_of
            self.took.append(self._last_s)
            self._ends.append((now, self._last_s))
        asked = self._asked.pop(message_id, None)
        if asked is not None:
            asked.set_result(answer if kind == 3 else None)

    async def _come_back(self) -> None:
        self.sent = {name: at for name, at in self.sent.items() if name in self.answers}  # nobody waits any more
        while not self.is_connected:
            await asyncio.sleep(random.uniform(0, RETRY_S))  # noqa: S311 - no secret
            with suppress(OSError, InvalidHandshake, TimeoutError, EOFError):
                await self.connect()


@asynccontextmanager
async def connected(
    url: str, charge_point_ids: list[str], interval_s: float, stays: bool = False, kind: type[Charger] = Charger
) -> AsyncIterator[list[Charger]]:
    """Chargers that are connected and live; all are cut at the end."""
    chargers = [kind(url, charge_point_id, interval_s, stays) for charge_point_id in charge_point_ids]
    for some in _some(chargers):
        await asyncio.gather(*[charger.connect() for charger in some])
    lives = [asyncio.create_task(charger.live(), name=charger.charge_point_id) for charger in chargers]
    try:
        yield chargers
    finally:
        for life in lives:
            life.cancel()
        for charger in chargers:
            charger.cut()
        for result in await asyncio.gather(*lives, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def _some(chargers: list[Charger]) -> list[list[Charger]]:
    starts = range(0, len(chargers), CONNECTING_AT_ONCE)
    return [chargers[start : start + CONNECTING_AT_ONCE] for start in starts]
