"""The CALLs of a charge point: one at a time, in order, those of transactions until they are delivered.

Two lines wait: what can be forgotten (a heartbeat is worth nothing an hour later) and what can't (a transaction's
messages). The older of the two heads goes first; a durable message that waits for its next attempt lets the others
pass, but never a later durable one (1.6 §3.7.1, 2.0.1 part 2 E13).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from charge_point_sim.timers import Timers
from ocppj import schemas
from ocppj.errors import OcppError
from ocppj.frames import Call, CallError, CallResult, Payload
from ocppj.versions import Version

CLOSED, TIMED_OUT, INVALID = "closed", "timed out", "invalid answer"
ANSWERED, FULL = "answered", "no room"
MOST_KEPT = 1000  # durable messages: a charge point's memory is small

Witness = Callable[[str, str], None]


def _unseen(_: str, __: str) -> None:
    return


def _nothing(_: object) -> None:
    return


def _no_more() -> Payload:
    return {}


@dataclass(slots=True, eq=False)
class Message:
    """A CALL that waits for its turn.

    `late` completes the payload when it leaves: a StopTransaction queued offline learns its transactionId only then.
    `is_durable`: kept over disconnects and repeated until answered. `is_expendable`: durable, but the first to go
    when there is no room left. `is_early`: may go before the boot is accepted.
    """

    action: str
    payload: Payload = field(default_factory=dict)
    late: Callable[[], Payload] = _no_more
    on_answer: Callable[[Payload], None] = _nothing
    on_failure: Callable[[str], None] = _nothing
    is_durable: bool = False
    is_expendable: bool = False
    is_early: bool = False
    attempts: int = 0
    number: int = 0
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Persistence:
    """How stubborn a charge point is: answer time-out, attempts of a durable message, seconds between them."""

    timeout_s: float
    attempts: int
    interval_s: float


class Exchange:
    """The CALLs that wait, and the one that is out.

    The `witness` is told how each CALL that went out ended: its action, and what became of it.
    """

    def __init__(
        self,
        version: Version,
        timers: Timers,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        persistence: Callable[[], Persistence],
    ) -> None:
        self.is_open = False
        self.is_registered = False
        self.witness: Witness = _unseen
        self._version = version
        self._timers = timers
        self._now = now
        self._new_id = new_id
        self._persistence = persistence
        self._others: deque[Message] = deque()
        self._durable: deque[Message] = deque()
        self._outstanding: tuple[str, Message] | None = None
        self._count = 0

    @property
    def undelivered(self) -> int:
        """How many durable messages are waiting."""
        return len(self._durable)

    @property
    def has_undelivered(self) -> bool:
        """Whether a durable message is still waiting or unanswered."""
        return bool(self._durable) or (self._outstanding is not None and self._outstanding[1].is_durable)

    def has_undelivered_of(self, transaction_id: str) -> bool:
        """Whether such a message of this transaction (2.x) is waiting or unanswered."""
        out = [self._outstanding[1]] if self._outstanding else []
        ids = [each.payload.get("transactionInfo", {}).get("transactionId", "") for each in (*out, *self._durable)]
        return any(each.casefold() == transaction_id.casefold() for each in ids)

    def is_waiting(self, action: str) -> bool:
        """Whether a CALL of this action waits in line or for its answer."""
        out = [self._outstanding[1]] if self._outstanding else []
        return any(message.action == action for message in (*out, *self._others, *self._durable))

    def put(self, message: Message, *, first: bool = False) -> None:
        """Let a message wait for its turn; what can be forgotten is forgotten at once without a connection."""
        if not self.is_open and not message.is_durable:
            message.on_failure(CLOSED)
            return
        self._count += 1
        message.number = 0 if first else self._count
        if message.is_durable and len(self._durable) >= MOST_KEPT:
            self._make_room()
        line = self._durable if message.is_durable else self._others
        line.appendleft(message) if first else line.append(message)

    def next_call(self) -> Call | None:
        """The CALL to send now, or nothing: the line is empty, blocked, or an answer is awaited."""
        if not self.is_open or self._outstanding:
            return None
        message = self._pick()
        if message is None:
            return None
        call = Call(self._new_id(), message.action, message.payload | message.late())
        self._outstanding = (call.message_id, message)
        self._set_timer("answer", self._persistence().timeout_s, self._time_out)
        return call

    def answered(self, frame: CallResult | CallError) -> str | None:
        """Take an answer. Says what is wrong with it, if something is."""
        if self._outstanding is None or self._outstanding[0] != frame.message_id:
            return f"answer to nothing that is awaited: {frame.message_id}"
        message = self._settle()
        if isinstance(frame, CallError):
            self._fail(message, frame.code)
            return f"{message.action} answered by {frame.code}: {frame.description}"
        try:
            schemas.check(self._version, message.action, "response", frame.payload)
        except OcppError as error:
            self._fail(message, INVALID)
            return f"{message.action} answered by nonsense: {error.description}"
        self.witness(message.action, ANSWERED)
        message.on_answer(frame.payload)
        return None

    def opened(self) -> None:
        """The socket is open."""
        self.is_open = True

    def closed(self) -> None:
        """The socket is gone: durable messages stay, in order; the others are forgotten."""
        self.is_open = False
        lost = list(self._others)
        self._others.clear()
        if self._outstanding:
            message = self._settle()
            self.witness(message.action, CLOSED)
            if message.is_durable:
                self._durable.appendleft(message)
            else:
                lost.insert(0, message)
        for message in lost:
            message.on_failure(CLOSED)

    def _make_room(self) -> None:
        # Readings between start and stop may be left out (2.0.1 E04.FR.07); every other one, so that a course remains.
        expendable = [message for message in self._durable if message.is_expendable][::2]
        for message in expendable or [self._durable[0]]:
            self._durable.remove(message)
            message.on_failure(FULL)

    def _pick(self) -> Message | None:
        heads = [message for message in self._others if self._may_go(message)][:1]
        heads += [message for message in list(self._durable)[:1] if self._may_go(message)]
        if not heads:
            return None
        message = min(heads, key=lambda head: head.number)
        (self._durable if message.is_durable else self._others).remove(message)
        return message

    def _may_go(self, message: Message) -> bool:
        is_allowed = self.is_registered or message.is_early
        return is_allowed and (message.not_before is None or message.not_before <= self._now())

    def _settle(self) -> Message:
        assert self._outstanding is not None  # noqa: S101  # callers have looked
        message = self._outstanding[1]
        self._outstanding = None
        self._timers.cancel("answer")
        return message

    def _time_out(self) -> None:
        self._fail(self._settle(), TIMED_OUT)

    def _fail(self, message: Message, why: str) -> None:
        self.witness(message.action, why)
        persistence = self._persistence()
        # Only an answer uses up an attempt; silence means it never arrived.
        message.attempts += why != TIMED_OUT
        if not message.is_durable or message.attempts >= persistence.attempts:
            message.on_failure(why)
            return
        wait_s = persistence.interval_s * max(1, message.attempts)  # 1.6 §9.1.26: longer after each attempt
        message.not_before = self._now() + timedelta(seconds=wait_s)
        self._durable.appendleft(message)
        self._set_timer("retry", wait_s, lambda: None)

    def _set_timer(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        self._timers.set(name, self._now() + timedelta(seconds=seconds), act)
