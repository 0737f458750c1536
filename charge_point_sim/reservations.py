"""Reservations: a connector kept for one id token until it comes, or until it is too late."""

from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.exchange import Message
from charge_point_sim.parts import Connector, Reservation
from charge_point_sim.trains import read_time
from ocppj.frames import Payload
from ocppj.versions import V16

_REFUSALS = {"Faulted": "Faulted", "Unavailable": "Unavailable"}


def reserve(cp: ChargePoint, number: int | None, reservation: Reservation) -> str:
    """Keep a connector; one with the same id is replaced. Says how it went, in the words all versions share."""
    connector = cp.connector(number)
    if connector is None or reservation.until <= cp.now or cp.registration != "Accepted":
        return "Rejected"
    old = _kept_as(cp, reservation.id)
    if old is not connector and not connector.is_free:
        return "Unavailable" if not connector.is_operative else _REFUSALS.get(connector.status, "Occupied")
    if old:
        _let_go(cp, old)
        if old is not connector and old.session is None:
            cp.rest(old)
    connector.reservation = reservation
    cp.show(connector, "Reserved")
    cp.timers.set(f"reservation {connector.number}", reservation.until, lambda: _expire(cp, connector))
    return "Accepted"


def cancel(cp: ChargePoint, reservation_id: int) -> bool:
    """Keep it no longer; False if there is no such reservation."""
    connector = _kept_as(cp, reservation_id)
    if connector is None:
        return False
    _let_go(cp, connector)
    cp.rest(connector)
    return True


def remove(cp: ChargePoint, connector: Connector) -> None:
    """The charge point itself ends a reservation, and says so where there is a message for it."""
    _end(cp, connector, "Removed")


def reserve_v16(cp: ChargePoint, payload: Payload) -> Payload:
    """ReserveNow of 1.6."""
    until = read_time(cp, payload["expiryDate"])
    reservation = Reservation(payload["reservationId"], payload["idTag"], until)
    return {"status": reserve(cp, payload["connectorId"], reservation)}


def reserve_v201(cp: ChargePoint, payload: Payload) -> Payload:
    """ReserveNow of 2.x; without an EVSE it is refused."""
    until = read_time(cp, payload["expiryDateTime"])
    reservation = Reservation(payload["id"], payload["idToken"]["idToken"], until)
    return {"status": reserve(cp, payload.get("evseId"), reservation)}


def cancel_any(cp: ChargePoint, payload: Payload) -> Payload:
    """CancelReservation of every version."""
    return {"status": "Accepted" if cancel(cp, payload["reservationId"]) else "Rejected"}


def _kept_as(cp: ChargePoint, reservation_id: int) -> Connector | None:
    return next((each for each in cp.connectors if each.reservation and each.reservation.id == reservation_id), None)


def _let_go(cp: ChargePoint, connector: Connector) -> None:
    connector.reservation = None
    cp.timers.cancel(f"reservation {connector.number}")


def _expire(cp: ChargePoint, connector: Connector) -> None:
    _end(cp, connector, "Expired")
    if connector.session is None:
        cp.rest(connector)


def _end(cp: ChargePoint, connector: Connector, why: str) -> None:
    reservation = connector.reservation
    if reservation is None:
        return
    _let_go(cp, connector)
    if cp.dialect.version is not V16:
        payload = {"reservationId": reservation.id, "reservationUpdateStatus": why}
        cp.exchange.put(Message("ReservationStatusUpdate", payload))
