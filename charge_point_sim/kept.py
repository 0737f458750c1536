"""What a CSMS has left at a charge point, feature by feature: certificates, messages, monitors, tariffs..."""

from dataclasses import dataclass, field
from datetime import datetime

from charge_point_sim.variables import Name
from ocppj.frames import Payload


@dataclass(frozen=True, slots=True)
class Installed:
    """A root certificate; `hashes` is its CertificateHashDataType."""

    kind: str
    hashes: Payload


@dataclass(frozen=True, slots=True)
class Own:
    """The charge point's own certificate and its key, PEM; `before` is the one it takes the place of."""

    chain: str
    key: bytes
    before: "Own | None" = None


@dataclass(slots=True, eq=False)
class Stream:
    """Periodic values of one monitor that are sent together, unanswered (2.1 part 2 N11). `values` are (when, what)."""

    id: int
    params: Payload
    is_open: bool = False
    sent_at: datetime | None = None
    values: list[tuple[datetime, str]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Monitor:
    """A monitor that was set (2.x part 2 N04). `value` is a threshold, a difference, or seconds."""

    id: int
    name: Name
    kind: str
    value: float
    severity: int
    payload: Payload  # component and variable, as they were spelled
    in_transactions_only: bool = False
    seen: str = ""  # the value that was told last, or when the monitor was set
    is_alerting: bool = False
    due: datetime | None = None
    stream: Stream | None = None


@dataclass(slots=True, eq=False)
class Kept:
    """All of it. It outlives a reboot."""

    key: bytes | None = None  # of the certificate that was asked for, PEM
    own: Own | None = None
    certificates: list[Installed] = field(default_factory=list)
    displays: dict[int, Payload] = field(default_factory=dict)
    monitors: dict[int, Monitor] = field(default_factory=dict)
    monitoring_level: int = 9
    monitors_set: int = 0
    events_told: int = 0
    published: dict[str, bool] = field(default_factory=dict)  # checksum: whether it is published already
    tariffs: dict[int, Payload] = field(default_factory=dict)  # by EVSE, 0 is all
    controls: dict[str, Payload] = field(default_factory=dict)  # SetDERControl requests by controlId
    running_controls: set[str] = field(default_factory=set)  # those that are no defaults, and have begun
