"""One charge point of a fleet: its core, its plan, and whichever line it has at the moment. No task of its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from websockets.http11 import Response

from charge_point_sim import sessions, trains
from charge_point_sim.backoff import Backoff, retry_after_s
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.effects import HangUp, Ping, text_of
from charge_point_sim.exchange import ANSWERED, CLOSED, TIMED_OUT
from charge_point_sim.line import Hello, Line
from charge_point_sim.opening import address, authorization, is_common, offered
from charge_point_sim.parts import Cause, Connector, Token
from charge_point_sim.plan import Plan, Visit
from charge_point_sim.tally import Tally
from ocppj.frames import Call

NORMAL, GOING_AWAY = 1000, 1001
ABANDONED_S = 180.0  # how long a half-open socket stays: files are scarce
OPENING_S = 30.0  # how long a handshake may take


class Host(Protocol):
    """What a member needs from whoever runs it."""

    tally: Tally

    def now(self) -> datetime:
        """What time it is."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    def dial(self, member: "Member") -> None:
        """Open a line for it; ends in `on_end` in any case."""

    def wish(self, member: "Member", at: datetime | None) -> None:
        """Wake it then."""


class Member:
    """Connects, talks, is cut off and comes back; drivers come and go as planned."""

    __slots__ = (
        "_began_at", "_calls_s", "_is_leaving", "_is_up", "_lost", "_offline_s", "_refused", "_visits",
        "cp", "host", "line", "number", "wakes_at",
    )  # fmt: skip

    def __init__(self, host: Host, cp: ChargePoint, number: int, visits: Iterator[Visit], rng: Random) -> None:
        self.host = host
        self.cp = cp
        self.number = number
        self.line: Line | None = None
        self.wakes_at: datetime | None = None
        self._visits = visits
        self._lost = Backoff(rng, 1, 60)
        self._refused = Backoff(rng, 5, 60)
        self._offline_s: float | None = None
        self._calls_s: float | None = None
        self._is_leaving = False
        self._is_up = False
        cp.exchange.witness = self._on_settled

    # What the host asks of it

    def begin(self, began_at: datetime, plan: Plan) -> None:
        """Connect at its time, and let drivers come at theirs."""
        self._began_at = began_at
        self.cp.now = self.host.now()
        self._at("dial", plan.connects_at_s(self.number), self._dial)
        updates_at_s = plan.updates_at_s(self.number)
        if updates_at_s is not None:
            self._at("update", updates_at_s, lambda: trains.roll_out(self.cp))
        self._await_next()
        self.settle()

    def hello(self, hello: Hello) -> Hello:
        """The opening request that is its own; `hello` is what all have in common."""
        cp = self.cp
        uri = replace(hello.uri, path=address(hello.uri.path, cp.setup.identity))
        return Hello(uri, offered(cp), authorization(cp), hello.deflate)

    def wake(self, now: datetime) -> None:
        """Do what is due."""
        self.cp.wake(now)
        self.settle()

    def cut(self) -> None:
        """Its line breaks, with everybody else's: it is back as soon as it can."""
        if self.line:
            self._offline_s = self._lost.next_s()
            self.line.abort()

    def say_goodbye(self) -> None:
        """End what is running as a power cut would, and come no more."""
        self._is_leaving = True
        for name in ("dial", "update", "firmware", "visit", *(f"visit {each.number}" for each in self.cp.connectors)):
            self.cp.timers.cancel(name)
        self.cp.act(self.host.now(), lambda: sessions.stop_all(self.cp, "power loss"))
        self.settle()

    def leave(self) -> None:
        """Hang up for good."""
        if self.line and self.line.is_open:
            self.line.close(GOING_AWAY)
        elif self.line:
            self.line.abort()

    @property
    def is_busy(self) -> bool:
        """Whether something it has to tell is still on its way."""
        return self.cp.exchange.is_open and self.cp.exchange.has_undelivered

    @property
    def sessions(self) -> int:
        """How many cars are charging here."""
        return sum(connector.running is not None for connector in self.cp.connectors)

    # The line's peer

    def on_open(self, subprotocol: str | None) -> None:
        tally = self.host.tally
        if not is_common(self.cp, subprotocol) and self.line:
            tally.errors["no common version"] += 1
            self._offline_s = self._refused.next_s()
            self.line.close(NORMAL)
            return
        self._is_up = True
        tally.connected += 1
        tally.connects += 1
        self.cp.timers.cancel("opening")
        self._refused.reset()
        self.cp.connected(self.host.now())
        self.settle()

    def on_text(self, text: bytes) -> None:
        self.host.tally.frames_in += 1
        self._lost.reset()
        self.cp.receive(text, self.host.now())
        self.settle()

    def on_refused(self, response: Response | None) -> None:
        status = response.status_code if response else "without HTTP"
        self.host.tally.errors[f"refused {status}"] += 1
        self._offline_s = self._refused.next_s() + (retry_after_s(response) if response else 0)

    def on_end(self, code: int, why: str = "") -> None:
        tally = self.host.tally
        if self._is_up:
            self._is_up = False
            tally.connected -= 1
            if self._offline_s is None and not self._is_leaving:
                tally.errors[f"disconnected {code}"] += 1
        elif self._offline_s is None and not self._is_leaving:
            tally.errors[why or "lost while opening"] += 1
        self.line = None
        now = self.host.now()
        self.cp.timers.cancel("opening")
        self.cp.disconnected(now)
        wait_s = self._lost.next_s() if self._offline_s is None else self._offline_s
        self._offline_s = None
        if not self._is_leaving:
            self.cp.after("dial", wait_s, self._dial)
        self.settle()

    def settle(self) -> None:
        """Do what the core wants done, and ask to be woken when it wants to be."""
        line, sent = self.line, 0
        for effect in self.cp.take():
            if isinstance(effect, HangUp):
                self._hang_up(effect)
            elif isinstance(effect, Ping):
                if line:
                    line.ping()
            elif line:
                if isinstance(effect, Call):
                    self._calls_s = self.host.monotonic()
                line.send(text_of(effect))
                sent += 1
        if sent and line:
            self.host.tally.frames_out += sent
            line.flush()
        self.host.wish(self, self.cp.next_due())

    # What happens by itself

    def _at(self, name: str, at_s: float, what: Callable[[], None]) -> None:
        at = max(self._began_at + timedelta(seconds=at_s), self.cp.now)
        self.cp.timers.set(name, at, what)

    def _hang_up(self, how: HangUp) -> None:
        line = self.line
        if line is None:
            return
        line.flush()
        self._offline_s = how.offline_s
        if how.manner == "close":
            line.close(NORMAL)
        elif how.manner == "cut":
            line.abort()
        else:
            line.abandon()
            self.cp.after(f"abandoned {id(line)}", ABANDONED_S, line.abort)
            self.on_end(NORMAL)

    def _dial(self) -> None:
        if self.line is None and not self._is_leaving:
            self.cp.after("opening", OPENING_S, self._give_up)
            self.host.dial(self)

    def _give_up(self) -> None:
        if self.line:
            self.line.abort()

    def _await_next(self) -> None:
        visit = next(self._visits)
        self._at("visit", visit.at_s, lambda: self._come(visit))

    def _come(self, visit: Visit) -> None:
        connector = self.cp.connector(visit.connector)
        if connector and connector.is_free and self.cp.registration == "Accepted" and not self.cp.is_resetting:
            token = Token(visit.token)
            sessions.arrive(self.cp, connector, token)
            self.cp.after(f"visit {connector.number}", visit.stay_s, lambda: self._go(connector, token, visit.end))
        self._await_next()

    def _go(self, connector: Connector, token: Token, end: Cause) -> None:
        # Somebody else's session, started remotely meanwhile, is not ours to stop.
        if connector.session and connector.session.token == token:
            sessions.stop(self.cp, connector, end)

    def _on_settled(self, action: str, outcome: str) -> None:
        began_s, self._calls_s = self._calls_s, None
        if outcome == CLOSED:
            return
        if began_s is not None and outcome != TIMED_OUT:
            self.host.tally.latency.add(self.host.monotonic() - began_s)
        if outcome != ANSWERED:
            self.host.tally.errors[f"{action}: {outcome}"] += 1
