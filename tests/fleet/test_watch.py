"""Following the frames of a charge point."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from fleet.watch import REMEMBERED, Seen, Watcher
from ocppj import frames
from ocppj.frames import Call, CallError, CallResult, Frame

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def seen(watcher: Watcher, direction: str, frame: Frame, after_ms: int = 0) -> Seen:
    at = NOW + timedelta(milliseconds=after_ms)
    return watcher.read(f"CP-1/{direction}", frames.encode(frame).encode(), {"ocpp": "ocpp1.6"}, at)


def told(one: Seen) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(one.as_json())
    return found


def test_a_call_is_told_with_its_direction_and_payload() -> None:
    one = seen(Watcher(), "in", Call("7", "Heartbeat", {}))

    assert told(one) == {
        "at": "2026-11-21T12:00:00.000Z", "chargePointId": "CP-1", "direction": "in", "type": "CALL",
        "messageId": "7", "action": "Heartbeat", "payload": {}, "ocpp": "ocpp1.6", "bytes": 22,
    }  # fmt: skip


def test_an_answer_says_what_it_answers_and_how_long_that_took() -> None:
    watcher = Watcher()
    seen(watcher, "out", Call("7", "Reset", {"type": "Soft"}))

    answer = seen(watcher, "in", CallResult("7", {"status": "Accepted"}), after_ms=250)

    assert (answer.action, answer.after_ms, answer.type) == ("Reset", 250, "CALLRESULT")


def test_the_same_message_id_both_ways_is_two_calls() -> None:
    watcher = Watcher()
    seen(watcher, "out", Call("1", "Reset"))
    seen(watcher, "in", Call("1", "Heartbeat"))

    assert seen(watcher, "out", CallResult("1")).action == "Heartbeat"
    assert seen(watcher, "in", CallError("1", "NotSupported")).action == "Reset"


def test_a_password_is_masked_on_its_way_out_and_in() -> None:
    watcher = Watcher()
    change = seen(watcher, "out", Call("1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "5ecre7"}))
    listed = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "5ecre7"}]}
    answer = seen(watcher, "in", CallResult("2", listed))

    assert "5ecre7" not in change.as_json() + answer.as_json() + change.as_text().plain + answer.as_text().plain
    assert "***" in change.as_json()


def test_an_error_is_told_with_its_code() -> None:
    error = seen(Watcher(), "out", CallError("1", "FormationViolation", "/connectorId: missing", {"pointer": ""}))

    assert (told(error)["code"], told(error)["description"]) == ("FormationViolation", "/connectorId: missing")
    assert "FormationViolation: /connectorId: missing" in error.as_text().plain


def test_what_is_no_frame_is_told_as_such_and_not_shown() -> None:
    one = Watcher().read("CP-1/in", b'{"password": "5ecre7"', {}, NOW)

    assert told(one)["type"] == "unreadable"
    assert "not JSON" in one.as_text().plain
    assert "5ecre7" not in one.as_json()


def test_a_line_for_people_has_an_arrow_and_the_action() -> None:
    line = seen(Watcher(), "in", Call("7", "StatusNotification", {"status": "Available"})).as_text().plain

    assert '→ StatusNotification {"status":"Available"}' in line


def test_calls_that_are_never_answered_do_not_add_up() -> None:
    watcher = Watcher()

    for number in range(REMEMBERED + 5):
        seen(watcher, "in", Call(str(number), "Heartbeat"))

    assert seen(watcher, "out", CallResult("0")).action is None
    assert seen(watcher, "out", CallResult(str(REMEMBERED))).action == "Heartbeat"
