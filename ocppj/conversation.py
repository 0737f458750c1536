"""One connection's OCPP conversation: who may speak, the waiting line, time-outs, late answers. No clock, no socket.

A frame or message comes in through a method with `now` (monotonic seconds); what follows from it leaves through the
`Ends` the conversation was made with. The rules, in the order of conformance section B:

- A CALL of the charge point is handed to the cloud and answered with the cloud's answer of that id; nobody answers in
  `call_timeout_s`: InternalError, so that it keeps its queue and tries again (B-28). Its CALLs may be pipelined (B-07).
- One command at a time is on the wire, the others wait in a bounded line (B-05); the two directions don't wait for
  each other (B-06). Every command comes back to the cloud exactly once: as the charge point's answer, or as a synthetic
  CALLERROR whose details say why: timeout, closed, busy, expired, too_large.
- An answer nobody waits for, or of another epoch, is counted and ignored (B-09..B-11).
- What can't be read is answered as B.3 says, in the words of the version, and never ends the conversation (B-33).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ocppj import heads
from ocppj.errors import Defect, FrameError
from ocppj.frames import CALL, Call, CallError, CallResult, CallResultError, Frame, Payload, Send, decode, encode
from ocppj.terms import Ends, Handover, Limits, Tally
from ocppj.versions import V21, V201, Version

NEVER = float("inf")
REDELIVER_S = 1.0
REMEMBERED_LATE = 16  # ids of commands that timed out, to tell a late answer from an unknown one

Reason = Literal["timeout", "closed", "busy", "expired", "too_large"]

_TEXT_OF_REASON = {
    "timeout": "the charge point did not answer in time",
    "closed": "the charge point's connection is closed",
    "busy": "too many commands wait for the charge point",
    "expired": "the deadline passed before the command could be sent",
    "too_large": "the charge point's answer is larger than the message broker takes",
}


_Incoming = tuple[str, float]  # the action of a CALL, and when it came


@dataclass(slots=True)
class _Command:
    message_id: str
    action: str
    text: bytes
    arrived_at: float
    deadline: float | None
    sent_at: float = 0.0


class Conversation:
    """The OCPP state of one connection; see the module."""

    __slots__ = (
        "_answer_here",
        "_ends",
        "_epoch",
        "_finished",
        "_gateway",
        "_late",
        "_limits",
        "_outstanding",
        "_tally",
        "_unanswered",
        "_undelivered",
        "_version",
        "_waiting",
        "is_closed",
        "wakes_at",
    )

    def __init__(
        self,
        ends: Ends,
        version: Version,
        *,
        gateway: str,
        epoch: int,
        limits: Limits | None = None,
        tally: Tally | None = None,
        answer_here: Callable[[Call], bytes | None] | None = None,
    ) -> None:
        self._ends = ends
        self._answer_here = answer_here
        self._version = version
        self._gateway = gateway
        self._epoch = epoch
        self._limits = limits or Limits()
        self._tally = tally or Tally()
        self._unanswered: dict[str, _Incoming] = {}  # in order of receipt, so in order of time-out
        self._outstanding: _Command | None = None
        self._waiting: dict[str, _Command] = {}  # first in, first out
        self._finished: dict[str, float] = {}  # commands with a deadline -> when to forget them
        # Of most connections always empty, and there are many: an empty deque takes 600 bytes.
        self._late: tuple[str, ...] = ()
        self._undelivered: list[bytes] = []
        self.is_closed = False
        self.wakes_at = NEVER  # `expire` has nothing to do before

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited, in either direction."""
        return bool(self._unanswered or self._waiting) or self._outstanding is not None

    def from_charge_point(self, text: bytes, now: float) -> None:
        """Take a frame from the wire."""
        if self.is_closed:
            return
        self._tally.frames_in += 1
        head = heads.read(text)
        if head is None:
            self._from_charge_point(text, now)
            return
        kind, message_id, action, payload = head
        if kind == CALL:
            self._call(message_id, action, payload, text, now)
        else:
            self._answered(message_id, "result", text, now)

    def from_cloud(self, text: bytes, now: float, *, epoch: int | None = None, deadline: float | None = None) -> None:
        """Take a frame from the cloud; `epoch` comes with answers, `deadline` (on the clock of `now`) with commands."""
        head = heads.read(text)
        if head is None:
            self._from_cloud(text, now, epoch, deadline)
            return
        kind, message_id, action, _ = head
        if kind == CALL:
            self._command(_Command(message_id, action, text, now, deadline), now)
        else:
            self._answer(message_id, "result", text, now, epoch)

    def expire(self, now: float) -> None:
        """Do what is due; to be called every now and then, but not needed before `wakes_at`."""
        if now < self.wakes_at:
            return
        self.wakes_at = NEVER
        self._deliver_again(now)
        self._expire_calls(now)
        self._expire_commands(now)
        # Remembered in order of arrival, forgotten by deadline: a long deadline may keep others a little longer.
        while self._finished and (oldest := next(iter(self._finished.items())))[1] <= now:
            del self._finished[oldest[0]]
        if self._finished:
            self._wake_at(next(iter(self._finished.values())))

    def close(self, now: float) -> None:
        """End: what was asked of the charge point and is not answered comes back as `closed`."""
        if self.is_closed:
            return
        self.is_closed = True
        self.wakes_at = NEVER
        self._deliver_again(now)
        unanswered = [self._outstanding] if self._outstanding is not None else []
        for command in [*unanswered, *self._waiting.values()]:
            self._come_back(command, "closed", now)
        self._outstanding = None
        self._waiting.clear()
        self._unanswered.clear()
        self._tally.lost += len(self._undelivered)
        self._undelivered.clear()

    # From the charge point.

    def _from_charge_point(self, text: bytes, now: float) -> None:
        try:
            frame = decode(text)
        except FrameError as error:
            self._refuse(error)
            return
        match frame:
            case Call():
                self._call(frame.message_id, frame.action, frame.payload, text, now)
            case CallResult() | CallError():
                self._answered(frame.message_id, _outcome(frame), text, now)
            case _:
                self._unconfirmed_in(frame, text)

    def _call(self, message_id: str, action: str, payload: Payload, text: bytes, now: float) -> None:
        if message_id in self._unanswered:
            # E18 lets us stay silent, and an error would be taken for the answer to the first. 2.1 (and errata
            # 2024-09 of 2.0.1) even allow a retry under the same id: the first one's answer serves both (B-04).
            self._tally.duplicates += 1
            self._ends.odd("a CALL of the same id is still being processed", message_id)
            return
        if (
            self._answer_here is not None
            and (answer := self._answer_here(Call(message_id, action, payload))) is not None
        ):
            self._tally.calls_here += 1
            self._ends.to_charge_point(answer)
            return
        if len(self._unanswered) >= self._limits.max_unanswered:
            self._internal_error(message_id, action, "too many CALLs unanswered", "refused", 0.0)
            return
        handover = self._ends.to_cloud(text)
        if handover is not Handover.TAKEN:
            self._tally.unforwarded += 1
            why = "the message broker does not take a frame this large"
            why = why if handover is Handover.TOO_LARGE else "the message broker can't be reached"
            self._internal_error(message_id, action, why, "refused", 0.0)
            return
        self._tally.calls_in += 1
        self._unanswered[message_id] = action, now
        self._wake_at(now + self._limits.call_timeout_s)

    def _answered(self, message_id: str, outcome: str, text: bytes, now: float) -> None:
        command = self._outstanding
        if command is None or command.message_id != message_id:
            is_late = message_id in self._late
            self._tally.late += is_late
            self._tally.unknown += not is_late
            self._ends.odd("a late answer" if is_late else "an answer nobody waits for", message_id)
            return
        self._outstanding = None
        self._tally.answers_in += 1
        self._ends.finished("command", command.action, outcome, now - command.sent_at)
        self._remember(command, now)
        if self._deliver(text, now) is Handover.TOO_LARGE:
            self._come_back(command, "too_large", now)
        self._send_next(now)

    def _unconfirmed_in(self, frame: CallResultError | Send, text: bytes) -> None:
        if self._version is not V21:
            kind = 6 if isinstance(frame, Send) else 5
            self._refuse(FrameError(Defect.UNKNOWN_MESSAGE_TYPE, f"unknown message type {kind}", frame.message_id))
            return
        self._tally.sends_in += 1
        if self._ends.to_cloud(text) is not Handover.TAKEN:
            self._tally.unforwarded += 1

    def _refuse(self, error: FrameError) -> None:
        self._tally.malformed += 1
        self._ends.odd(error.description, error.message_id)
        if not error.answerable:
            return
        # G-4: 1.6 has no code for it, 2.1 says ignore the payload.
        if error.defect is Defect.UNKNOWN_MESSAGE_TYPE and self._version is not V201:
            return
        self._send_error(error.answer_id(self._version), error.defect, error.description)

    # From the cloud.

    def _from_cloud(self, text: bytes, now: float, epoch: int | None, deadline: float | None) -> None:
        try:
            frame = decode(text)
        except FrameError as error:
            self._cant_send(f"from the cloud: {error.description}", error.message_id)
            return
        match frame:
            case Call():
                self._command(_Command(frame.message_id, frame.action, text, now, deadline), now)
            case CallResult() | CallError():
                self._answer(frame.message_id, _outcome(frame), text, now, epoch)
            case _:
                self._unconfirmed(frame, text)

    def _command(self, command: _Command, now: float) -> None:
        if self._is_known(command.message_id):
            self._tally.duplicates += 1
            return
        if self.is_closed:
            self._come_back(command, "closed", now)
        elif command.deadline is not None and command.deadline <= now:
            self._come_back(command, "expired", now)
        elif self._outstanding is None:
            self._send(command, now)
        elif len(self._waiting) >= self._limits.max_waiting:
            self._come_back(command, "busy", now)
        else:
            self._waiting[command.message_id] = command
            self._wake_at(command.deadline)

    def _answer(self, message_id: str, outcome: str, text: bytes, now: float, epoch: int | None) -> None:
        if epoch is not None and epoch != self._epoch:
            # A 1.6 charge point begins again at id "1" after a reconnect: this answers a CALL of another socket.
            self._tally.stale += 1
            return
        call = self._unanswered.pop(message_id, None)
        if call is None:
            self._tally.unknown += 1
            self._ends.odd("an answer to no CALL that waits for one", message_id)
            return
        self._tally.answers_out += 1
        self._ends.to_charge_point(text)
        if not self._unanswered:
            self._unanswered = {}  # one that was used keeps its table, and most connections are silent
        action, received_at = call
        self._ends.finished("call", action, outcome, now - received_at)

    def _unconfirmed(self, frame: Frame, text: bytes) -> None:
        if self._version is not V21 or self.is_closed:
            self._cant_send(f"from the cloud: {self._version} has no {type(frame).__name__}", frame.message_id)
            return
        self._tally.sends_out += 1
        self._ends.to_charge_point(text)

    def _cant_send(self, why: str, message_id: str) -> None:
        self._tally.unsendable += 1
        self._ends.odd(why, message_id)

    # Commands.

    def _is_known(self, message_id: str) -> bool:
        is_outstanding = self._outstanding is not None and self._outstanding.message_id == message_id
        return is_outstanding or message_id in self._waiting or message_id in self._finished

    def _send(self, command: _Command, now: float) -> None:
        self._outstanding = command
        command.sent_at = now
        self._tally.calls_out += 1
        self._ends.to_charge_point(command.text)
        self._wake_at(now + self._limits.call_timeout_s)

    def _send_next(self, now: float) -> None:
        while self._outstanding is None and self._waiting:
            command = self._waiting.pop(next(iter(self._waiting)))
            if command.deadline is not None and command.deadline <= now:
                self._come_back(command, "expired", now)
            else:
                self._send(command, now)

    def _come_back(self, command: _Command, reason: Reason, now: float) -> None:
        self._remember(command, now)
        if reason != "too_large":  # then it has ended as an answer already
            self._ends.finished("command", command.action, reason, now - command.arrived_at)
        details = {"reason": reason, "gateway": self._gateway, "epoch": self._epoch}
        error = CallError(command.message_id, "GenericError", _TEXT_OF_REASON[reason], details)
        self._deliver(encode(error).encode(), now)

    def _remember(self, command: _Command, now: float) -> None:
        # Who sets a deadline gives every command an id of its own, so that a copy of it is a copy;
        # others may count 1, 1, 1 and mean three commands.
        if command.deadline is not None:
            forget_at = max(command.deadline, now) + self._limits.call_timeout_s
            self._finished[command.message_id] = forget_at
            self._wake_at(forget_at)

    def _expire_commands(self, now: float) -> None:
        command = self._outstanding
        if command is not None and command.sent_at + self._limits.call_timeout_s <= now:
            self._outstanding = None
            self._late = (*self._late, command.message_id)[-REMEMBERED_LATE:]
            self._come_back(command, "timeout", now)
        for waiting in list(self._waiting.values()):
            if waiting.deadline is not None and waiting.deadline <= now:
                del self._waiting[waiting.message_id]
                self._come_back(waiting, "expired", now)
            else:
                self._wake_at(waiting.deadline)
        self._send_next(now)
        if self._outstanding is not None:
            self._wake_at(self._outstanding.sent_at + self._limits.call_timeout_s)

    # The charge point's CALLs.

    def _expire_calls(self, now: float) -> None:
        timeout_s = self._limits.call_timeout_s
        while self._unanswered:
            message_id, (action, received_at) = next(iter(self._unanswered.items()))
            if received_at + timeout_s > now:
                self._wake_at(received_at + timeout_s)
                return
            del self._unanswered[message_id]
            why = f"no answer within {timeout_s:g} s, try again"
            self._internal_error(message_id, action, why, "timeout", now - received_at)

    def _internal_error(self, message_id: str, action: str, why: str, outcome: str, took_s: float) -> None:
        self._send_error(message_id, Defect.INTERNAL, why)
        self._ends.finished("call", action, outcome, took_s)

    def _send_error(self, message_id: str, defect: Defect, description: str) -> None:
        error = CallError(message_id, defect.code(self._version), description)
        self._ends.to_charge_point(encode(error).encode())

    # The way to the cloud.

    def _deliver(self, text: bytes, now: float) -> Handover:
        handover = Handover.BUSY if self._undelivered else self._ends.to_cloud(text)
        if handover is Handover.BUSY:
            self._tally.unforwarded += 1
            if self.is_closed:
                self._tally.lost += 1
            else:
                self._undelivered.append(text)
                self._wake_at(now + REDELIVER_S)
        return handover

    def _deliver_again(self, now: float) -> None:
        while self._undelivered:
            if self._ends.to_cloud(self._undelivered[0]) is Handover.BUSY:
                self._wake_at(now + REDELIVER_S)
                return
            del self._undelivered[0]

    def _wake_at(self, moment: float | None) -> None:
        if moment is not None and moment < self.wakes_at:
            self.wakes_at = moment


def _outcome(answer: CallResult | CallError) -> str:
    return "result" if isinstance(answer, CallResult) else "error"
