"""A CSMS's side of the conversation: answers by table, remembers every CALL, checks every frame."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from charge_point_sim.build import DIALECTS
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.effects import HangUp, Ping, text_of
from charge_point_sim.parts import Setup
from ocppj import actions, frames, schemas
from ocppj.frames import Answer, Call, CallError, CallResult, Frame, Payload, Send
from ocppj.versions import V16, Version

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
TIME = "2026-07-01T12:00:00.000Z"

Reply = Payload | CallError | None  # None: no answer at all
ACCEPTED = {"status": "Accepted"}


class Script:
    """What the CSMS answers: `replies[action]` is a payload, a CALLERROR, None, or a function of the CALL."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.calls: list[Call] = []
        self.sends: list[Send] = []
        self.answers: dict[str, Answer] = {}
        self._asked: dict[str, str] = {}
        self._transaction_ids = count(1)
        self.replies: dict[str, Reply | Callable[[Call], Reply]] = {
            "BootNotification": {"status": "Accepted", "currentTime": TIME, "interval": 300},
            "Heartbeat": {"currentTime": TIME},
            "Authorize": self.with_token("Accepted"),
            "StartTransaction": lambda _: self.with_token("Accepted") | {"transactionId": next(self._transaction_ids)},
            "SignCertificate": ACCEPTED,
            "OpenPeriodicEventStream": ACCEPTED,
            "TransactionEvent": lambda call: self.with_token("Accepted") if "idToken" in call.payload else {},
        }

    def with_token(self, status: str) -> Payload:
        """What an answer says about an id token."""
        return {"idTagInfo" if self.version is V16 else "idTokenInfo": {"status": status}}

    def ask(self, action: str, message_id: str, payload: Payload) -> Call:
        """A command, noted so that its answer can be checked."""
        self._asked[message_id] = action
        return Call(message_id, action, payload)

    def hear(self, text: str) -> Answer | None:
        """Take one frame of the charge point, check it, and say what to answer."""
        frame = frames.decode(text)
        if isinstance(frame, Send):
            schemas.check(self.version, frame.action, "request", frame.payload)
            self.sends.append(frame)
            return None
        if not isinstance(frame, Call):
            assert isinstance(frame, CallResult | CallError)
            self._hear_answer(frame)
            return None
        assert frame.action in actions.sent_by_charge_point(self.version)
        schemas.check(self.version, frame.action, "request", frame.payload)
        self.calls.append(frame)
        reply = self.replies.get(frame.action, {})
        reply = reply(frame) if callable(reply) else reply
        if reply is None:
            return None
        if isinstance(reply, CallError):
            return CallError(frame.message_id, reply.code)
        return CallResult(frame.message_id, reply)

    def said(self) -> list[str]:
        """Every CALL as a word or two: what it is and what it says about the state."""
        return [_words(call) for call in self.calls]

    def payloads(self, action: str) -> list[Payload]:
        """The payloads of every CALL of this action."""
        return [call.payload for call in self.calls if call.action == action]

    def _hear_answer(self, frame: Answer) -> None:
        if isinstance(frame, CallResult):
            schemas.check(self.version, self._asked[frame.message_id], "response", frame.payload)
        self.answers[frame.message_id] = frame


def _words(call: Call) -> str:
    payload = call.payload
    match call.action:
        case "StatusNotification" if "connectorStatus" in payload:
            return f"{payload['evseId']} {payload['connectorStatus']}"
        case "StatusNotification":
            return f"{payload['connectorId']} {payload['status']}"
        case "TransactionEvent":
            return f"{payload['eventType']} {payload['triggerReason']}"
        case action:
            return action


class Wire:
    """A charge point and a script with nothing but time between them, and we are the time."""

    def __init__(self, version: Version, seed: int = 7, **setup: Any) -> None:
        ids = count(1)
        self.script = Script(version)
        self.cp = ChargePoint(
            Setup("CP001", version, **setup),
            DIALECTS[version],
            Random(seed),  # noqa: S311  # cars, not secrets
            lambda: f"id-{next(ids)}",
        )
        self.now = NOW
        self.hang_ups: list[HangUp] = []
        self.pings = 0
        self.log: list[str] = []
        self._command_ids = count(1)
        self._is_connected = False

    def connect(self) -> None:
        """Open the connection and let both sides say what they have to say."""
        self._is_connected = True
        self.cp.connected(self.now)
        self._pass_on()

    def cut(self) -> None:
        """The connection breaks."""
        self._is_connected = False
        self.cp.disconnected(self.now)

    def boot(self) -> "Wire":
        """Connect, boot, and forget what was said so far."""
        self.connect()
        self.script.calls.clear()
        return self

    def run(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + timedelta(seconds=seconds)
        while (due := self.cp.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.cp.wake(self.now)
            self._pass_on()
        self.now = end

    def act(self, what: Callable[[], None]) -> None:
        """Let something happen at the charge point."""
        self.cp.act(self.now, what)
        self._pass_on()

    def command(self, action: str, **payload: Any) -> Answer:
        """Send a command and return what was answered."""
        message_id = f"command-{next(self._command_ids)}"
        self.send(self.script.ask(action, message_id, payload))
        return self.script.answers[message_id]

    def order(self, action: str, **payload: Any) -> Payload:
        """Send a command that must not be answered by a CALLERROR, and return the answer's payload."""
        answer = self.command(action, **payload)
        assert isinstance(answer, CallResult), answer
        return answer.payload

    def send(self, frame: Frame | str) -> None:
        """Send any text to the charge point."""
        self.cp.receive(frame if isinstance(frame, str) else frames.encode(frame), self.now)
        self._pass_on()

    def _pass_on(self) -> None:
        while effects := self.cp.take():
            for effect in effects:
                if isinstance(effect, HangUp):
                    self.hang_ups.append(effect)
                    self.cut()
                    return
                if isinstance(effect, Ping):
                    self.pings += 1
                    continue
                assert self._is_connected, f"sent without a connection: {effect}"
                text = text_of(effect)
                self.log.append(text)
                answer = self.script.hear(text)
                if answer:
                    self.cp.receive(frames.encode(answer), self.now)
