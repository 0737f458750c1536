"""Every action a charge point may send, in every version, is answered as its schema says or refused on purpose."""

import pytest

from ocppj import actions, schemas
from ocppj.frames import Call, CallError, CallResult, Send
from ocppj.versions import V16, V21, V201, VERSIONS, Version
from processors.dispatch import UNCONFIRMED
from tests.processors.house import House
from tests.processors.samples import sample

CP = "CP-001"
SENT = [(version, action) for version in VERSIONS for action in sorted(actions.sent_by_charge_point(version))]
CALLED = [(version, action) for version, action in SENT if action not in UNCONFIRMED]


@pytest.mark.parametrize("full", [False, True], ids=["least", "full"])
@pytest.mark.parametrize(("version", "action"), CALLED, ids=str)
def test_c87_every_action_gets_a_schema_valid_answer(version: Version, action: str, full: bool) -> None:
    house = House()
    house.register(CP, version)

    [answer] = house.send(CP, Call("m-1", action, sample(version, action, full=full)))

    assert isinstance(answer, CallResult)
    schemas.check(version, action, "response", answer.payload)


@pytest.mark.parametrize(("version", "action"), CALLED, ids=str)
def test_b16_no_answer_carries_a_null_or_an_empty_list(version: Version, action: str) -> None:
    house = House()
    house.register(CP, version)

    [answer] = house.send(CP, Call("m-1", action, sample(version, action, full=True)))

    assert isinstance(answer, CallResult)
    assert not [value for value in answer.payload.values() if value is None or value in ([], {})]


@pytest.mark.parametrize(("version", "action"), CALLED, ids=str)
def test_b28_what_is_answered_twice_is_answered_the_same(version: Version, action: str) -> None:
    house = House()
    house.register(CP, version)
    call = Call("m-1", action, sample(version, action, full=True))

    first, second = house.send(CP, call), house.send(CP, call)

    assert first == second


def test_b32_a_send_is_never_answered_not_even_a_wrong_one() -> None:
    house = House()
    house.register(CP, V21)
    stream = sample(V21, "NotifyPeriodicEventStream", full=True)

    published = house.send(CP, Send("m-1", "NotifyPeriodicEventStream", stream))
    published += house.send(CP, Send("m-2", "NotifyPeriodicEventStream", {}))
    published += house.send(CP, Send("m-3", "BatterySwap", sample(V21, "BatterySwap", full=True)))

    assert published == []
    assert house.reports.of_charge_point(CP, "NotifyPeriodicEventStream") == [stream]
    assert house.reports.of_charge_point(CP, "BatterySwap") == []


def test_b32_a_stream_sent_as_a_call_is_refused() -> None:
    house = House()
    house.register(CP, V21)
    stream = sample(V21, "NotifyPeriodicEventStream", full=True)

    [answer] = house.send(CP, Call("m-1", "NotifyPeriodicEventStream", stream))

    assert isinstance(answer, CallError)
    assert answer.code == "NotSupported"


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_b29_a_command_is_not_supported_and_an_unknown_action_not_implemented(version: Version) -> None:
    house = House()
    house.register(CP, version)

    answers = [house.send(CP, Call("m-1", action))[0] for action in ("Reset", "Foo", "heartbeat", "HeartbeatRequest")]

    codes = [answer.code for answer in answers if isinstance(answer, CallError)]
    assert codes == ["NotSupported", "NotImplemented", "NotImplemented", "NotImplemented"]


def test_c110_certificate_questions_are_answered_failed() -> None:
    house = House()
    house.register(CP, V201)

    answers = [
        house.send(CP, Call("m-1", action, sample(V201, action, full=False)))[0]
        for action in ("GetCertificateStatus", "Get15118EVCertificate", "SignCertificate")
    ]

    assert [answer.payload for answer in answers if isinstance(answer, CallResult)] == [
        {"status": "Failed"},
        {"status": "Failed", "exiResponse": ""},
        {"status": "Rejected"},
    ]


def test_c111_charging_needs_are_rejected_as_nobody_plans() -> None:
    house = House()
    house.register(CP, V201)

    [answer] = house.send(CP, Call("m-1", "NotifyEVChargingNeeds", sample(V201, "NotifyEVChargingNeeds", full=False)))

    assert answer == CallResult("m-1", {"status": "Rejected"})


@pytest.mark.parametrize("version", [V16, V201], ids=str)
def test_c90_nobody_knows_the_vendor(version: Version) -> None:
    house = House()
    house.register(CP, version)

    [answer] = house.send(CP, Call("m-1", "DataTransfer", {"vendorId": "com.example", "data": "x"}))

    assert answer == CallResult("m-1", {"status": "UnknownVendorId"})


def test_c91_in_2x_data_may_be_any_json() -> None:
    house = House()
    house.register(CP, V201)

    [answer] = house.send(CP, Call("m-1", "DataTransfer", {"vendorId": "v", "data": {"a": [1, None]}}))

    assert answer == CallResult("m-1", {"status": "UnknownVendorId"})


def test_c88_an_unknown_security_event_is_kept() -> None:
    house = House()
    house.register(CP, V16)
    happened = {"type": "FooBar", "timestamp": "2026-11-21T12:00:00Z"}

    [answer] = house.send(CP, Call("m-1", "SecurityEventNotification", happened))

    assert answer == CallResult("m-1", {})
    assert house.reports.of_charge_point(CP, "SecurityEventNotification") == [happened]


TRAINS = [
    (V16, "FirmwareStatusNotification"), (V16, "DiagnosticsStatusNotification"), (V16, "LogStatusNotification"),
    (V16, "SignedFirmwareStatusNotification"),
    (V201, "FirmwareStatusNotification"), (V201, "LogStatusNotification"), (V201, "PublishFirmwareStatusNotification"),
    (V21, "FirmwareStatusNotification"), (V21, "LogStatusNotification"), (V21, "PublishFirmwareStatusNotification"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "action"), TRAINS, ids=str)
def test_c100_every_status_of_an_update_is_taken_in_any_order(version: Version, action: str) -> None:
    house = House()
    house.register(CP, version)
    schema = schemas.schema(version, action, "request")
    status = schema["properties"]["status"]
    name = status.get("$ref", "").rpartition("/")[2]
    statuses = status.get("enum") or schema["definitions"][name]["enum"]
    told = [sample(version, action, full=True) | {"status": status} for status in (*statuses, statuses[0])]

    answers = [house.send(CP, Call(f"m-{n}", action, said))[0] for n, said in enumerate(told)]

    assert len(statuses) > 3
    assert [answer.payload for answer in answers if isinstance(answer, CallResult)] == [{}] * len(told)
    assert len(house.reports.of_charge_point(CP, action)) == len(told)


@pytest.mark.parametrize("version", [V16, V201], ids=str)
def test_c88_two_security_events_of_one_second_are_two(version: Version) -> None:
    house = House()
    house.register(CP, version)
    happened = {"type": "SettingSystemTime", "timestamp": "2026-11-21T12:00:00Z"}

    for detail in ("-1 s", "+2 s", "-1 s"):
        house.send(CP, Call("m-1", "SecurityEventNotification", happened | {"techInfo": detail}))

    kept = house.reports.of_charge_point(CP, "SecurityEventNotification")
    assert sorted(each["techInfo"] for each in kept) == ["+2 s", "-1 s"]


def test_c86_the_parts_of_a_report_are_kept_in_order_once_each() -> None:
    house = House()
    house.register(CP, V201)
    parts = [{"requestId": 7, "generatedAt": "2026-11-21T12:00:00Z", "seqNo": n, "tbc": n < 2} for n in range(3)]

    answers = [house.send(CP, Call(f"m-{n}", "NotifyReport", parts[n]))[0] for n in (2, 0, 1, 0)]

    assert [answer.payload for answer in answers if isinstance(answer, CallResult)] == [{}] * 4
    assert house.reports.of_charge_point(CP, "NotifyReport") == parts
