"""The nouns: charge points, connections, transactions, id tokens, commands.

Frozen values; whoever changes one makes a new one. Times are aware UTC, energies Wh.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ocppj.versions import Version


class Registration(StrEnum):
    """What BootNotification is answered with (S16 §7.34)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class Connection:
    """Who holds, or last held, the socket of a charge point.

    `epoch` grows with every connect of that charge point (ms since 1970, at least the last one + 1) and fences
    out everything an older socket left behind. `last_seen` is when anything came from it, as of the last time that
    was written: with the disconnect, and every six hours.
    """

    version: Version
    gateway: str
    link: int
    epoch: int
    connected_at: datetime
    disconnected_at: datetime | None = None
    last_seen: datetime | None = None
    certificate_name: str | None = None  # the common name of the client certificate (profile 3), for A-46
    certificate_serial: str | None = None  # its serial number, upper hexadecimal


@dataclass(frozen=True, slots=True)
class Proven:
    """What a charge point proved when it was let in; the write of its connect keeps it in the row.

    `password_hash` is what the row's hashes become, None where they stay. `is_downgrade` says that the operator's
    leave to come with a lower profile was needed; it is used up by that.
    """

    profile: int = 0
    password_hash: str | None = field(default=None, repr=False)
    is_downgrade: bool = False


@dataclass(frozen=True, slots=True)
class Boot:
    """What a charge point says of itself in a BootNotification; `details` keeps the whole payload."""

    vendor: str
    model: str
    at: datetime
    serial_number: str | None = None
    firmware: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectorState:
    """The last status of a connector, by the device's own clock, which was `skew_s` ahead of ours (below 0: behind)."""

    status: str
    at: datetime
    error_code: str | None = None
    skew_s: float | None = field(default=None, compare=False)  # no news about the connector


@dataclass(frozen=True, slots=True)
class ChargePoint:
    """A registry row.

    `connectors` is keyed "<connectorId>" in 1.6 ("0" is the charge point) and "<evseId>.<connectorId>" in 2.x.
    `credential_version` grows with every change of the credentials and of what is expected of them; a connect is
    conditional on it. While a password is being changed both hashes count, until one is used (A-39); or until the next
    one is, if the charge point is known to use it later only (`awaits_next_password`).
    `security_profile` is what the operator configured, None for any; `highest_profile` is the highest proven.
    `serial_number` is the common name its certificate must have; `certificate_names` are others that will do: its
    identity, or those of local controllers (A-57). `default_version` is spoken when it offers none (A-14).
    `tariff_id` is what charging costs here, unless the token has a tariff of its own (domain/tariffs.py).
    `ping_interval_s` is for connections that need other pings than most, 0 for none; `command_timeout_s` for charge
    points that need another time than most for their answers to commands.
    `partner` is whose it is, None the house's own; `site` and `vendor_profile` are the operator's words.
    """

    charge_point_id: str
    thing_id: str = ""
    created_at: datetime | None = None
    registration: Registration = Registration.ACCEPTED
    disabled: bool = False
    password_hash: str | None = None
    next_password_hash: str | None = None
    awaits_next_password: bool = False
    credential_version: int = 0
    security_profile: int | None = None
    highest_profile: int = 0
    allow_downgrade: bool = False
    serial_number: str | None = None
    certificate_names: tuple[str, ...] = ()
    default_version: Version | None = None
    tariff_id: str | None = None
    ping_interval_s: int | None = None
    command_timeout_s: int | None = None
    partner: str | None = None
    site: str | None = None
    vendor_profile: str | None = None
    connection: Connection | None = None
    boot: Boot | None = None
    connectors: dict[str, ConnectorState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IdToken:
    """An id token known to the house; `id_token` is lower case, for tokens compare case-insensitively (B-24).

    `kind` is the 2.x type, None for any. `allowed` says where it may be used, as "<charge point>" or
    "<charge point>/<EVSE or connector>"; empty is everywhere. A prepaid one is kept out of authorization caches.
    `partner` is whose it is, None the house's own: partners may have the same token, and know nothing of each other's.
    No table here has balances or the kinds of EVSEs: NoCredit and NotAllowedTypeEVSE are said of tokens whose status
    is that (C-25, C-27).
    """

    id_token: str
    status: str = "Accepted"  # Accepted, Blocked, Invalid, or another of 2.x; Expired follows from expires_at
    expires_at: datetime | None = None
    group_id: str | None = None
    kind: str | None = None
    allowed: tuple[str, ...] = ()
    is_prepaid: bool = False
    tariff_id: str | None = None
    partner: str | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """One charging session, whatever the version.

    `transaction_id` is the station's own string in 2.x and the decimal form of the int we allocated in 1.6.
    `started_at` is None while only later events have arrived; `meter_stop_wh`/`ended_at` are None while it runs.
    `energy_wh` is the newest register reading, taken at `sampled_at` (device time), `first_energy_wh` the oldest.
    The other fields are what was said; `billed_wh` and `rules` are what is made of it (domain/reconciler.py).
    `tariff_id` is what it is billed by, where that is settled, and `cost` how its cost came about (domain/tariffs.py).
    """

    charge_point_id: str
    transaction_id: str
    version: Version
    connector: str | None = None  # as ChargePoint.connectors is keyed
    id_token: str | None = None
    id_token_type: str | None = None
    id_token_status: str | None = None
    started_at: datetime | None = None
    meter_start_wh: int | None = None
    ended_at: datetime | None = None
    meter_stop_wh: int | None = None
    stop_reason: str | None = None
    stop_id_token: str | None = None
    charging_state: str | None = None
    energy_wh: float | None = None
    power_w: float | None = None
    soc_percent: float | None = None
    sampled_at: datetime | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    first_energy_wh: float | None = None
    first_sampled_at: datetime | None = None
    start_received_at: datetime | None = None
    stop_received_at: datetime | None = None
    next_started_at: datetime | None = None  # when the next of its connector began, or nobody waited any longer
    start_number: int | None = None  # of 1.6 starts that all look the same, from 2 on
    event_numbers: str | None = None  # the seqNos of 2.x events that arrived: "0..4,6"
    billed_wh: int | None = None
    rules: tuple[str, ...] = ()
    tariff_id: str | None = None
    cost: dict[str, Any] | None = None
    partner: str | None = None  # whose charge point it was at

    @property
    def is_open(self) -> bool:
        """Whether it still runs: it has not ended, and its connector has not gone on to another."""
        return self.ended_at is None and self.next_started_at is None

    @property
    def is_complete(self) -> bool:
        """Whether everything about it has arrived (2.0.1 part 2 E, 1.3.2)."""
        is_gapless = self.event_numbers is None or "," not in self.event_numbers
        return self.started_at is not None and self.ended_at is not None and is_gapless


@dataclass(frozen=True, slots=True)
class TransactionEvent:
    """One 2.x TransactionEvent as stored: the natural key is (charge point, transaction, seq_no).

    `facts` says what this event states about the transaction; a None in it states nothing.
    """

    seq_no: int
    event_type: str  # Started, Updated, Ended
    trigger_reason: str
    at: datetime
    offline: bool
    facts: Transaction
    payload: dict[str, Any]


class ContractCheck(StrEnum):
    """What became of a look at a contract certificate, in the words of 2.x (`certificateStatus`)."""

    TRUSTED = "Accepted"
    EXPIRED = "CertificateExpired"
    REVOKED = "CertificateRevoked"
    UNTRUSTED = "CertChainError"


class Revocation(StrEnum):
    """What an OCSP responder says of a certificate, in the words of 2.1; FAILED if nobody says anything to believe."""

    GOOD = "Good"
    REVOKED = "Revoked"
    UNKNOWN = "Unknown"
    FAILED = "Failed"


class CommandState(StrEnum):
    """queued = stored, sent = the broker took it; the others are final, but for a late answer beside `timeout`."""

    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ERROR = "error"
    TIMEOUT = "timeout"
    NOT_CONNECTED = "not_connected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return self not in (CommandState.QUEUED, CommandState.SENT)


@dataclass(frozen=True, slots=True)
class Command:
    """What an operator wants a charge point to do; `command_id` is also the OCPP message id (a UUID).

    `answer` is the charge point's own words: the CALLRESULT's payload, or {"code", "description", "details"} of
    its CALLERROR. An answer that came after the time-out is kept in `late_answer` and changes nothing else.
    `queued_until` is set on a command that waits for its charge point to connect, or for the part before it: until
    then it may be sent, and its deadline is moved when it is. `evidence` is what the charge point did about it later.
    Secrets in the payload are masked: they are sent, never stored. `profile_before` is the security profile the charge
    point had proven when it was sent a command that sets one.
    """

    command_id: str
    charge_point_id: str
    action: str
    payload: dict[str, Any]
    version: Version
    state: CommandState
    created_at: datetime
    deadline: datetime
    issued_by: str | None = None
    answer: dict[str, Any] | None = None
    answered_at: datetime | None = None
    late_answer: dict[str, Any] | None = None
    queued_until: datetime | None = None
    sent_at: datetime | None = None
    part_before: str | None = None
    part_after: str | None = None
    effect: str | None = None  # confirmed or not_observed, once that is known
    evidence: dict[str, Any] | None = None
    profile_before: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What an idempotency key stands for: the command it made, and a digest of the request that made it."""

    command_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Route:
    """Where a charge point's socket is: which gateway, which of its links. Scale modes publish per link."""

    gateway: str
    link: int
