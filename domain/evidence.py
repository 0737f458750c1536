"""What a charge point did, as far as it may show the effect of a command; and what is kept of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.models import ChargePoint, Command
from ocppj import timestamps

Payload = dict[str, Any]

CONFIRMED, NOT_OBSERVED = "confirmed", "not_observed"

CONNECT = "Connect"  # no message of OCPP, but some effects show in it


@dataclass(frozen=True, slots=True)
class Message:
    """What a charge point sent, what we answered, and its row as it was then.

    The action of a connect is CONNECT; its row is what the connect made of it. Of an answer to a command the payload
    is the command's, the answer the charge point's own, and `asked_at` is when it was asked.
    """

    action: str
    payload: Payload
    answer: Payload
    received_at: datetime
    charge_point: ChargePoint
    asked_at: datetime | None = None


def connect(row: ChargePoint, at: datetime) -> Message:
    """That it has connected: the highest profile of a row is that of its last connect, for a lower one is refused."""
    return Message(CONNECT, {"securityProfile": row.highest_profile}, {}, at, row)


def kept(message: Message) -> Payload:
    """What is kept of a message that shows an effect."""
    told = {name: message.payload[name] for name in _TOLD if name in message.payload}
    transaction = message.payload.get("transactionInfo", message.answer).get("transactionId")
    if transaction is not None:
        told["transactionId"] = transaction
    return {"action": message.action, "receivedAt": timestamps.write(message.received_at)} | told


def sent_at(command: Command) -> datetime:
    """When the command was sent."""
    return command.sent_at or command.created_at


def is_new_connection(command: Command, message: Message) -> bool:
    """Whether the charge point has connected since the command was sent."""
    connection = message.charge_point.connection
    return connection is not None and connection.connected_at > sent_at(command)


def statuses(message: Message) -> Iterator[tuple[int | None, int | None, str]]:
    """EVSE, connector and status of what a message says of connectors; 1.6 has no EVSEs."""
    said = message.payload
    if message.action == "StatusNotification":
        yield said.get("evseId"), said.get("connectorId"), str(said.get("connectorStatus", said.get("status")))
    for data in said.get("eventData", ()):
        evse = data["component"].get("evse", {})
        if data["variable"]["name"].lower() == "availabilitystate":
            yield evse.get("id"), evse.get("connectorId"), str(data["actualValue"])


_TOLD = (
    "connectorId", "evse", "evseId", "status", "connectorStatus", "reason", "eventType", "triggerReason", "requestId",
    "transactionId", "timestamp", "reservationId", "reservationUpdateStatus", "securityProfile", "type",
)  # fmt: skip
