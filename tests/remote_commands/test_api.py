import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.models import CommandState
from ocppj.versions import V16, V201
from remote_commands import api
from remote_commands.settings import Settings
from tests.remote_commands.desk import ARN, EPOCH, NOON, BrokenOutbound, Desk

START = {"chargePointId": "CP1", "idTag": "ABC", "connectorId": 1}


def test_a_start_that_nobody_waits_for_is_202_with_its_location() -> None:
    desk = Desk()
    desk.connect("CP1")

    reply = desk.post("/remote-start-transaction", START)

    assert reply.status == 202
    assert reply.headers["Location"] == "/commands/cmd-1"
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body == {
        "commandId": "cmd-1",
        "chargePointId": "CP1",
        "action": "RemoteStartTransaction",
        "version": "1.6",
        "state": "sent",
        "createdAt": "2026-11-21T12:00:00.000Z",
        "deadline": "2026-11-21T12:00:30.000Z",
        "queuedUntil": None,
        "sentAt": "2026-11-21T12:00:00.000Z",
        "answeredAt": None,
        "latencyMs": None,
        "issuedBy": ARN,
        "payload": {"idTag": "ABC", "connectorId": 1},
        "answer": None,
        "lateAnswer": None,
        "partBefore": None,
        "partAfter": None,
        "effect": "pending",
        "evidence": None,
    }


@pytest.mark.parametrize(
    ("status", "state"), [("Accepted", CommandState.ACCEPTED), ("Rejected", CommandState.REJECTED)]
)
def test_who_waits_gets_the_charge_points_own_answer(status: str, state: CommandState) -> None:
    desk = Desk()
    desk.connect("CP1")
    answered_at = NOON + timedelta(milliseconds=50)
    desk.clock.on_sleep = lambda: desk.commands.move("cmd-1", state, answer={"status": status}, answered_at=answered_at)

    reply = desk.post("/remote-start-transaction", START, prefer="respond-async, wait=25")

    assert reply.status == 200
    assert reply.headers["Preference-Applied"] == "wait=25"
    assert (reply.body["state"], reply.body["answer"]) == (state.value, {"status": status})
    assert (reply.body["answeredAt"], reply.body["latencyMs"]) == ("2026-11-21T12:00:00.050Z", 50)
    assert len(desk.clock.slept) == 1


def test_who_waited_in_vain_gets_202() -> None:
    desk = Desk()
    desk.connect("CP1")

    reply = desk.post("/remote-start-transaction", START, prefer="wait=5")

    assert (reply.status, reply.body["state"]) == (202, "sent")
    assert reply.headers["Location"] == "/commands/cmd-1"
    assert sum(desk.clock.slept) == pytest.approx(5)


@pytest.mark.parametrize(
    ("prefer", "left_s", "waited_s"), [("wait=900", 60, 25), ("wait=20", 12, 10), ("wait=9", 1, 0)]
)
def test_nobody_waits_longer_than_the_house_and_the_lambda_can(prefer: str, left_s: float, waited_s: float) -> None:
    desk = Desk()
    desk.connect("CP1")

    reply = desk.post("/remote-start-transaction", START, prefer=prefer, left_s=left_s)

    assert sum(desk.clock.slept) == pytest.approx(waited_s)
    assert reply.headers["Preference-Applied"] == f"wait={waited_s}"


@pytest.mark.parametrize("prefer", ["wait", "wait=soon", "await=3", "return=minimal"])
def test_a_preference_we_do_not_know_is_no_reason_to_wait(prefer: str) -> None:
    desk = Desk()
    desk.connect("CP1")

    reply = desk.post("/remote-start-transaction", START, prefer=prefer)

    assert (reply.status, desk.clock.slept) == (202, [])
    assert "Preference-Applied" not in reply.headers


def test_a_stop_is_rendered_in_the_version_of_the_charge_point() -> None:
    desk = Desk()
    desk.connect("CP1", V16)
    desk.connect("CP2", V201)

    old = desk.post("/remote-stop-transaction", {"chargePointId": "CP1", "transactionId": "42"})
    new = desk.post("/remote-stop-transaction", {"chargePointId": "CP2", "transactionId": 42})

    assert (old.body["action"], old.body["payload"]) == ("RemoteStopTransaction", {"transactionId": 42})
    assert (new.body["action"], new.body["payload"]) == ("RequestStopTransaction", {"transactionId": "42"})


def test_d01_a_charge_point_that_is_not_connected_is_409_at_once() -> None:
    desk = Desk()
    desk.connect("CP1")
    desk.registry.disconnected("CP1", EPOCH, NOON)

    reply = desk.post("/remote-start-transaction", START, prefer="wait=25")

    assert (reply.status, reply.body["code"]) == (409, "charge-point-offline")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert desk.get(f"/commands/{reply.body['commandId']}").body["state"] == "not_connected"
    assert (desk.sent.published, desk.clock.slept) == ([], [])


@pytest.mark.parametrize(
    "charge_point_id", ["CP9", "gateway#gw1", "a/b", "\ud800x".encode("utf-8", "replace").decode()]
)
def test_an_unknown_charge_point_is_404(charge_point_id: str) -> None:
    desk = Desk()
    desk.connect("CP1")

    reply = desk.post("/remote-start-transaction", START | {"chargePointId": charge_point_id})

    assert (reply.status, reply.body["code"]) == (404, "charge-point-unknown")


def test_who_writes_an_identity_is_told_its_escaped_form() -> None:
    reply = Desk().post("/remote-start-transaction", START | {"chargePointId": "CP 1"})

    assert "CP:201" in reply.body["detail"]


def test_a_wrong_body_is_422_and_names_every_wrong_field() -> None:
    desk = Desk()
    desk.connect("CP1")

    reply = desk.post("/remote-start-transaction", {"chargePointId": "CP1", "connectorId": "1", "colour": "red"})

    assert (reply.status, reply.body["code"]) == (422, "invalid-request")
    assert [each["pointer"] for each in reply.body["errors"]] == ["/connectorId", "/colour", "/idTag"]
    assert {"type", "title", "status", "detail", "instance"} < set(reply.body)
    assert reply.body["instance"] == "/remote-start-transaction"


@pytest.mark.parametrize(
    ("token", "pointer"), [({"idTag": "x" * 21}, "/idTag"), ({"idToken": {"value": "x" * 21}}, "/idToken")]
)
def test_what_only_the_schema_finds_is_told_in_the_callers_words(token: dict[str, Any], pointer: str) -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post("/remote-start-transaction", {"chargePointId": "CP1"} | token)

    assert (reply.status, [each["pointer"] for each in reply.body["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("body", ["", "{", "{'idTag': 1}", '{"idTag": NaN}'])
def test_what_is_not_json_is_400(body: Any) -> None:
    reply = Desk().post("/remote-start-transaction", body)

    assert (reply.status, reply.body["code"]) == (400, "bad-json")


def test_a_body_that_is_not_base64_or_not_utf8_is_400() -> None:
    broken = Desk().post("/remote-start-transaction", "%", isBase64Encoded=True)
    latin1 = Desk().post("/remote-start-transaction", base64.b64encode(b"\xe4").decode(), isBase64Encoded=True)

    assert (broken.status, latin1.status) == (400, 400)


@pytest.mark.parametrize("body", [[], "text", 1, None])
def test_json_that_is_no_object_is_422(body: Any) -> None:
    reply = Desk().post("/remote-start-transaction", '"text"' if body == "text" else body)

    assert (reply.status, reply.body["errors"]) == (422, [{"pointer": "", "detail": "must be a JSON object"}])


def test_an_address_that_is_none_is_404_and_a_wrong_method_405() -> None:
    desk = Desk()

    nowhere = desk.get("/remote-start")
    wrong = desk.get("/remote-start-transaction")

    assert (nowhere.status, nowhere.body["code"]) == (404, "not-found")
    assert (wrong.status, wrong.body["code"], wrong.headers["Allow"]) == (405, "method-not-allowed", "POST")
    assert wrong.headers["Content-Type"] == "application/problem+json"


def test_what_nobody_expected_is_500_without_a_traceback_and_an_error_in_the_log() -> None:
    desk = Desk()
    desk.connect("CP1")
    desk.clock.on_sleep = lambda: 1 // 0

    with capture_logs() as lines:
        reply = desk.post("/remote-start-transaction", START, prefer="wait=1")

    assert (reply.status, reply.body["code"]) == (500, "internal-error")
    assert "division" not in str(reply.body)
    assert [line["exc_info"] for line in lines if line["log_level"] == "error"] == [True]


def test_no_line_of_the_log_shows_a_token() -> None:
    desk = Desk()
    desk.connect("CP1")

    with capture_logs() as lines:
        desk.post("/remote-start-transaction", START)

    assert [line["event"] for line in lines] == ["command sent"]
    assert "ABC" not in str(lines)


def test_a_body_that_the_function_url_took_for_binary_is_read_all_the_same() -> None:
    desk = Desk()
    desk.connect("CP1")

    # What `curl -d` sends is no application/json.
    body = base64.b64encode(json.dumps(START).encode()).decode()

    assert desk.post("/remote-start-transaction", body, isBase64Encoded=True).status == 202


def test_a_broker_that_takes_nothing_is_502_and_the_command_an_error() -> None:
    desk = Desk(outbound=BrokenOutbound())
    desk.connect("CP1")

    reply = desk.post("/remote-start-transaction", START)

    assert (reply.status, reply.body["code"]) == (502, "broker-unavailable")
    assert desk.get(f"/commands/{reply.body['commandId']}").body["state"] == "error"


def test_a_command_can_be_asked_for_and_an_unknown_one_is_404() -> None:
    desk = Desk()
    desk.connect("CP1")
    desk.post("/remote-start-transaction", START)

    known, unknown = desk.get("/commands/cmd-1"), desk.get("/commands/cmd-9")

    assert (known.status, known.body["commandId"]) == (200, "cmd-1")
    assert (unknown.status, unknown.body["code"]) == (404, "command-unknown")


def test_who_asks_for_a_command_may_wait_for_its_end() -> None:
    desk = Desk()
    desk.connect("CP1")
    desk.post("/remote-start-transaction", START)
    desk.clock.on_sleep = lambda: desk.commands.move("cmd-1", CommandState.ACCEPTED, answer={"status": "Accepted"})

    reply = desk.get("/commands/cmd-1", prefer="wait=25")

    assert (reply.status, reply.body["state"]) == (200, "accepted")


def test_a_caller_without_iam_is_nobody() -> None:
    desk = Desk()
    desk.connect("CP1")
    context = {"http": {"method": "POST"}, "stage": "$default", "authorizer": None}

    reply = desk.post("/remote-start-transaction", START, requestContext=context)

    assert (reply.status, reply.body["issuedBy"]) == (202, None)


def test_any_command_of_the_negotiated_version_can_be_sent_as_it_is() -> None:
    desk = Desk()
    desk.connect("CP1", V201)

    reply = desk.post("/charge-points/CP1/commands/Reset", {"type": "OnIdle"})

    assert (reply.status, reply.body["action"], reply.body["payload"]) == (202, "Reset", {"type": "OnIdle"})


def test_a_command_without_fields_needs_no_body() -> None:
    desk = Desk()
    desk.connect("CP:201")

    reply = desk.post("/charge-points/CP%3A201/commands/ClearCache", "")

    assert (reply.status, reply.body["chargePointId"], reply.body["payload"]) == (202, "CP:201", {})


def test_an_action_of_another_version_is_unsupported_and_says_whose_it_is() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post("/charge-points/CP1/commands/RequestStartTransaction", {})

    assert (reply.status, reply.body["code"]) == (409, "unsupported-by-version")
    assert "OCPP 2.0.1 and OCPP 2.1 would" in reply.body["detail"]


@pytest.mark.parametrize("action", ["BootNotification", "Nonsense", "resett"])
def test_an_action_that_is_no_command_of_the_version_is_404(action: str) -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post(f"/charge-points/CP1/commands/{action}", {})

    assert (reply.status, reply.body["code"]) == (404, "action-unknown")


def test_a_raw_payload_is_checked_against_the_negotiated_version() -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post("/charge-points/CP1/commands/Reset", {"type": "OnIdle"})

    assert (reply.status, reply.body["errors"][0]["pointer"]) == (422, "/type")


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "-1"}),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 99}),
        ("UnlockConnector", {"connectorId": 99}),
        ("CancelReservation", {"reservationId": 99}),
    ],
)
def test_d05_what_the_schema_allows_is_sent_however_odd(action: str, payload: Any) -> None:
    desk = Desk()
    desk.connect("CP1", V16)

    reply = desk.post(f"/charge-points/CP1/commands/{action}", payload)

    assert (reply.status, len(desk.sent.published)) == (202, 1)


def test_the_commands_of_a_charge_point_come_newest_first_in_pages() -> None:
    desk = Desk()
    desk.connect("CP1")
    for _ in range(5):
        desk.post("/remote-start-transaction", START)
        desk.clock.sleep(0.001)

    first = desk.get("/charge-points/CP1/commands?limit=2")
    second = desk.get(first.headers["Link"].split(">")[0].removeprefix("<"))
    third = desk.get(f"/charge-points/CP1/commands?limit=2&cursor={second.body['nextCursor']}")

    pages = [[each["commandId"] for each in page.body["data"]] for page in (first, second, third)]
    assert pages == [["cmd-5", "cmd-4"], ["cmd-3", "cmd-2"], ["cmd-1"]]
    assert first.headers["Link"].endswith('; rel="next"')
    assert (third.body["nextCursor"], "Link" in third.headers) == (None, False)


def test_a_charge_point_without_commands_has_an_empty_list_and_an_unknown_one_none() -> None:
    desk = Desk()
    desk.connect("CP1")

    empty, unknown = desk.get("/charge-points/CP1/commands"), desk.get("/charge-points/CP9/commands")
    illegal = desk.get("/charge-points/gateway%23gw1/commands")

    assert (empty.status, empty.body) == (200, {"data": [], "nextCursor": None})
    assert (unknown.status, illegal.status) == (404, 404)


@pytest.mark.parametrize(("query", "name"), [("limit=0", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")])
def test_a_wrong_query_parameter_is_422_and_named(query: str, name: str) -> None:
    desk = Desk()
    desk.connect("CP1")

    reply = desk.get(f"/charge-points/CP1/commands?{query}")

    assert (reply.status, reply.body["errors"][0]["parameter"]) == (422, name)


def test_the_part_that_only_reads_waits_for_nobody_and_sends_nothing() -> None:
    desk = Desk()
    desk.connect("CP1")
    desk.post("/remote-start-transaction", START)
    desk.resolver = api.resolver(desk.ports, desk.work, Settings(), only_reads=True)

    shown = desk.get("/commands/cmd-1", prefer="wait=25")

    assert (shown.status, shown.body["state"], desk.clock.slept) == (200, "sent", [])
    assert "Preference-Applied" not in shown.headers
    assert desk.get("/charge-points/CP1/commands").body["data"] == [shown.body]
    assert desk.post("/remote-start-transaction", START).status == 404
    assert desk.post("/jobs", {}).status == 405
    assert len(desk.sent.published) == 1
