"""What happened, for whoever is not in the house: billing, apps, roaming, a pager. The words are in docs/events.md.

An event is written in one transaction with the fact it tells of, so there is none without the other. Its id follows
from the natural key of the fact: however often it is delivered, it is the same. Events of a charge point are numbered
without a gap. The first number is the time in seconds, so that numbers go on growing after old events have expired.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID, uuid5

from domain.models import Boot, Command, Connection, ConnectorState, Transaction
from ocppj import timestamps

Payload = dict[str, Any]

VERSION = 1  # of the JSON; members may be added to it, none changes its meaning

_QUARTER_S = 900
_READINGS = frozenset({"energyWh", "registerWh", "powerW", "socPercent", "sampledAt", "remarks", "cost"})

_NAMESPACE = UUID("6d0a5a63-2c0d-5d0f-9b39-0c2f1c1c6f10")  # of our events' ids (UUID version 5)


class EventType(StrEnum):
    """What may happen."""

    TRANSACTION_STARTED = "transaction.started"
    TRANSACTION_UPDATED = "transaction.updated"
    TRANSACTION_ENDED = "transaction.ended"
    CONNECTOR_STATUS = "connector.status"
    CONNECTED = "charge_point.connected"
    DISCONNECTED = "charge_point.disconnected"
    BOOTED = "charge_point.booted"
    COMMAND_FINISHED = "command.finished"
    SECURITY_EVENT = "security.event"


@dataclass(frozen=True, slots=True)
class News:
    """An event that has no number yet. `key` is what tells it from others of its type at its charge point.

    Without a key its number does: of changes that are told one by one, each is another.
    """

    type: EventType
    data: Payload
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a charge point; `partner` is whose it is, `at` when it was written down."""

    id: str
    type: EventType
    charge_point_id: str
    sequence: int
    at: datetime
    partner: str | None = None
    data: Payload = field(default_factory=dict)

    def as_json(self) -> Payload:
        """As everybody gets it."""
        return {
            "id": self.id,
            "type": str(self.type),
            "version": VERSION,
            "chargePointId": self.charge_point_id,
            "partner": self.partner,
            "sequence": self.sequence,
            "at": timestamps.write(self.at),
            "data": self.data,
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events somebody wants; None is all. Whoever asks for a partner gets no other's."""

    partner: str | None = None
    charge_point_id: str | None = None
    types: frozenset[EventType] | None = None

    def takes(self, event: Event) -> bool:
        return (
            self.partner in (None, event.partner)
            and self.charge_point_id in (None, event.charge_point_id)
            and (self.types is None or event.type in self.types)
        )


class Events(Protocol):
    """The events that are stored, 90 days unless the house says otherwise."""

    def find(self, charge_point_id: str, sequence: int) -> Event | None:
        """One event."""

    def of_charge_point(self, charge_point_id: str, begin: datetime | None = None) -> Iterator[Event]:
        """The events of a charge point by their numbers, from a time on."""

    def since(self, begin: datetime, end: datetime, after: str = "") -> Iterator[Event]:
        """The events of all from a time on and before another, by time, after a `position`; read with a delay."""

    def positions(self, begin: datetime, end: datetime, after: str = "") -> Iterator[str]:
        """Where these events stand, in that order; as they are asked for, not all at once."""

    def at(self, positions: Sequence[str]) -> Iterator[Event]:
        """The events that stand there, in their order; 100 positions at most. What has expired is left out."""


def position(event: Event) -> str:
    """Where an event stands among those of all charge points: a text that sorts."""
    return f"{timestamps.write(event.at)}#{event.charge_point_id}#{event.sequence:015}"


def place(position: str) -> tuple[str, int]:
    """The charge point and the number in a position."""
    _, charge_point_id, sequence = position.split("#")
    return charge_point_id, int(sequence)


def numbered(
    news: Sequence[News], charge_point_id: str, partner: str | None, last: tuple[int, datetime] | None, at: datetime
) -> list[Event]:
    """The events, numbered on from the last one of their charge point, whose number and time that is; never earlier."""
    first = int(at.timestamp()) if last is None else last[0] + 1
    at = at if last is None else max(at, last[1])
    return [
        Event(_id_of(one, charge_point_id, number), one.type, charge_point_id, number, at, partner, one.data)
        for number, one in enumerate(news, first)
    ]


def _id_of(news: News, charge_point_id: str, number: int) -> str:
    key = f"#{number}" if news.key is None else news.key
    return str(uuid5(_NAMESPACE, f"{charge_point_id}\n{news.type}\n{key}"))


def of_transaction(
    before: Transaction | None, after: Transaction, signed: Callable[[], Sequence[Payload]] = lambda: ()
) -> list[News]:
    """What a write of a transaction tells. `signed` is asked for its signed meter values, once, when it ends.

    It has ended when it no longer runs: by its end, or because another began. What is learned after is an update.
    """
    found = []
    if after.started_at is not None and (before is None or before.started_at is None):
        found.append(EventType.TRANSACTION_STARTED)
    if not after.is_open and (before is None or before.is_open):
        found.append(EventType.TRANSACTION_ENDED)
    if not found and (before is None or _is_news(before, after)):
        found.append(EventType.TRANSACTION_UPDATED)
    return [_of_transaction(type_, after, signed) for type_ in found]


def _is_news(before: Transaction, after: Transaction) -> bool:
    """Whether what changed is worth an event; of readings, which may come each second, one in a quarter of an hour."""
    known, now = transaction_data(before), transaction_data(after)
    changed = {name for name in known.keys() | now.keys() if known.get(name) != now.get(name)}
    if not after.is_open or changed - _READINGS:
        return bool(changed)
    return after.sampled_at is not None and _quarter(before.sampled_at) != _quarter(after.sampled_at)


def _quarter(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp()) // _QUARTER_S


def _of_transaction(type_: EventType, after: Transaction, signed: Callable[[], Sequence[Payload]]) -> News:
    data = transaction_data(after)
    if type_ is EventType.TRANSACTION_ENDED:
        data["signedMeterValues"] = list(signed())
    return News(type_, data, None if type_ is EventType.TRANSACTION_UPDATED else after.transaction_id)


def transaction_data(transaction: Transaction) -> Payload:
    """A transaction as events tell it; what is unknown is left out. Energies in Wh."""
    told: Payload = {
        "transactionId": transaction.transaction_id,
        "ocppVersion": transaction.version.name,
        "connector": transaction.connector,
        "idToken": transaction.id_token,
        "idTokenType": transaction.id_token_type,
        "startedAt": _time(transaction.started_at),
        "meterStartWh": transaction.meter_start_wh,
        "chargingState": transaction.charging_state,
        "energyWh": transaction.billed_wh,
        "registerWh": transaction.energy_wh,
        "powerW": transaction.power_w,
        "socPercent": transaction.soc_percent,
        "sampledAt": _time(transaction.sampled_at),
        "endedAt": _time(transaction.ended_at),
        "meterStopWh": transaction.meter_stop_wh,
        "reason": transaction.stop_reason,
        "stopIdToken": transaction.stop_id_token,
        "remoteStartId": transaction.remote_start_id,
        "reservationId": transaction.reservation_id,
        "cost": transaction.cost,
    }
    return {name: value for name, value in told.items() if value is not None} | {"remarks": list(transaction.rules)}


def of_connector(connector: str, state: ConnectorState) -> News:
    """A connector has another status than before."""
    said = {"connector": connector, "status": state.status, "errorCode": state.error_code, "statusAt": _time(state.at)}
    return News(EventType.CONNECTOR_STATUS, {name: value for name, value in said.items() if value is not None})


def of_boot(boot: Boot) -> News:
    """A charge point booted."""
    said = {
        "vendor": boot.vendor, "model": boot.model, "serialNumber": boot.serial_number, "firmware": boot.firmware,
        "bootedAt": _time(boot.at), "reason": boot.details.get("reason"),
    }  # fmt: skip
    told = {name: value for name, value in said.items() if value is not None}
    return News(EventType.BOOTED, told, timestamps.write(boot.at))


def of_connect(connection: Connection) -> News:
    """A charge point connected."""
    told = {
        "ocppVersion": connection.version.name,
        "gateway": connection.gateway,
        "epoch": connection.epoch,
        "connectedAt": _time(connection.connected_at),
    }
    return News(EventType.CONNECTED, told, str(connection.epoch))


def of_disconnect(connection: Connection, at: datetime) -> News:
    """Its connection ended."""
    told = {"gateway": connection.gateway, "epoch": connection.epoch, "disconnectedAt": _time(at)}
    return News(EventType.DISCONNECTED, told, str(connection.epoch))


def of_command(command: Command) -> News | None:
    """A command is final; None while it is not."""
    if not command.state.is_final:
        return None
    told = {
        "commandId": command.command_id, "action": command.action, "state": str(command.state),
        "issuedBy": command.issued_by, "answer": command.answer,
    }  # fmt: skip
    said = {name: value for name, value in told.items() if value is not None}
    return News(EventType.COMMAND_FINISHED, said, command.command_id)


def of_report(action: str, key: str, payload: Payload) -> News | None:
    """A report that is worth an event: a security event (P2 A04)."""
    return News(EventType.SECURITY_EVENT, payload, key) if action == "SecurityEventNotification" else None


def _time(moment: datetime | None) -> str | None:
    return timestamps.write(moment) if moment is not None else None
