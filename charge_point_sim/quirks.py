"""Vendor quirks and faults: what charge points in the field do, switchable for each of ours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Literal, get_args

from charge_point_sim.effects import Effect, HangUp, Raw
from ocppj import timestamps
from ocppj.frames import Answer

Quirk = Literal[
    "clock-1970",
    "duplicate-answers",
    "flapping",
    "half-open",
    "hex-password",
    "impatient",
    "late-answers",
    "long-serial",
    "malformed",
    "mute",
    "no-subprotocol",
    "offset-timestamps",
    "seqno-zero",
]
QUIRKS: tuple[Quirk, ...] = get_args(Quirk)

LATE_S = 45.0  # longer than anybody waits for an answer
_BABBLES_S = (5.0, 15.0)
_FLAPS_S, _FLAPPED_S = (5.0, 60.0), (1.0, 5.0)
_FADES_S, _FADED_S = (30.0, 120.0), (5.0, 20.0)
_NONSENSE = (
    "",
    "{",
    "null",
    "[]",
    '"hello"',
    '{"action":"Heartbeat"}',
    "[2]",
    '[2,"m1"]',
    '[2,"m2","Heartbeat"]',
    '[2,"m3","Heartbeat",{}',
    '[2,"m4","Heartbeat",[]]',
    '[2,"m5",7,{}]',
    '[2,17,"Heartbeat",{}]',
    '[2,"m6","NoSuchAction",{}]',
    '[2,"m7","BootNotification",{"vendor":null}]',
    '[3,"m8",{}]',
    '[4,"m9","NoSuchError","",{}]',
    '[9,"m10",{}]',
    f'[2,"{"x" * 100}","Heartbeat",{{}}]',
)
_ALLOWED = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THEIR_ZONE = timezone(timedelta(hours=2))


class QuirkError(ValueError):
    """No quirk of that name."""


def quirk(name: str) -> Quirk:
    """The quirk of this name.

    Raises:
        QuirkError: there is none.
    """
    for known in QUIRKS:
        if known == name:
            return known
    raise QuirkError(f"{name!r} is none of {', '.join(QUIRKS)}")


class Mischief:
    """The faults of one charge point that happen by themselves.

    `after(name, seconds, act)` sets a timer, `cancel(name)` forgets it; `emit` lets the shell do something.
    """

    def __init__(
        self,
        quirks: frozenset[Quirk],
        rng: Random,
        after: Callable[[str, float, Callable[[], None]], None],
        cancel: Callable[[str], object],
        emit: Callable[[Effect], None],
    ) -> None:
        self._quirks = quirks
        self._rng = rng
        self._after = after
        self._cancel = cancel
        self._emit = emit

    def connected(self) -> None:
        """Let the faults of a connection take their course."""
        if "malformed" in self._quirks:
            self._after("malformed", self._rng.uniform(*_BABBLES_S), self._babble)
        if "flapping" in self._quirks:
            self._end_after("flapping", _FLAPS_S, HangUp(self._rng.uniform(*_FLAPPED_S), "cut"))
        if "half-open" in self._quirks:
            self._end_after("half-open", _FADES_S, HangUp(self._rng.uniform(*_FADED_S), "abandon"))

    def disconnected(self) -> None:
        """Without a connection there is nothing to spoil."""
        for name in ("malformed", "flapping", "half-open"):
            self._cancel(name)

    def answer(self, answer: Answer) -> None:
        """Answer a command, in our way."""
        if "mute" in self._quirks:
            return
        if "late-answers" in self._quirks:
            self._after(f"late {answer.message_id}", LATE_S, lambda: self._emit(answer))
            return
        self._emit(answer)
        if "duplicate-answers" in self._quirks:
            self._emit(answer)

    def _end_after(self, name: str, wait_s: tuple[float, float], how: HangUp) -> None:
        self._after(name, self._rng.uniform(*wait_s), lambda: self._emit(how))

    def _babble(self) -> None:
        self._emit(Raw(self._rng.choice(_NONSENSE)))
        self._after("malformed", self._rng.uniform(*_BABBLES_S), self._babble)


class DeviceClock:
    """The clock of a charge point: as wrong as it is until the CSMS says what time it is."""

    def __init__(self, quirks: frozenset[Quirk]) -> None:
        self._quirks = quirks
        self._ahead: timedelta | None = timedelta(0)
        if "clock-1970" in quirks:
            self._ahead = None  # known when the power comes on

    def time(self, now: datetime) -> datetime:
        """What time the charge point believes it is."""
        if self._ahead is None:
            self._ahead = _EPOCH - now
        return now + self._ahead

    def write(self, now: datetime) -> str:
        """That time as text."""
        if "offset-timestamps" not in self._quirks:
            return timestamps.write(self.time(now))
        local = self.time(now).astimezone(_THEIR_ZONE)
        return local.isoformat(timespec="milliseconds").replace("+02:00", "+02")

    def set(self, text: str, now: datetime) -> None:
        """The CSMS says what time it is; some don't listen."""
        if "clock-1970" in self._quirks:
            return
        try:
            ahead = timestamps.parse(text) - now
        except ValueError:
            return
        # Their answer has travelled: a clock that follows it closely would run backwards at times.
        if abs(ahead - (self._ahead or timedelta(0))) >= _ALLOWED:
            self._ahead = ahead
