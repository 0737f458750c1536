"""A charge point without socket and clock: it is told what happens and when, and says what to send.

The shell calls `connected`, `disconnected`, `receive`, `wake` and `act`, each with the time; then does what `take`
hands out, and wakes it again at `next_due`. What differs between versions is in its `Dialect`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import structlog

from charge_point_sim import obedience
from charge_point_sim.dialect import Dialect
from charge_point_sim.effects import Effect, HangUp, Ping
from charge_point_sim.exchange import CLOSED, Exchange, Message, Persistence
from charge_point_sim.kept import Kept
from charge_point_sim.networks import Network, Networks
from charge_point_sim.parts import Connector, Setup, Status
from charge_point_sim.profiles import Profile
from charge_point_sim.quirks import DeviceClock, Mischief
from charge_point_sim.timers import Timers
from ocppj import frames
from ocppj.errors import FrameError
from ocppj.frames import Call, CallError, CallResult, Payload
from ocppj.versions import V16

BOOT_RETRY_S = 30.0
REBOOT_PATIENCE_S = 10.0  # how long a soft reset waits for its transaction messages to be delivered


class ChargePoint:
    """Boots, beats, tells its connectors' states, answers commands. Sessions are in `sessions`."""

    def __init__(
        self, setup: Setup, dialect: Dialect, rng: Random, new_id: Callable[[], str] = lambda: str(uuid4())
    ) -> None:
        self.setup = setup
        self.dialect = dialect
        self.rng = rng
        self.new_id = new_id
        self.now = datetime.min.replace(tzinfo=UTC)
        self.password = setup.password
        self.networks = Networks({1: Network(setup.profile)})
        self.timers = Timers()
        self.variables = dialect.variables(setup)
        self.exchange = Exchange(dialect.version, self.timers, lambda: self.now, new_id, self._persistence)
        self.connectors = [Connector(number + 1) for number in range(setup.connectors)]
        self.main = Connector(0) if dialect.version is V16 else None
        self.registration = ""
        self.boot_reason = "PowerUp"
        self.firmware = setup.firmware
        self.profiles: list[Profile] = []
        self.progress: dict[str, Payload] = {}  # what is being told by trains of status messages
        self.after_boot: Callable[[], None] | None = None
        self.local_list: dict[str, str] = {}
        self.local_list_version = 0
        self.accepted_tokens: set[str] = set()
        self.kept = Kept()
        self.waits_for_idle = False
        self.is_updating = False  # installs a firmware, or waits for the last car to leave before it does
        self.log = structlog.get_logger().bind(charge_point_id=setup.identity)
        self._rebooting = False
        self._offline_since: datetime | None = None
        self._effects: list[Effect] = []
        self._clock = DeviceClock(setup.quirks)
        self._mischief = Mischief(setup.quirks, rng, self.after, self.timers.cancel, self.emit)
        self._untracked: set[str] = set()

    # What the shell tells it

    def connected(self, now: datetime) -> None:
        """The WebSocket is open."""
        self.act(now, self._greet)

    def disconnected(self, now: datetime) -> None:
        """The WebSocket is gone."""
        self.act(now, self._cut_off)

    def receive(self, text: str | bytes, now: datetime) -> None:
        """A text frame arrived; one that comes while we are hanging up is too late."""
        if self.exchange.is_open:
            self.act(now, lambda: self._read(text))

    def wake(self, now: datetime) -> None:
        """Do what is due."""
        self.now = now
        while due := self.timers.pop_due(now):
            self.act(now, due)

    def act(self, now: datetime, what: Callable[[], None]) -> None:
        """Let something happen at the charge point, and send what may go."""
        self.now = now
        what()
        if self._rebooting and not self.exchange.has_undelivered:
            self._reboot()
        if self.waits_for_idle and not any(connector.session for connector in self.connectors):
            self.reset("ScheduledReset")
        call = self.exchange.next_call()
        if call:
            self._effects.append(call)
            if call.action == "BootNotification" and "impatient" in self.setup.quirks:
                self._tell_all_at_once()

    def next_due(self) -> datetime | None:
        """When to wake it."""
        return self.timers.next_due()

    def take(self) -> list[Effect]:
        """What to do now, in this order."""
        effects, self._effects = self._effects, []
        return effects

    # What sessions and commands ask of it

    def stamp(self, moment: datetime | None = None) -> str:
        """What time it is by the charge point's own clock, or was at a moment."""
        return self._clock.write(moment or self.now)

    @property
    def time(self) -> datetime:
        """What time the charge point believes it is."""
        return self._clock.time(self.now)

    @property
    def is_online(self) -> bool:
        """Connected, and accepted by the CSMS."""
        return self.exchange.is_open and self.exchange.is_registered

    @property
    def is_resetting(self) -> bool:
        return self._rebooting or self.waits_for_idle or self.is_updating

    @property
    def reporting(self) -> list[Connector]:
        """Whatever has a status to tell: the connectors, and in 1.6 the whole charge point."""
        return [self.main, *self.connectors] if self.main else self.connectors

    def after(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        """Do something so many seconds from now, unless the timer of this name is set again or cancelled."""
        self.timers.set(name, self.now + timedelta(seconds=seconds), act)

    def connector(self, number: int | None) -> Connector | None:
        """The connector (1.6) or EVSE (2.x) of this number, from 1 on."""
        return next((connector for connector in self.connectors if connector.number == number), None)

    def show(self, connector: Connector, status: Status) -> None:
        """Change a connector's status and tell it."""
        if connector.status != status:
            connector.status = status
            self.log.info("shows", connector=connector.number, status=status)
        self.tell_status(connector)

    def rest(self, connector: Connector) -> None:
        """Show what a connector without a car shows."""
        if not connector.is_operative or self.is_updating:
            self.show(connector, "Unavailable")
        else:
            self.show(connector, "Reserved" if connector.reservation else "Available")

    def close_doors(self) -> None:
        """Let no car come any more: a firmware is about to be installed."""
        self.is_updating = True
        self._rest_all()

    def open_doors(self) -> None:
        """Cars may come again."""
        if self.is_updating:
            self.is_updating = False
            self._rest_all()

    def _rest_all(self) -> None:
        for connector in self.connectors:
            if connector.session is None:
                self.rest(connector)

    def tell_status(self, connector: Connector, *, anyway: bool = False) -> None:
        """Send a StatusNotification if there is something new to say, or anyway; offline it waits for the reconnect."""
        word, payload = self.dialect.status(self, connector)
        if not anyway and (not self.is_online or word == connector.reported):
            return
        connector.reported = word

        def lost(_: str) -> None:
            connector.reported = ""

        self.exchange.put(Message("StatusNotification", payload, on_failure=lost, is_early=anyway))

    def send_boot(self, reason: str | None = None) -> None:
        """Ask to be registered; nothing else goes before the answer."""
        if reason:
            self.boot_reason = reason
        if not self.exchange.is_open or self.exchange.is_waiting("BootNotification"):
            return
        message = Message("BootNotification", self.dialect.boot(self), is_early=True)
        message.on_answer, message.on_failure = self._booted, self._not_booted
        self.exchange.put(message, first=True)

    def send_heartbeat(self, *, is_early: bool = False) -> None:
        """Send a Heartbeat, unless one is waiting already."""
        if not self.exchange.is_waiting("Heartbeat"):
            self.exchange.put(Message("Heartbeat", on_answer=self._set_clock, is_early=is_early))

    def beat(self) -> None:
        """Start the heartbeat, or start it anew with another interval."""
        interval_s = self.variables.number("heartbeat_s")
        self.timers.cancel("heartbeat")
        if interval_s > 0:
            self.after("heartbeat", interval_s, self._beat)

    def reset(self, reason: str, patience_s: float | None = None) -> None:
        """Reboot as soon as the transactions' messages are delivered, but soon; what wasn't is delivered afterwards."""
        self.waits_for_idle = False
        self.boot_reason = reason
        self._rebooting = True
        self.after("reboot", REBOOT_PATIENCE_S if patience_s is None else patience_s, self._reboot)

    def emit(self, effect: Effect) -> None:
        """Let the shell do something now; there is nothing to write to without a connection."""
        if isinstance(effect, HangUp):
            self._leave(effect)
        elif self.exchange.is_open:
            self._effects.append(effect)

    def reconnect(self) -> None:
        """Hang up and connect again, after the answer on its way has left."""
        self.after("reconnect", 0, lambda: self._leave(HangUp(0)))

    def not_connected(self, *, is_busy: bool = False) -> None:
        """No connection came about: give way to what was before, or to the next network profile.

        Who is too busy to let anybody in says nothing against a certificate.
        """
        own = self.kept.own
        if own and own.before and not is_busy:
            self.log.warning("the new certificate does not do, back to the one before")
            self.kept.own = own.before
        elif self.networks.failed(self._attempts()):
            self.log.warning("another network profile", slot=self.networks.active)

    def _attempts(self) -> int:
        return 1 if self.main else int(self.variables.number("network_attempts"))

    def _got_through(self) -> None:
        self.networks.got_through(is_final=self.main is not None)
        if self.kept.own:
            self.kept.own = replace(self.kept.own, before=None)
        if not self.main:
            self.variables.turn("network_active", self.networks.active)
        self.variables.turn("security_profile", self.networks.now.security_profile)

    def _greet(self) -> None:
        self._got_through()
        self.exchange.opened()
        self._ping_later()
        self._mischief.connected()
        if self.registration == "Accepted":
            # A mere reconnect is no reason to boot again (1.6J §5.4): say what changed meanwhile.
            self.beat()
            if self._was_long_offline():
                self._forget_what_was_told()
            self._tell_all()
        elif "boot" not in self.timers:  # else the interval of a Pending or Rejected is still running
            self.send_boot()

    def _ping_later(self) -> None:
        interval_s = self.variables.number("ping_s")
        if interval_s > 0:
            self.after("ping", interval_s, self._ping)

    def _ping(self) -> None:
        self.emit(Ping())
        self._ping_later()

    def _was_long_offline(self) -> bool:
        # 2.0.1 part 2 B04.FR.01: every status is told then; 1.6 tells what has changed.
        if self.main or self._offline_since is None:
            return False
        return (self.now - self._offline_since).total_seconds() > self.variables.number("offline_threshold_s")

    def _forget_what_was_told(self) -> None:
        for connector in self.reporting:
            connector.reported = ""

    def _tell_all(self) -> None:
        for connector in self.reporting:
            self.tell_status(connector)

    def _tell_all_at_once(self) -> None:
        # Some don't wait for the answer to their BootNotification, nor for any other.
        for connector in self.reporting:
            call = Call(self.new_id(), "StatusNotification", self.dialect.status(self, connector)[1])
            self._untracked.add(call.message_id)
            self._effects.append(call)

    def _set_clock(self, answer: Payload) -> None:
        self._clock.set(answer["currentTime"], self.now)

    def _booted(self, answer: Payload) -> None:
        self._set_clock(answer)
        interval_s = answer["interval"]
        self.registration = answer["status"]
        self.exchange.is_registered = self.registration == "Accepted"
        self.log.info("booted", status=self.registration, interval_s=interval_s)
        if not self.exchange.is_registered:
            self.after("boot", interval_s if interval_s > 0 else BOOT_RETRY_S, self.send_boot)
            return
        self.timers.cancel("boot")
        if interval_s > 0:
            self.variables.turn("heartbeat_s", interval_s)
        self._forget_what_was_told()
        self.beat()
        self._tell_all()
        then, self.after_boot = self.after_boot, None
        if then:
            then()

    def _not_booted(self, why: str) -> None:
        if why != CLOSED:
            self.after("boot", BOOT_RETRY_S, self.send_boot)

    def _beat(self) -> None:
        self.send_heartbeat()
        self.beat()

    def _reboot(self) -> None:
        self.timers.cancel("reboot")
        self._rebooting = False
        self.registration = ""
        self.exchange.is_registered = False
        self.timers.cancel("boot")
        self.open_doors()
        self.variables.apply_after_reboot()
        if not self.main:
            self.networks.begin(self.variables.names("network_priority"))
        self.log.info("rebooting", reason=self.boot_reason)
        self._leave(HangUp(self.setup.reboot_s))

    def _leave(self, how: HangUp) -> None:
        still_to_write = self._effects
        self._cut_off()
        self._effects = [*still_to_write, how]

    def _cut_off(self) -> None:
        self._offline_since = self.now if self.exchange.is_open else self._offline_since
        self.exchange.closed()
        self._mischief.disconnected()
        self._untracked.clear()
        self.timers.cancel("heartbeat")
        self.timers.cancel("ping")
        self._effects = []

    def _persistence(self) -> Persistence:
        attempts, interval_s = self.variables.number("message_attempts"), self.variables.number("message_interval_s")
        return Persistence(self.setup.call_timeout_s, int(attempts), interval_s)

    def _read(self, text: str | bytes) -> None:
        try:
            frame = frames.decode(text)
        except FrameError as error:
            self.log.warning("unreadable frame", why=error.description)
            complaint = obedience.complaint(error, self.dialect.version)
            self._effects += [complaint] if complaint else []
            return
        match frame:
            case Call():
                self._mischief.answer(obedience.answer(self, frame))
            case CallResult() | CallError():
                self._take_answer(frame)
            case _:
                self.log.warning("ignored", frame=frame)

    def _take_answer(self, frame: CallResult | CallError) -> None:
        if frame.message_id in self._untracked:
            self._untracked.discard(frame.message_id)
            return
        complaint = self.exchange.answered(frame)
        if complaint:
            self.log.warning("answer", problem=complaint)
        is_stranger = isinstance(frame, CallError) and frame.code == "SecurityError"
        if is_stranger and self.registration == "Accepted":
            # The CSMS has forgotten that it accepted us: introduce ourselves again.
            self.registration = ""
            self.exchange.is_registered = False
            self.after("boot", 1, self.send_boot)
