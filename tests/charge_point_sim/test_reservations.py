"""Connectors that are kept for somebody."""

from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.parts import Token
from ocppj import timestamps
from ocppj.versions import V16, V201, Version
from tests.charge_point_sim.script import NOW, Wire

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=str)
UNTIL = timestamps.write(NOW.replace(hour=13))


def _reserve(wire: Wire, number: int = 1, reservation_id: int = 5, until: str = UNTIL) -> str:
    payload: dict[str, Any] = {"id": reservation_id, "expiryDateTime": until, "evseId": number}
    payload["idToken"] = {"idToken": "MINE", "type": "Central"}
    if wire.script.version is V16:
        payload = {"reservationId": reservation_id, "expiryDate": until, "connectorId": number, "idTag": "MINE"}
    return str(wire.order("ReserveNow", **payload)["status"])


def _arrive(wire: Wire, token: str) -> None:
    wire.act(lambda: sessions.arrive(wire.cp, wire.cp.connectors[0], Token(token)))
    wire.run(5)


@BOTH
def test_a_kept_connector_charges_nobody_else(version: Version) -> None:
    wire = Wire(version).boot()

    status = _reserve(wire)
    _arrive(wire, "OTHER")

    assert status == "Accepted"
    assert "1 Reserved" in wire.script.said()
    assert wire.cp.connectors[0].session is None


@BOTH
def test_the_right_token_uses_the_reservation_up_and_says_so(version: Version) -> None:
    wire = Wire(version).boot()
    _reserve(wire)

    _arrive(wire, "Mine")
    again = wire.order("CancelReservation", reservationId=5)

    starts = wire.script.payloads("StartTransaction") + wire.script.payloads("TransactionEvent")
    assert starts[0]["reservationId"] == 5
    assert again == {"status": "Rejected"}


@BOTH
def test_a_reservation_ends_when_it_is_too_late(version: Version) -> None:
    wire = Wire(version).boot()
    _reserve(wire)

    wire.run(3601)

    assert "1 Available" in wire.script.said()
    assert [update["reservationUpdateStatus"] for update in wire.script.payloads("ReservationStatusUpdate")] == (
        [] if version is V16 else ["Expired"]
    )


@BOTH
def test_a_cancelled_reservation_frees_the_connector(version: Version) -> None:
    wire = Wire(version).boot()
    _reserve(wire)

    answer = wire.order("CancelReservation", reservationId=5)

    assert answer == {"status": "Accepted"}
    assert wire.script.said()[-1] == "1 Available"


@BOTH
def test_the_same_reservation_may_move_to_another_connector(version: Version) -> None:
    wire = Wire(version).boot()
    _reserve(wire)

    moved = _reserve(wire, number=2)

    assert moved == "Accepted"
    assert wire.script.said() == ["1 Reserved", "1 Available", "2 Reserved"]
    assert [bool(connector.reservation) for connector in wire.cp.connectors] == [False, True]


@BOTH
def test_what_can_not_be_kept_is_refused(version: Version) -> None:
    wire = Wire(version).boot()
    _arrive(wire, "OTHER")

    statuses = [_reserve(wire), _reserve(wire, number=9), _reserve(wire, number=2, until=timestamps.write(NOW))]

    assert statuses == ["Occupied", "Rejected", "Rejected"]


@BOTH
def test_a_connector_that_is_broken_or_out_of_operation_is_not_kept(version: Version) -> None:
    wire = Wire(version).boot()
    _arrive(wire, "SOMEBODY")
    wire.act(lambda: sessions.stop(wire.cp, wire.cp.connectors[0], "fault"))
    wire.run(1)
    action, payload = _out(version, 2)
    wire.order(action, **payload)

    assert (_reserve(wire, 1), _reserve(wire, 2)) == ("Faulted", "Unavailable")


@BOTH
def test_what_goes_out_of_operation_is_kept_for_nobody(version: Version) -> None:
    wire = Wire(version).boot()
    _reserve(wire)

    action, payload = _out(version, 1)
    wire.order(action, **payload)

    told = wire.script.payloads("ReservationStatusUpdate")
    assert [each["reservationUpdateStatus"] for each in told] == ([] if version is V16 else ["Removed"])
    assert wire.order("CancelReservation", reservationId=5) == {"status": "Rejected"}
    assert wire.script.said()[-1] == "1 Unavailable"


def _out(version: Version, number: int) -> tuple[str, dict[str, Any]]:
    if version is V16:
        return "ChangeAvailability", {"connectorId": number, "type": "Inoperative"}
    return "ChangeAvailability", {"evse": {"id": number}, "operationalStatus": "Inoperative"}
