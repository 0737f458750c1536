"""Frames the broker does not take (AWS IoT Core: more than 128 KB) go straight to the queue its rule feeds.

The record is the rule's, so whoever reads the queue does not notice. Each frame is sent in a thread; a bounded number
of them waits. What can't be sent comes back to who handed it over.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import orjson
import structlog

from domain import tracing
from domain.ports import LargeFrames
from gateway.threads import Threads

WORKERS, WAITING, TIMEOUT_S = 4, 28, 20.0  # at most 32 MiB in memory

log = structlog.get_logger()


class Way(Protocol):
    """The way around the broker."""

    def send(
        self, charge_point_id: str, frame: bytes, properties: Mapping[str, str], failed: Callable[[bytes], None]
    ) -> bool:
        """Hand a frame over; False if too many wait already. `failed` gets it back if it could not be sent."""


class WayAround:
    """See the module; `wall` tells seconds since 1970."""

    def __init__(self, port: LargeFrames, wall: Callable[[], float]) -> None:
        self._port = port
        self._wall = wall
        self._threads = Threads(WORKERS, WAITING, TIMEOUT_S)
        self._sending: set[asyncio.Task[None]] = set()
        self.sent = 0

    def send(
        self, charge_point_id: str, frame: bytes, properties: Mapping[str, str], failed: Callable[[bytes], None]
    ) -> bool:
        """Hand a frame over, see `Way`."""
        if len(self._sending) >= WORKERS + WAITING:
            return False
        record = {
            "chargePointId": charge_point_id,
            "message": orjson.Fragment(frame),
            "receivedAt": int(self._wall() * 1000),
            "epoch": properties["epoch"],
            "ocpp": properties["ocpp"],
        }
        if tracing.PROPERTY in properties:
            record[tracing.PROPERTY] = properties[tracing.PROPERTY]
        sending = self._send(charge_point_id, orjson.dumps(record).decode(), frame, failed)
        task = asyncio.get_running_loop().create_task(sending, name="large-frame")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return True

    async def close(self, patience_s: float) -> None:
        """Wait for what is on its way."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=patience_s)
        self._threads.close()

    async def _send(self, charge_point_id: str, record: str, frame: bytes, failed: Callable[[bytes], None]) -> None:
        try:
            await self._threads.call(self._port.send, record)
            self.sent += 1
        except Exception:  # the outermost loop of a frame; the adapter raises what its client raises
            log.exception("large frame not sent", charge_point_id=charge_point_id, bytes=len(frame))
            failed(frame)
