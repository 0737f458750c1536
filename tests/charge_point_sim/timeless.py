"""A fleet and its CSMS with nothing but memory between them, and no time but ours."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any, cast

from websockets.uri import parse_uri

from charge_point_sim.build import charge_point
from charge_point_sim.line import Hello, Line
from charge_point_sim.member import Member
from charge_point_sim.plan import Plan
from charge_point_sim.tally import Tally
from charge_point_sim.wheel import Wheel
from tests.charge_point_sim.anybody import Anybody, Socket
from tests.charge_point_sim.script import NOW

_HELLO = Hello(parse_uri("ws://csms/ocpp"), None)


class _Cable:
    """The transport of one end: what is written arrives at the other end in its turn."""

    def __init__(self, host: "Timeless", ours: Any) -> None:
        self.host = host
        self.ours = ours
        self.other: _Cable | None = None
        self.is_cut = False
        self.is_deaf = False

    def write(self, data: bytes) -> None:
        other = self.other
        assert other is not None
        self.host.later(lambda: None if other.is_cut or other.is_deaf else other.ours.data_received(data))

    def get_extra_info(self, _: str, default: Any = None) -> Any:
        return default

    def abort(self) -> None:
        for end in (self, self.other):
            if end and not end.is_cut:
                end.is_cut = True
                self.host.later(partial(end.ours.connection_lost, None))

    def close(self) -> None:
        self.host.later(self.abort)

    def is_closing(self) -> bool:
        return self.is_cut

    def pause_reading(self) -> None:
        """Whoever is deaf hears nothing from now on."""
        self.is_deaf = True


class Timeless:
    """Hosts members; time goes from one wish to the next."""

    def __init__(self, plan: Plan, **setup: Any) -> None:
        self.tally = Tally()
        self.csms = Anybody()
        self.plan = plan
        self._now = NOW
        self._wheel = Wheel()
        self._todo: deque[Callable[[], None]] = deque()
        self.members = [self._member(number) for number in range(plan.count)]
        for member in self.members:
            member.begin(NOW, plan)
        self._work()

    def run(self, seconds: float) -> "Timeless":
        """Let time pass."""
        end = self._now + timedelta(seconds=seconds)
        while self._now < end:
            self._now = min(end, self._now + timedelta(milliseconds=100))
            for member in self._wheel.due(self._now):
                cast(Member, member).wake(self._now)
                self._work()
        return self

    def act(self, what: Callable[[], None]) -> None:
        """Let something happen, and everything that follows from it."""
        what()
        self._work()

    def later(self, what: Callable[[], None]) -> None:
        """After what is going on now."""
        self._todo.append(what)

    # What members ask of their host

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - NOW).total_seconds()

    def wish(self, member: Member, at: datetime | None) -> None:
        self._wheel.wish(member, at)

    def dial(self, member: Member) -> None:
        ours, theirs = Line(member, member.hello(_HELLO)), Socket(self.csms)
        member.line = ours
        one, other = _Cable(self, ours), _Cable(self, theirs)
        one.other, other.other = other, one
        theirs.connection_made(cast(Any, other))
        ours.connection_made(cast(Any, one))

    def _work(self) -> None:
        while self._todo:
            self._todo.popleft()()

    def _member(self, number: int) -> Member:
        setup, ids = self.plan.setup(number), count(1)
        cp = charge_point(setup, self.plan.seed, lambda: f"{number}-{next(ids)}")
        return Member(self, cp, number, self.plan.visits(number), Random(number))  # noqa: S311  # jitter, not secrets
