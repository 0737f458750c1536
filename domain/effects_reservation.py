"""Whether a reservation was made, or cancelled (conformance D.3).

No status names the reservation it is of: a connector that becomes Reserved where one was asked for, or one that was
Reserved and is Available, is taken for it. Transactions and reservation updates name theirs.
"""

from domain.evidence import CONFIRMED, NOT_OBSERVED, Message, statuses
from domain.models import Command

SHOWN_BY = ("StatusNotification", "NotifyEvent", "ReservationStatusUpdate")
USED_BY = ("StartTransaction", "TransactionEvent")


def made(command: Command, message: Message) -> str | None:
    """A connector is Reserved, or a transaction uses it; it is gone before anybody saw it."""
    wanted = command.payload
    if "reservationId" in message.payload:
        if message.payload["reservationId"] != wanted.get("id", wanted.get("reservationId")):
            return None
        return NOT_OBSERVED if message.action == "ReservationStatusUpdate" else CONFIRMED
    place = wanted.get("evseId", wanted.get("connectorId"))
    is_there = any(
        status == "Reserved" and (not place or place == (connector if evse is None else evse))
        for evse, connector, status in statuses(message)
    )
    return CONFIRMED if is_there else None


def cancelled(command: Command, message: Message) -> str | None:
    """A connector that was Reserved is Available, or the charge point says that it is gone."""
    if message.action == "ReservationStatusUpdate":
        return CONFIRMED if message.payload["reservationId"] == command.payload.get("reservationId") else None
    before = message.charge_point.connectors
    for evse, connector, status in statuses(message):
        known = before.get(f"{connector}" if evse is None else f"{evse}.{connector}")
        if status == "Available" and known is not None and known.status == "Reserved":
            return CONFIRMED
    return None
