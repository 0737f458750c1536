import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain import delivery
from domain.models import ChargePoint
from ocppj.versions import V16
from tests.remote_commands.desk import EPOCH, NOON, Desk

PATH = "/charge-points/CP1/commands/"
PASSWORD = {"key": "AuthorizationKey", "value": "736563726574"}


def offline() -> Desk:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.registry.disconnected("CP1", EPOCH, NOON)
    return desk


def reconnect(desk: Desk) -> ChargePoint:
    row = desk.registry.find_many(["CP1"])["CP1"]
    assert row.connection is not None
    again = replace(row.connection, epoch=row.connection.epoch + 1, connected_at=desk.clock.now, disconnected_at=None)
    desk.registry.connect("CP1", again, 0)
    return desk.registry.find_many(["CP1"])["CP1"]


def frames(desk: Desk) -> list[Any]:
    return [json.loads(published.frame)[1:] for published in desk.sent.published]


@pytest.mark.parametrize(("action", "body"), [("reset", {"ttlSeconds": 60}), ("Reset?ttlSeconds=60", {"type": "Soft"})])
def test_a_command_with_time_waits_for_a_charge_point_that_is_offline(action: str, body: Any) -> None:
    desk = offline()

    reply = desk.post(PATH + action, body)

    assert (reply.status, reply.body["state"], reply.body["deadline"]) == (202, "queued", None)
    assert reply.body["queuedUntil"] == "2026-11-21T12:01:00.000Z"
    assert (reply.headers["Location"], frames(desk)) == ("/commands/cmd-1", [])


def test_the_customers_own_addresses_take_time_too() -> None:
    desk = offline()

    reply = desk.post("/remote-start-transaction", {"chargePointId": "CP1", "idTag": "A", "ttlSeconds": 60})

    assert (reply.status, reply.body["state"]) == (202, "queued")


def test_what_waits_is_sent_when_it_connects() -> None:
    desk = offline()
    desk.post(PATH + "reset", {"ttlSeconds": 60})
    desk.clock.sleep(10)

    delivery.release("CP1", reconnect(desk), desk.ports.delivery())

    assert frames(desk) == [["cmd-1", "Reset", {"type": "Soft"}]]
    shown = desk.get("/commands/cmd-1").body
    assert (shown["state"], shown["deadline"]) == ("sent", "2026-11-21T12:00:40.000Z")


def test_what_waited_too_long_is_expired_though_nobody_said_so() -> None:
    desk = offline()
    desk.post(PATH + "reset", {"ttlSeconds": 60})

    desk.clock.sleep(61)

    assert desk.get("/commands/cmd-1").body["state"] == "expired"
    delivery.release("CP1", reconnect(desk), desk.ports.delivery())
    assert frames(desk) == []


def test_a_charge_point_that_connects_just_then_is_not_missed() -> None:
    desk = offline()
    desk.lines.on_put = lambda: reconnect(desk)

    reply = desk.post(PATH + "reset", {"ttlSeconds": 60})

    assert (reply.body["state"], len(frames(desk))) == ("sent", 1)


def test_a_charge_point_that_is_there_gets_it_at_once() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post(PATH + "reset", {"ttlSeconds": 60})

    assert (reply.body["state"], reply.body["queuedUntil"], len(frames(desk))) == ("sent", None, 1)


def test_one_that_never_was_connected_speaks_no_version_yet() -> None:
    desk = Desk()
    desk.registry.add(ChargePoint("CP1"))

    reply = desk.post(PATH + "reset", {"ttlSeconds": 60})

    assert (reply.status, reply.body["code"]) == (409, "charge-point-offline")
    assert reply.body["detail"].endswith("nobody knows which OCPP version it speaks")


def test_a_line_has_an_end() -> None:
    desk = offline()
    for _ in range(100):
        desk.post(PATH + "reset", {"ttlSeconds": 2592000})
        desk.clock.sleep(6)

    reply = desk.post(PATH + "reset", {"ttlSeconds": 60})

    assert (reply.status, reply.body["code"]) == (409, "queue-full")


@pytest.mark.parametrize("ttl", ["x", "-1", "2592001"])
def test_a_time_that_is_none_is_422(ttl: str) -> None:
    reply = offline().post(f"{PATH}Reset?ttlSeconds={ttl}", {"type": "Soft"})

    assert (reply.status, reply.body["errors"][0]["parameter"]) == (422, "ttlSeconds")


def test_a_password_is_sent_and_shown_and_kept_nowhere() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    with capture_logs() as lines:
        reply = desk.post(PATH + "ChangeConfiguration", PASSWORD)

    assert frames(desk)[0][2] == PASSWORD
    stored = desk.commands.find("cmd-1")
    assert stored is not None
    assert stored.payload == reply.body["payload"] == PASSWORD | {"value": "***"}
    assert PASSWORD["value"] not in str(lines)


def test_a_password_never_waits() -> None:
    desk = offline()

    reply = desk.post(PATH + "ChangeConfiguration?ttlSeconds=60", PASSWORD)

    assert (reply.status, reply.body["code"], desk.lines.waiting("CP1")) == (409, "charge-point-offline", [])
    stored = desk.commands.find(reply.body["commandId"])
    assert stored is not None
    assert stored.payload["value"] == "***"


def test_a_password_goes_alone_where_another_would_have_to_wait() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post(
        PATH + "set-configuration", {"values": {"AuthorizationKey": "736563726574", "HeartbeatInterval": 9}}
    )

    assert (reply.status, frames(desk)) == (422, [])


def test_a_password_that_a_charge_point_tells_is_not_shown() -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.post(PATH + "GetConfiguration", {})
    desk.commands.note("cmd-1", late_answer={"configurationKey": [PASSWORD]})

    assert desk.get("/commands/cmd-1").body["lateAnswer"] == {"configurationKey": [PASSWORD | {"value": "***"}]}


def test_the_line_is_served_in_the_order_it_was_made() -> None:
    desk = offline()
    for ttl in (600, 60):
        desk.post(PATH + "clear-cache", {"ttlSeconds": ttl})
        desk.clock.now += timedelta(seconds=1)

    assert desk.lines.waiting("CP1") == ["cmd-1", "cmd-2"]
