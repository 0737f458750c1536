"""What a charge point is made of: its setup, connectors, and the cars at them."""

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Literal

from charge_point_sim.meter import Meter, Vehicle
from charge_point_sim.quirks import Quirk
from ocppj.frames import Payload
from ocppj.versions import Version

# The words of 1.6; 2.x says Occupied for all between Available and Unavailable.
Status = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a charge point is made of. Times are seconds of its own clock."""

    identity: str
    version: Version
    connectors: int = 2
    password: bytes | None = None
    security_profile: int | None = None  # as far as it is known: without one it follows from the password
    vendor: str = "ocpp-gateway"
    model: str = "Simulated"
    firmware: str = "1.0.0"
    max_power_w: float = 50_000.0
    call_timeout_s: float = 30.0
    sample_s: int = 5
    ping_s: int = 20  # between two WebSocket pings of its own; 0: none
    plug_in_s: float = 2.0
    unplug_s: float = 3.0
    reboot_s: float = 5.0
    quirks: frozenset[Quirk] = frozenset()

    @property
    def profile(self) -> int:
        """The security profile it is started with."""
        return (1 if self.password else 0) if self.security_profile is None else self.security_profile

    @property
    def serial(self) -> str:
        """A serial number: 25 characters are all that fit, which not everybody knows."""
        return f"SIM-{self.identity:0<60}" if "long-serial" in self.quirks else f"SIM-{self.identity}"[:25]


Cause = Literal[
    "local", "remote", "deauthorized", "hard reset", "soft reset", "unlock", "power loss", "unplugged", "fault"
]


_ENDS: dict[Cause, int] = {"local": 85, "unplugged": 13, "fault": 2}


def some_end(rng: Random) -> Cause:
    """How a session ends when nobody orders it to: mostly by the token, now and then without, seldom by a fault."""
    return rng.choices(list(_ENDS), list(_ENDS.values()))[0]


@dataclass(frozen=True, slots=True)
class Token:
    """An id token; `kind` is its type in 2.x."""

    text: str
    kind: str = "ISO14443"


def is_same(one: str, other: str) -> bool:
    """Whether two ids are one: their case doesn't matter (1.6 CiString, 2.x identifierString)."""
    return one.casefold() == other.casefold()


@dataclass(frozen=True, slots=True)
class Reservation:
    """A connector is kept for this id token."""

    id: int
    token: str
    until: datetime


@dataclass(slots=True, eq=False)
class Session:
    """A car at a connector. It is a transaction from `started_at` on.

    `transaction_id` is learnt from the answer in 1.6 (-1 while unknown) and made here in 2.x.
    """

    token: Token
    vehicle: Vehicle
    remote_start_id: int | None = None
    reservation_id: int | None = None
    transaction_id: int | str = -1
    started_at: datetime | None = None
    is_over: bool = False
    next_seq_no: int = 0
    has_priority: bool = False
    tariff: Payload | None = None

    @property
    def is_running(self) -> bool:
        return self.started_at is not None and not self.is_over


@dataclass(slots=True, eq=False)
class Connector:
    """A socket for a car; an EVSE with one connector in 2.x. Number 0 is the whole charge point (1.6)."""

    number: int
    status: Status = "Available"
    reported: str = ""
    is_operative: bool = True
    session: Session | None = None
    reservation: Reservation | None = None
    meter: Meter = field(default_factory=Meter)

    @property
    def is_free(self) -> bool:
        return self.status == "Available" and self.session is None

    def is_free_for(self, token: Token) -> bool:
        """Whether this token may charge here: nobody does, and it is kept for nobody else."""
        is_kept_for_it = self.reservation is not None and is_same(self.reservation.token, token.text)
        return self.is_free or (is_kept_for_it and self.session is None and self.is_operative)

    @property
    def running(self) -> Session | None:
        return self.session if self.session and self.session.is_running else None
