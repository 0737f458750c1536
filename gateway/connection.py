"""One charge point that is connected: its WebSocket, its conversation and its place on a link."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any, Protocol

import structlog
from websockets.frames import CloseCode

from domain.models import Connection
from domain.ports import Message, PacketTooLargeError
from gateway.large_frames import Way
from gateway.links import Place
from gateway.metrics import Metrics
from gateway.websocket import WebSocket
from ocppj import timestamps, topics
from ocppj.conversation import Conversation
from ocppj.frames import Call, CallError, CallResult, decode, encode
from ocppj.terms import Handover, Limits

LOGGED_ODDITIES = 20  # a connection that does nothing right is not worth a line per frame

# Why we end it -> the word for it in the closing frame.
_CLOSE_TEXTS = {
    "replaced": "replaced by a newer connection of this charge point",
    "evicted": "closed by the operator, or replaced by a newer connection",
    "broker_lost": "the message broker can't be reached, come back later",
    "drained": "the gateway is going away, connect again",
    "silent": "no answer to pings",
    "flooding": "too many messages for too long",
    "rebalanced": "connect again, another gateway has more room",
}
# What a WebSocket can do wrong for good. Who does not read would not read a close either.
_OFFENCES = {"flooding": CloseCode.POLICY_VIOLATION, "slow_reader": CloseCode.ABNORMAL_CLOSURE}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks of a connection: seconds that only grow, and seconds since 1970."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]


class Watcher(Protocol):
    """Who is told that a session has ended, or wants to be looked at."""

    def on_ended(self, session: "Session", code: int, why: str) -> None:
        """It has; its place is still held."""

    def wake(self, charge_point_id: str, at: float) -> None:
        """Call `sweep` of the session it has then, at that time or a little later."""


class Session:
    """The charge point behind an open WebSocket, from the 101 to the close."""

    __slots__ = (
        "_clock",
        "_conversation",
        "_epoch",
        "_oddities",
        "_ping_interval_s",
        "_pinged_at",
        "_pings_at",
        "_properties",
        "_send",
        "_topic",
        "_wakes_at",
        "_watcher",
        "_way_around",
        "_websocket",
        "_why",
        "charge_point_id",
        "connection",
        "finished",
        "frames",
        "place",
        "to_charge_point",
    )

    def __init__(
        self,
        watcher: Watcher,
        websocket: WebSocket,
        place: Place,
        connection: Connection,
        *,
        trace: str,
        limits: Limits,
        metrics: Metrics,
        clock: Clock,
        way_around: Way | None = None,
        answer_here: Callable[[Call], bytes | None] | None = None,
        ingest_rule: str = "",
    ) -> None:
        self.charge_point_id = place.charge_point_id
        self.place = place
        self.connection = connection
        self.frames = 0
        self._watcher = watcher
        self._websocket = websocket
        self._clock = clock
        self._way_around = way_around
        self._why: str | None = None
        self._oddities = 0
        self._wakes_at = inf  # when the watcher calls `sweep`
        self._pings_at = inf
        self._ping_interval_s = 0.0
        self._pinged_at = 0.0
        self._epoch = str(connection.epoch)  # as properties say it
        self._properties: tuple[tuple[str, str], ...] = (
            ("ocpp", connection.version.subprotocol),
            ("gateway", connection.gateway),
            ("epoch", self._epoch),
            ("trace", trace),
        )
        self.go_by(ingest_rule)
        # What a conversation asks of its ends, see `ocppj.terms.Ends`: two of them need nothing of ours.
        self.to_charge_point = websocket.send
        self.finished = metrics.finished
        self._conversation = Conversation(
            self, connection.version, gateway=connection.gateway, epoch=connection.epoch, limits=limits,
            tally=metrics.tally, answer_here=answer_here,
        )  # fmt: skip

    @property
    def log(self) -> structlog.typing.FilteringBoundLogger:
        """The log, with who this is bound to it."""
        bound: structlog.typing.FilteringBoundLogger = log.bind(**self.who)
        return bound

    @property
    def who(self) -> dict[str, Any]:
        """Who this is, as the log says it."""
        trace = self._properties[-1][1]
        return {"charge_point_id": self.charge_point_id, "epoch": self.connection.epoch, "trace": trace}

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited, in either direction."""
        return self._conversation.is_busy

    @property
    def last_seen(self) -> datetime:
        """When anything came from the charge point, pongs included."""
        ago_s = self._clock.monotonic() - self._websocket.heard_at
        return datetime.fromtimestamp(self._clock.wall() - ago_s, UTC)

    def describe(self) -> dict[str, Any]:
        """What is known of it, as JSON."""
        connection = self.connection
        return {
            "chargePointId": self.charge_point_id,
            "gateway": connection.gateway,
            "link": self.place.number,
            "epoch": connection.epoch,
            "ocppVersion": connection.version.subprotocol,
            "peer": self._websocket.remote,
            "connectedAt": timestamps.write(connection.connected_at),
            "lastSeen": timestamps.write(self.last_seen),
            "framesReceived": self.frames,
            "isBusy": self.is_busy,
        }

    # The WebSocket's peer.

    def on_text(self, text: bytes) -> None:
        """A frame of the charge point."""
        self.frames += 1
        conversation = self._conversation
        conversation.from_charge_point(text, self._clock.monotonic())
        if conversation.wakes_at < self._wakes_at:
            self._wake_at(conversation.wakes_at)

    def on_offence(self, why: str) -> None:
        """The WebSocket can't go on with it."""
        self.end(_OFFENCES[why], why)

    def on_end(self, code: int, reason: str) -> None:
        """The WebSocket closes or is lost."""
        self._pings_at = inf
        self._conversation.close(self._clock.monotonic())
        lost = code == CloseCode.ABNORMAL_CLOSURE
        self._watcher.on_ended(self, code, self._why or ("lost" if lost else "closed"))

    # The link.

    def on_message(self, message: Message) -> None:
        """A message of the cloud on `<id>/out`."""
        now = self._clock.monotonic()
        properties = message.properties
        epoch = deadline = None
        if properties:
            # Most answers are to this connection: then there is nothing to work out.
            if properties.get("epoch") != self._epoch:
                epoch = self._number(properties, "epoch")
            deadline_ms = self._number(properties, "deadline") if "deadline" in properties else None
            if deadline_ms is not None:
                deadline = now + deadline_ms / 1000 - self._clock.wall()
        conversation = self._conversation
        conversation.from_cloud(message.payload, now, epoch=epoch, deadline=deadline)
        if conversation.wakes_at < self._wakes_at:
            self._wake_at(conversation.wakes_at)

    # The conversation's ends.

    def to_cloud(self, frame: bytes) -> Handover:
        """Hand a frame over to the broker."""
        pooled = self.place.pooled
        try:
            taken = self._send(frame, pooled.lag.begin())
        except PacketTooLargeError:
            pooled.lag.forget()
            return self._to_cloud_past_the_broker(frame)
        pooled.published += taken
        return Handover.TAKEN if taken else Handover.BUSY

    def _to_cloud_past_the_broker(self, frame: bytes) -> Handover:
        if self._way_around is None:
            self.log.warning("frame too large for the broker", bytes=len(frame))
            return Handover.TOO_LARGE
        taken = self._way_around.send(self.charge_point_id, frame, dict(self._properties), self._on_lost_frame)
        return Handover.TAKEN if taken else Handover.BUSY

    def _on_lost_frame(self, text: bytes) -> None:
        """Whoever waits for what this frame should have caused hears that it won't."""
        frame, epoch = decode(text), self.connection.epoch
        if isinstance(frame, Call):
            error = CallError(frame.message_id, "InternalError", "the frame could not be handed over, try again")
            self._conversation.from_cloud(encode(error).encode(), self._clock.monotonic(), epoch=epoch)
        elif isinstance(frame, CallResult | CallError):
            details = {"reason": "too_large", "gateway": self.connection.gateway, "epoch": epoch}
            error = CallError(frame.message_id, "GenericError", "the answer was too large, and lost", details)
            self._send(encode(error).encode())

    def odd(self, what: str, message_id: str) -> None:
        """Log it, unless there was too much of it already."""
        self._oddities += 1
        if self._oddities <= LOGGED_ODDITIES:
            is_last = self._oddities == LOGGED_ODDITIES
            self.log.warning(
                "odd frame", what=what, message_id=message_id, further_ones="not logged" if is_last else ""
            )

    # The gateway.

    def sweep(self, now: float) -> None:
        """Do what is due: time-outs, and pings."""
        if now < self._wakes_at:
            return  # a session before this one wished it, or this one before it had an earlier wish
        self._wakes_at = inf
        self._do_what_is_due(now)
        if (wakes_at := min(self._conversation.wakes_at, self._pings_at)) < inf:
            self._wake_at(wakes_at)

    def _do_what_is_due(self, now: float) -> None:
        if now >= self._conversation.wakes_at:
            self._conversation.expire(now)
        if now >= self._pings_at:
            if self._websocket.heard_at < self._pinged_at and not self._websocket.is_resting:
                self.end(CloseCode.ABNORMAL_CLOSURE, "silent")
                return
            self._pinged_at = now
            self._websocket.ping()
            self._pings_at = now + self._ping_interval_s

    def go_by(self, ingest_rule: str) -> None:
        """Hand frames over to this rule directly from now on; without one by `<id>/in`, where they can be heard."""
        self._topic = topics.inbound(self.charge_point_id, ingest_rule)
        self._send = self.place.link.sender(self._topic, self._properties)

    def begin_pings(self, interval_s: float) -> None:
        """Ping it so often from now on; 0 = never. Those who came together are not pinged together."""
        self._ping_interval_s = interval_s
        wait_s = interval_s * random.uniform(0.5, 1) if interval_s else inf  # noqa: S311 - spreads, keeps no secret
        self._pings_at = self._clock.monotonic() + wait_s
        if self._pings_at < self._wakes_at:
            self._wake_at(self._pings_at)

    def end(self, code: int, why: str) -> None:
        """Close the WebSocket, or give up on it (1006); `why` is the reason as presence tells it."""
        self._why = self._why or why
        if code == CloseCode.ABNORMAL_CLOSURE:
            self._websocket.abort(why)
        else:
            self._websocket.close(code, _CLOSE_TEXTS.get(why, why))

    def _wake_at(self, moment: float) -> None:
        self._wakes_at = moment
        self._watcher.wake(self.charge_point_id, moment)

    def _number(self, properties: dict[str, str], name: str) -> int | None:
        value = properties.get(name)
        if not value or value == "0":
            return None
        try:
            return int(value)
        except ValueError:
            self.odd(f"a message's {name} is no number", value[:40])
            return None


def loop_clock(wall: Callable[[], float]) -> Clock:
    """The running loop's clock beside a wall clock."""
    return Clock(asyncio.get_running_loop().time, wall)
