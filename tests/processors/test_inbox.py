"""Records of the queue: versions, deadlines, errors, and what must never happen."""

from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from domain.models import IdToken
from ocppj.frames import Call, CallError, CallResult, Frame
from ocppj.versions import V16, V21, V201, UnknownVersionError, Version
from processors import inbox
from processors.errors import AnswerError, RecordError
from processors.routes import on
from tests.processors.house import EPOCH, GATEWAY, House, Unreachable, UnreachableError, of_frame

CP = "CP-001"
HEARTBEAT = Call("m-1", "Heartbeat")
STATUS = Call("m-1", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
STATUS_201 = Call(
    "m-1",
    "StatusNotification",
    {"timestamp": "2026-11-21T12:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1},
)


def only(frames: list[Frame]) -> CallError:
    [frame] = frames
    assert isinstance(frame, CallError)
    return frame


# versions


@pytest.mark.parametrize("extras", [{}, {"epoch": 0, "ocpp": 0}, {"epoch": "1000", "ocpp": "ocpp2.0.1"}], ids=str)
def test_the_version_is_the_records_or_the_rows(extras: dict[str, Any]) -> None:
    house = House()
    house.register(CP, V201)

    [answer] = house.send(CP, STATUS_201, **extras)

    assert answer == CallResult("m-1", {})


def test_the_records_version_goes_before_the_rows() -> None:
    house = House()
    house.register(CP, V16)

    [answer] = house.send(CP, STATUS_201, ocpp="ocpp2.0.1")

    assert answer == CallResult("m-1", {})


def test_without_any_version_nothing_is_guessed() -> None:
    house = House()
    house.register(CP)

    published = house.send(CP, STATUS)

    assert published == []
    assert house.row(CP).connectors == {}


def test_a_version_newer_than_we_are_waits_in_the_queue() -> None:
    house = House()
    house.register(CP, V16)

    with pytest.raises(UnknownVersionError):
        house.send(CP, HEARTBEAT, ocpp="ocpp9.9")

    assert house.outbound.published == []


def test_a_stranger_gets_no_answer() -> None:
    house = House()

    published = house.send("stranger", HEARTBEAT, ocpp="ocpp1.6")

    assert published == []


# where answers go, and whether


def test_an_answer_goes_where_its_call_came_from() -> None:
    house = House()
    house.register(CP, V16)

    house.send(CP, HEARTBEAT, epoch=EPOCH)
    house.send(CP, HEARTBEAT)

    routes_taken = [(out.route.gateway, out.route.link, out.epoch, out.deadline) for out in house.outbound.published]
    assert routes_taken == [(GATEWAY, 0, EPOCH, None)] * 2


@pytest.mark.parametrize(("age_s", "left_s"), [(0, 30), (10, 20), (29.5, 1)])
def test_an_answer_expires_with_what_is_left_of_the_time_out(age_s: float, left_s: int) -> None:
    house = House()
    house.register(CP, V16)
    received_at = house.now
    house.tick(age_s)

    house.process(of_frame(CP, HEARTBEAT, received_at, epoch=EPOCH))

    assert [out.expires_in_s for out in house.outbound.published] == [left_s]


def test_a_clock_behind_the_brokers_gives_no_more_than_the_time_out() -> None:
    house = House()
    house.register(CP, V16)
    received_at = house.now
    house.tick(-5)

    house.process(of_frame(CP, HEARTBEAT, received_at, epoch=EPOCH))

    assert [out.expires_in_s for out in house.outbound.published] == [30]


def late(house: House, why: str) -> dict[str, Any]:
    """A record's extra fields, after what makes it late has happened."""
    if why == "older socket":
        house.connect(CP, V16, EPOCH + 1)
        return {"epoch": EPOCH}
    received_at = int(house.now.timestamp() * 1000)
    house.tick(1 if why == "received before the connect" else 31)
    if why == "received before the connect":
        house.connect(CP, V16, EPOCH + 1)
    return {"receivedAt": received_at}


LATE = ["older socket", "received before the connect", "older than the time-out"]


@pytest.mark.parametrize("why", LATE)
def test_what_comes_late_is_stored_and_not_answered(why: str) -> None:
    house = House()
    house.register(CP, V16)

    published = house.send(CP, STATUS, **late(house, why))

    assert published == []
    assert house.row(CP).connectors["1"].status == "Available"


@pytest.mark.parametrize("why", LATE)
@pytest.mark.parametrize("call", [HEARTBEAT, Call("m-1", "Authorize", {"idTag": "ABC"})], ids=str)
def test_late_heartbeats_and_authorizes_are_not_even_read(call: Call, why: str) -> None:
    house = House()
    house.register(CP, V16)
    extras = late(house, why)

    published = house.send(CP, call, house.ports(id_tokens=Unreachable(), commands=Unreachable()), **extras)

    assert published == []


@pytest.mark.parametrize("call", [HEARTBEAT, Call("m-1", "Authorize", {"idTag": "ABC"})], ids=str)
def test_of_heartbeats_and_authorizes_of_long_ago_not_even_the_row_is_read(call: Call) -> None:
    house = House()
    house.register(CP, V16)
    record = of_frame(CP, call, house.now)
    house.tick(31)

    rows = inbox.rows_of([orjson.dumps(record).decode()], house.ports())
    house.process(record, house.ports(registry=Unreachable()))

    assert rows == {}


# errors


@pytest.mark.parametrize(
    ("version", "payload", "code"),
    [
        (V16, {"chargePointVendor": "v"}, "ProtocolError"),
        (V201, {"reason": "PowerUp"}, "OccurrenceConstraintViolation"),
        (V16, {"chargePointVendor": "v", "chargePointModel": "m", "x": 1}, "FormationViolation"),
        (V21, {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}, "x": 1}, "FormatViolation"),
        (V16, {"chargePointVendor": "v" * 21, "chargePointModel": "m"}, "TypeConstraintViolation"),
        (
            V201,
            {"reason": "Boredom", "chargingStation": {"model": "m", "vendorName": "v"}},
            "PropertyConstraintViolation",
        ),
    ],
)
def test_b3_a_wrong_payload_is_refused_in_the_words_of_its_version(
    version: Version, payload: dict[str, Any], code: str
) -> None:
    house = House()
    house.register(CP, version)

    refusal = only(house.send(CP, Call("m-1", "BootNotification", payload)))

    assert (refusal.message_id, refusal.code) == ("m-1", code)
    assert refusal.details["pointer"]


def test_b16_a_late_wrong_payload_is_not_answered_either() -> None:
    house = House()
    house.register(CP, V16, epoch=EPOCH + 1)

    published = house.send(CP, Call("m-1", "BootNotification"), epoch=EPOCH)

    assert published == []


@pytest.mark.parametrize("version", [V16, V201, V21], ids=str)
def test_b28_what_goes_wrong_here_is_an_internal_error_and_comes_again(version: Version) -> None:
    house = House()
    house.register(CP, version)
    call = Call("m-1", "DataTransfer", {"vendorId": "v"})

    with pytest.raises(UnreachableError):
        house.send(CP, call, house.ports(reports=Unreachable()))

    [published] = house.outbound.published
    assert published.frame == '[4,"m-1","InternalError","please try again",{}]'
    assert published.epoch == EPOCH


def test_a_late_record_that_fails_comes_again_in_silence() -> None:
    house = House()
    house.register(CP, V16, epoch=EPOCH + 1)

    with pytest.raises(UnreachableError):
        house.send(CP, Call("m-1", "DataTransfer", {"vendorId": "v"}), house.ports(reports=Unreachable()), epoch=EPOCH)

    assert house.outbound.published == []


def test_an_answer_of_ours_that_breaks_its_schema_never_leaves() -> None:
    house = House()
    house.register(CP, V201)
    house.id_tokens.put(IdToken("abc", "Whatever"))  # no status of 2.0.1

    with pytest.raises(AnswerError):
        house.send(CP, Call("m-1", "Authorize", {"idToken": {"idToken": "ABC", "type": "Central"}}))

    [published] = house.outbound.published
    assert '"InternalError"' in published.frame


def test_an_action_has_one_handler_only() -> None:
    with pytest.raises(ValueError, match="two handlers"):
        on("Heartbeat", V16)(lambda request, ports: {})


def test_a_shadow_that_cannot_be_written_fails_no_record() -> None:
    house = House()
    house.register(CP, V16)

    [answer] = house.send(CP, STATUS, house.ports(shadows=Unreachable()))

    assert answer == CallResult("m-1", {})
    assert house.shadow_repairs.asked == [CP]


def test_a_shadow_is_written_even_if_the_answer_could_not_be_published() -> None:
    house = House()
    house.register(CP, V16)

    with pytest.raises(UnreachableError):
        house.send(CP, STATUS, house.ports(outbound=Unreachable()))

    assert house.shadows.reported[CP]["connectors"]["1"]["status"] == "Available"


@pytest.mark.parametrize(
    "message",
    [None, {}, [], "text", [2], [2, "m-1"], [2, 7, "Heartbeat", {}], [9, "m-1", {}], [2, "m-1", "Heartbeat", []]],
    ids=str,
)
def test_what_is_no_frame_is_ignored(message: Any) -> None:
    house = House()
    house.register(CP, V16)
    record = {**of_frame(CP, HEARTBEAT, house.now), "message": message}

    house.process(record)

    assert house.outbound.published == []


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"chargePointId": CP, "message": []},
        {"chargePointId": 7, "message": [], "receivedAt": 1},
        {"event": "disconnected", "chargePointId": CP},
        {"event": "party"},
        {"eventType": "THING_EVENT", "operation": "CREATED"},
    ],
    ids=str,
)
def test_a_record_of_no_known_shape_becomes_a_dead_letter(record: dict[str, Any]) -> None:
    house = House()

    with pytest.raises(RecordError):
        house.process(record)


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"'])
def test_a_body_that_is_no_object_becomes_a_dead_letter(body: str) -> None:
    with pytest.raises(RecordError):
        inbox.read(body)


def test_the_rows_of_a_batch_are_those_of_its_frames() -> None:
    house = House()
    house.register(CP, V16)
    bodies = ["{", '{"chargePointId":"CP-001"}', '{"chargePointId":"stranger"}', '{"event":"down","gateway":"g1"}']

    rows = inbox.rows_of(bodies, house.ports())

    assert rows == {CP: house.row(CP)}


def test_c28_no_log_line_shows_an_id_token() -> None:
    house = House()
    house.register(CP, V16)
    secret = "04A2B3C4D5E6F7"
    start = {"connectorId": 1, "idTag": secret, "meterStart": 0, "timestamp": "2026-11-21T12:00:00Z"}

    with capture_logs() as logs:
        house.send(CP, Call("m-1", "StartTransaction", start))
        house.send(CP, Call("m-2", "Authorize", {"idTag": secret * 2}))

    assert [line["event"] for line in logs] == ["transaction started", "refused"]
    assert secret not in str(logs)
