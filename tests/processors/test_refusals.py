"""Refused handshakes, connections that ended, and CALLs that were refused: kept for the doctor."""

from datetime import UTC, datetime
from typing import Any

from domain.refusals import NAMELESS, STRANGERS, skeleton
from ocppj.frames import Call
from ocppj.versions import V16
from processors import inbox
from tests.processors.house import House


def told(identity: str, reason: str = "wrong_credentials", count: int = 1) -> dict[str, Any]:
    return {
        "event": "refused",
        "gateway": "g1",
        "refused": [
            {
                "identity": identity, "reason": reason, "status": 401, "text": "No.", "path": "/x",
                "peer": "10.0.0.1:5",
                "offered": ["ocpp1.6"], "count": count, "firstAt": "2026-11-21T09:12:00.000Z",
                "lastAt": "2026-11-21T09:20:00.000Z",
            }
        ],
    }  # fmt: skip


def test_a_refusal_that_is_told_again_has_grown_and_is_kept_once() -> None:
    house = House()
    house.process(told("CP 1", count=3))
    house.process(told("CP 1", count=14))

    assert [kept["count"] for kept in house.reports.of_charge_point("CP:201", "Refused")] == [14]


def test_refusals_without_an_identity_are_kept_apart() -> None:
    house = House()
    house.process(told("", "no_identity"))

    assert [kept["reason"] for kept in house.reports.of_charge_point(NAMELESS, "Refused")] == ["no_identity"]


def test_an_unknown_identity_is_found_by_one_that_looks_like_it() -> None:
    house = House()
    house.process(told("CP00l", "unknown"))
    house.process(told("CP002", "unknown"))

    found = house.reports.of_charge_point(STRANGERS, "Refused", f"{skeleton('CP001')}#")
    assert [kept["identity"] for kept in found] == ["CP00l"]


def test_a_connection_that_ended_is_kept_with_its_reason() -> None:
    house = House()
    house.register("CP-1")
    ended = {
        "event": "disconnected", "chargePointId": "CP-1", "epoch": 1795257600000, "gateway": "g1", "link": 1,
        "ocppVersion": "ocpp1.6", "reason": "silent", "at": "2026-11-21T11:00:00.000Z",
    }  # fmt: skip

    for queue in (inbox.INCOMING, inbox.INCOMING, inbox.DISCONNECTED):
        house.process(ended, queue=queue)

    (kept,) = house.reports.of_charge_point("CP-1", "Connection")
    assert (kept["reason"], kept["connectedAt"]) == ("silent", "2026-11-21T10:40:00.000Z")


def test_a_call_that_was_refused_is_kept_with_the_field_that_was_wrong() -> None:
    house = House()
    house.register("CP-1", V16)

    house.send("CP-1", Call("1", "StatusNotification", {"connectorId": 1, "status": "Available"}))

    (kept,) = house.reports.of_charge_point("CP-1", "CallRefused")
    assert (kept["action"], kept["pointer"]) == ("StatusNotification", "/errorCode")


def test_how_far_a_clock_is_ahead_is_kept_with_the_status() -> None:
    house = House()
    house.register("CP-1", V16)
    ahead = house.now.replace(microsecond=0).timestamp() + 7200
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}

    at = datetime.fromtimestamp(ahead, UTC).isoformat()
    house.send("CP-1", Call("1", "StatusNotification", status | {"timestamp": at}))

    skew_s = house.row("CP-1").connectors["1"].skew_s
    assert skew_s is not None
    assert 7190 < skew_s <= 7200
