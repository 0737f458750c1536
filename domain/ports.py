"""The ports: what the apps need of the world, a few methods each. `adapters` fills them in.

All of them are synchronous. An adapter that can't reach its service raises what the service's client raises;
the queue retries. Each port has its contract tests in tests/adapters/test_contracts.py, run against every adapter.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from domain.models import (
    Boot,
    ChargePoint,
    Claim,
    Command,
    CommandState,
    Connection,
    ConnectorState,
    ContractCheck,
    IdToken,
    Proven,
    Revocation,
    Route,
    Transaction,
    TransactionEvent,
)

if TYPE_CHECKING:
    from domain.tariffs import Tariff  # takes long to import, and most records have nothing to do with it


class RowChangedError(Exception):
    """The row is no longer what the decision was made on (or is gone): read it again and decide again."""


class PacketTooLargeError(Exception):
    """The broker takes no packet of this size: nothing was handed over, and trying again won't help."""


NOTHING_PROVEN = Proven()


class Admissions(Protocol):
    """The registry as the gateway sees it."""

    def find(self, charge_point_id: str) -> ChargePoint | None:
        """The row, read consistently."""

    def find_in_any_case(self, charge_point_id: str) -> ChargePoint | None:
        """The row whose id differs at most in case: identities of OCPP 2.x compare so (P2 2.1.4)."""

    def connect(
        self, charge_point_id: str, connection: Connection, credential_version: int, proven: Proven = NOTHING_PROVEN
    ) -> Connection | None:
        """The one write of a connect; returns the connection it replaces, ended or not.

        Raises:
            RowChangedError: the row is gone, disabled, has other credentials, an epoch that is not older, or a
                higher profile was proven meanwhile.
        """

    def seen(self, charge_point_id: str, epoch: int, at: datetime) -> None:
        """Keep when the charge point was seen last; nothing happens if the row has another epoch, or it has ended."""

    def renew_lease(self, gateway: str, until: datetime) -> None:
        """Say that this gateway is alive until then."""


class Registry(Protocol):
    """The registry as everybody else sees it."""

    def find_many(self, charge_point_ids: Iterable[str]) -> dict[str, ChargePoint]:
        """The rows that exist, read consistently, by id."""

    def add(self, charge_point: ChargePoint) -> bool:
        """Create the row unless it exists (then only a missing thing id is filled in); whether it was created.

        A row of an earlier thing, by `created_at`, is replaced as a whole. None is created of a thing that `remove`
        was told of before, nor one whose id would differ from another's in case only: in 2.x they are the same
        charge point (G-13).
        """

    def remove(self, charge_point_id: str, thing_id: str) -> ChargePoint | None:
        """Remove the row if it belongs to this thing; returns what was removed. The thing never comes back."""

    def is_alive(self, gateway: str, now: datetime) -> bool:
        """Whether the gateway's lease runs."""


class Passwords(Protocol):
    """Passwords while they change (A-38, A-39). Hashes only, as `domain.credentials` makes them."""

    def rotate(self, charge_point_id: str, next_hash: str, *, until_used: bool = False) -> bool:
        """Accept this password beside the one that is, until one of them is used, or (`until_used`) until this one is.

        False if there is no such row.
        To be called before the charge point is told: its answer may get lost.
        """

    def settle(self, charge_point_id: str, next_hash: str, is_accepted: bool | None) -> bool:
        """The charge point said yes: from now on only the next password counts; or no: only the one it had.

        Or later (None): both count until the next one is used.
        False (and nothing changed) if it is settled already, by a connect or by another rotation.
        """

    def expect_profile(self, charge_point_id: str, security_profile: int | None) -> bool:
        """Expect this security profile from now on beside the one that was proven, or any; False without such a row."""


class Observations(Protocol):
    """What charge points and gateways report about a row. None of them creates a row."""

    def booted(self, charge_point_id: str, boot: Boot) -> None:
        """Keep the boot data unless newer ones are kept already."""

    def connector(self, charge_point_id: str, connector: str, state: ConnectorState) -> bool:
        """Keep a connector's status unless a newer one is kept already; whether anything changed but the time."""

    def connected(self, charge_point_id: str, epoch: int) -> None:
        """Tell of the connect of that epoch, once, unless there was another since; `disconnected` tells it else."""

    def disconnected(self, charge_point_id: str, epoch: int, at: datetime, last_seen: datetime | None = None) -> bool:
        """Mark the connection of that epoch as ended; False if the row has another epoch or was marked before.

        `last_seen` is when anything came over it, None to leave what is known.
        """

    def links_of(self, gateway: str) -> int:
        """How many links of this gateway there are to look through; they are numbered from 0."""

    def connected_to(self, gateway: str, link: int) -> Iterable[ChargePoint]:
        """The charge points whose connection is by this link of this gateway and has not ended."""


class IdTokens(Protocol):
    """The id tokens the house knows."""

    def find(self, id_token: str, partner: str | None = None) -> IdToken | None:
        """The token of a partner, or of the house, compared case-insensitively."""

    def put(self, id_token: IdToken) -> None:
        """Add or replace a token."""


class Transactions(Protocol):
    """Transactions of all versions. Every write is idempotent by its natural key."""

    def begin(self, start: Transaction) -> Transaction:
        """Open a 1.6 transaction and allocate its id.

        `start.transaction_id` is ignored. The natural key is (charge point, connector, started_at, id_token,
        meter_start_wh): the same key returns the stored transaction with the id it has, unless its clock stands
        still (domain.transactions.is_another). Ids are positive int32, unique over all charge points and never used
        again.
        """

    def finish(self, stop: Transaction) -> Transaction:
        """End a 1.6 transaction with the stop's fields; the first stop wins; returns what is stored.

        For an id this charge point has no transaction of, the stop is kept as an orphan: ended, never started.
        """

    def record(self, event: TransactionEvent) -> Transaction:
        """Store a 2.x event once and merge its facts; any order gives the same transaction; returns it.

        The same event is one with the same seq_no, time and type: some clients give all their events the number 0.

        Merging: a fact that is None says nothing. Start facts come from any event that has them and don't change
        after; latest facts (charging_state, connector, energy, power, soc) follow the device's time; end facts
        come from the Ended event.
        """

    def sample(self, sampled: Transaction, values: Sequence[dict[str, Any]] = ()) -> Transaction | None:
        """Keep meter values, and merge latest facts (energy, power, soc at `sampled_at`) into a transaction.

        Returns it. The values are kept even if there is no such transaction; it isn't created.
        """

    def find(self, charge_point_id: str, transaction_id: str) -> Transaction | None:
        """One transaction."""


class TransactionHistory(Protocol):
    """What was said about transactions, what they cost, and which tokens are in use."""

    def told(self, charge_point_id: str, transaction_id: str) -> Sequence[dict[str, Any]]:
        """The payloads of its 2.x events by seq_no and time, or the meter values of 1.6 by time."""

    def note_token(self, transaction: Transaction) -> None:
        """Note that its token started this transaction."""

    def with_token(self, id_token: str) -> Sequence[Transaction]:
        """The transactions noted for a token, without regard to case, that are open."""

    def newest(self, charge_point_id: str, connector: str, by: datetime) -> Transaction | None:
        """The newest transaction of a connector (2.x: of an EVSE) that had begun by then."""

    def price(
        self, charge_point_id: str, transaction_id: str, cost_of: Callable[[Transaction], dict[str, Any] | None]
    ) -> Transaction | None:
        """Keep what a transaction costs, and return it; `cost_of` is asked again if it changes meanwhile."""

    def give_up(self, transaction: Transaction, at: datetime) -> Transaction | None:
        """Wait no longer for the end of a transaction, as if another had begun then; a late end still counts."""


class Tariffs(Protocol):
    """Tariffs, in versions that are never changed."""

    def versions(self, tariff_id: str) -> "Sequence[Tariff]":
        """The versions of a tariff, oldest first."""

    def put(self, tariff: "Tariff") -> bool:
        """Add a version; False unless it is the same again, or newer than the others and in their currency."""


class Commands(Protocol):
    """Commands and their answers, kept 90 days."""

    def add(self, command: Command) -> None:
        """Store a new command."""

    def find(self, command_id: str) -> Command | None:
        """One command, read consistently."""

    def move(self, command_id: str, state: CommandState, **answer: Any) -> Command | None:
        """Take a command that is not final to `state`; keyword arguments are fields of `Command` to set.

        Returns the command as stored now, or None if there is no such command. A command that is final keeps its
        state and its answer.
        """

    def note(self, command_id: str, **facts: Any) -> None:
        """Set what became known beside the state, which stays: fields of `Command` such as `late_answer`."""

    def of_charge_point(
        self, charge_point_id: str, limit: int, after: tuple[datetime, str] | None = None
    ) -> Sequence[Command]:
        """The newest commands of a charge point, newest first, after the one created then with this id."""


class CommandLines(Protocol):
    """Lines of commands that wait: for their charge point to connect, or for another command to be accepted."""

    def put(self, line: str, command: Command) -> None:
        """Put a stored command into a line."""

    def waiting(self, line: str) -> Sequence[str]:
        """The ids of the commands in a line, oldest first, read consistently."""

    def take(self, line: str, command_id: str) -> bool:
        """Take a command out of a line; False if somebody else did. Who took it out may send it, nobody else."""


class CommandGuards(Protocol):
    """What keeps a command from being issued twice, or too often."""

    def claim(self, key: str, claim: Claim, now: datetime, until: datetime) -> Claim:
        """Claim a key unless it is claimed already; returns the claim that holds, which it does `until` then."""

    def spend(self, bucket: str, per_minute: int, now: datetime) -> float:
        """Take one of so many per minute; 0 if there was one, else how many seconds until there is."""


class Reports(Protocol):
    """Everything else charge points tell: reports, events, notifications. Kept as they came."""

    def keep(self, charge_point_id: str, action: str, key: str, payload: dict[str, Any], at: datetime) -> None:
        """Keep a payload under (charge point, action, key); the same key again replaces it."""

    def of_charge_point(self, charge_point_id: str, action: str, prefix: str = "") -> Sequence[dict[str, Any]]:
        """The payloads kept, by key; only those whose key begins so."""


class CsrRefusedError(Exception):
    """A certificate signing request that is not to be signed; the text says why."""


class Contracts(Protocol):
    """The contracts of vehicles that charge by plugging in (ISO 15118)."""

    def check(self, chain: str, id_token: str, now: datetime) -> ContractCheck:
        """Whether this PEM chain, leaf first, is of this eMAID and leads to a root that is trusted."""

    def responders(self, chain: str) -> Iterable[tuple[dict[str, Any], str]]:
        """The hashes (CertificateHashDataType) of each certificate of a chain that names a responder, and its URL."""


class Responders(Protocol):
    """OCSP responders, who know which certificates are revoked; `certificate` is a CertificateHashDataType of 2.x."""

    def ask(self, certificate: dict[str, Any], url: str) -> bytes | None:
        """The answer of the responder at this URL, in DER, not verified; None without one."""

    def judge(self, certificate: dict[str, Any], url: str, now: datetime) -> Revocation:
        """What the responder at this URL says, if that can be believed."""


class CertificateSigner(Protocol):
    """Signs the certificates charge points ask for."""

    def check(self, csr: str, names: Collection[str]) -> None:
        """Look at a request; its common name must be one of these.

        Raises:
            CsrRefusedError: it is none, or none for this charge point.
        """

    def sign(self, csr: str, names: Collection[str], now: datetime) -> str:
        """Sign it: the PEM chain, leaf first, without the root.

        Raises:
            CsrRefusedError: as `check`.
        """


class Outbound(Protocol):
    """The way to charge points and gateways. Returns when the broker took the message."""

    def publish(
        self,
        charge_point_id: str,
        frame: str,
        route: Route,
        *,
        epoch: int | None = None,
        deadline: datetime | None = None,
        expires_in_s: int,
    ) -> None:
        """Publish a frame on `<id>/out`: answers carry the `epoch` of their CALL, commands their `deadline`."""

    def evict(self, gateway: str, charge_point_id: str, epoch: int) -> None:
        """Tell a gateway to close that charge point's socket if it is not younger than `epoch`."""


class Shadows(Protocol):
    """Device shadows: a projection of the registry row."""

    def report(self, charge_point_id: str, reported: dict[str, Any]) -> None:
        """Merge into `reported` of the classic shadow."""


class ShadowRepairs(Protocol):
    """Where shadows wait that could not be written, or are too many to be written now."""

    def ask(self, charge_point_id: str) -> None:
        """Have the shadow written again from what the row says then."""

    def ask_link(self, gateway: str, link: int) -> None:
        """Have those taken offline whom this link of a gateway carried that is gone."""


class Deferrals(Protocol):
    """The way back into the queue of the incoming messages."""

    def put_off(self, records: Sequence[tuple[str, int]]) -> None:
        """Have each of these records come again after so many seconds, 900 at most; returns when all are there."""


class LargeFrames(Protocol):
    """The way to the processors for frames the broker does not take."""

    def send(self, record: str) -> None:
        """Put a record on the queue of the incoming messages; returns when it is there."""


class DeadLetters(Protocol):
    """Where records end that can't be processed."""

    def bury(self, queue: str, body: str, reason: str) -> None:
        """Put a record of this queue aside, with what went wrong."""


class Message(NamedTuple):  # one is made for each message: a frozen dataclass takes five times as long
    """What arrived on a subscribed topic; `properties` are the MQTT 5 user properties, the last one of a name wins."""

    topic: str
    payload: bytes
    properties: dict[str, str]


class Sender(Protocol):
    """A way to publish on one topic with the same properties every time, see `Link.publish`."""

    def __call__(self, payload: bytes, acknowledged: Callable[[], None] | None = None, /) -> bool: ...


class Link(Protocol):
    """One MQTT connection of the gateway (asyncio; everything but `run` and `close` is called on its loop).

    QoS 1 both ways. While the connection is down, publishes wait in a bounded buffer and subscriptions are kept;
    a reconnect subscribes again and resends what was not acknowledged, in order.
    """

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted the connection and it is still up."""

    @property
    def outstanding(self) -> int:
        """How many messages are not acknowledged yet, in flight or waiting."""

    def publish(
        self,
        topic: str,
        payload: bytes,
        properties: Sequence[tuple[str, str]] = (),
        acknowledged: Callable[[], None] | None = None,
    ) -> bool:
        """Hand a message over; False (and nothing taken) if the buffer is full or the link is closing.

        `acknowledged` follows the PUBACK; it is not called for a message that the broker refused.

        Raises:
            PacketTooLargeError: the broker would not take a packet of this size.
        """

    def sender(self, topic: str, properties: Sequence[tuple[str, str]] = ()) -> Sender:
        """For whoever publishes often: `publish` without saying topic and properties each time."""

    def subscribe(
        self, topic: str, on_message: Callable[[Message], None], subscribed: Callable[[], None] | None = None
    ) -> None:
        """Subscribe to one topic; `subscribed` is called once, after the first SUBACK."""

    def unsubscribe(self, topic: str) -> None:
        """Stop; messages of the topic that still arrive are acknowledged and dropped."""

    async def run(self) -> None:
        """Connect and stay connected, with jittered backoff, until `close`."""

    async def close(self, flush_s: float) -> None:
        """Wait at most `flush_s` for outstanding acknowledgements, then disconnect cleanly (no last will)."""
