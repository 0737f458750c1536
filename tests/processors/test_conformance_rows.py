"""Rows of the conformance list that are about more than one subject."""

from typing import Any

import pytest

from domain.models import Command, CommandState, IdToken, Registration
from ocppj import schemas
from ocppj.frames import Call, CallError, CallResult, Frame
from ocppj.versions import V16, V201, VERSIONS, Version
from processors import security
from processors.settings import Gate, Settings
from tests.processors.house import House, Unreachable, UnreachableError
from tests.processors.samples import sample

CP = "CP-001"


def house_of(version: Version = V201, gate: Gate = Gate.REGISTERED) -> House:
    house = House(settings=Settings(gate=gate))
    house.register(CP, version)
    house.id_tokens.put(IdToken("abc"))
    return house


def ask(house: House, version: Version, action: str, **payload: Any) -> Frame:
    house.tick(1)
    [answer] = house.send(CP, Call("m-1", action, payload or sample(version, action, full=False)))
    return answer


def event(house: House, kind: str, seq_no: int, **said: Any) -> dict[str, Any]:
    said = {
        "eventType": kind, "timestamp": f"2026-11-21T11:{seq_no:02}:00Z", "triggerReason": "CablePluggedIn",
        "seqNo": seq_no, "transactionInfo": {"transactionId": "tx-1"},
    } | said  # fmt: skip
    answer = ask(house, V201, "TransactionEvent", **said)
    assert isinstance(answer, CallResult)
    return answer.payload


def test_c10_connectors_are_known_whichever_way_and_order_they_are_told() -> None:
    one, other = house_of(), house_of()
    at = "2026-11-21T11:00:00Z"
    told = {
        "eventId": 1, "timestamp": at, "trigger": "Delta", "actualValue": "Available",
        "eventNotificationType": "HardWiredNotification", "variable": {"name": "AvailabilityState"},
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
    }  # fmt: skip

    ask(one, V201, "StatusNotification", timestamp=at, connectorStatus="Available", evseId=1, connectorId=1)
    ask(other, V201, "NotifyEvent", generatedAt=at, seqNo=0, eventData=[told])

    assert one.row(CP).connectors == other.row(CP).connectors
    assert one.row(CP).connectors["1.1"].status == "Available"


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_c11_a_boot_is_followed_by_nothing_nobody_asked_for(version: Version) -> None:
    house = house_of(version)

    ask(house, version, "BootNotification")

    assert len(house.outbound.published) == 1


def test_c12_one_that_is_pending_is_accepted_at_a_later_boot() -> None:
    house = House()
    house.register(CP, V201, registration=Registration.PENDING)

    first = ask(house, V201, "BootNotification")
    before = ask(house, V201, "StatusNotification")
    house.registry.change(CP, {"registration": Registration.ACCEPTED})
    later = ask(house, V201, "BootNotification")
    after = ask(house, V201, "StatusNotification")

    assert [answer.payload["status"] for answer in (first, later) if isinstance(answer, CallResult)] == [
        "Pending", "Accepted",
    ]  # fmt: skip
    assert isinstance(before, CallError)
    assert after == CallResult("m-1", {})


def test_c56_a_refused_start_is_stopped_by_the_charge_point_and_by_nobody_twice() -> None:
    house = house_of(V16)
    at = "2026-11-21T11:00:00Z"

    started = ask(house, V16, "StartTransaction", connectorId=1, idTag="NOBODY", meterStart=0, timestamp=at)
    assert isinstance(started, CallResult)
    transaction_id = started.payload["transactionId"]
    stop = {"transactionId": transaction_id, "meterStop": 1, "timestamp": at, "reason": "DeAuthorized"}
    stopped = ask(house, V16, "StopTransaction", **stop)

    assert started.payload["idTagInfo"]["status"] == "Invalid"
    assert stopped == CallResult("m-1", {})
    assert len(house.outbound.published) == 2


def test_c63_a_transaction_may_begin_with_any_number_and_is_complete_without_a_gap() -> None:
    house = house_of()

    for seq_no, kind in ((37, "Started"), (39, "Ended"), (38, "Updated")):
        event(house, kind, seq_no)

    transaction = house.transactions.find(CP, "tx-1")
    assert transaction is not None
    assert (transaction.event_numbers, transaction.is_complete) == ("37..39", True)


def test_c64_a_gap_blocks_nothing_and_is_told() -> None:
    house = house_of()

    for seq_no, kind in ((0, "Started"), (3, "Ended"), (1, "Updated")):
        assert event(house, kind, seq_no) == {}

    transaction = house.transactions.find(CP, "tx-1")
    assert transaction is not None
    assert (transaction.event_numbers, transaction.is_open, transaction.is_complete) == ("0..1,3", False, False)


STOPPED = schemas.schema(V201, "TransactionEvent", "request")["definitions"]["ReasonEnumType"]["enum"]


@pytest.mark.parametrize("reason", STOPPED)
def test_c32_c72_every_reason_to_stop_is_taken_and_kept(reason: str) -> None:
    house = house_of()

    answer = event(house, "Ended", 0, transactionInfo={"transactionId": "tx-1", "stoppedReason": reason})

    transaction = house.transactions.find(CP, "tx-1")
    assert answer == {}
    assert transaction is not None
    assert transaction.stop_reason == reason


def test_c73_values_of_one_moment_that_come_in_two_events_both_count() -> None:
    house = house_of()
    at = "2026-11-21T11:30:00Z"
    energy = {"value": 4_200.0}
    power = {"value": 7_200.0, "measurand": "Power.Active.Import"}

    event(house, "Started", 0)
    for seq_no, sampled in ((1, energy), (2, power)):
        event(house, "Updated", seq_no, timestamp=at, meterValue=[{"timestamp": at, "sampledValue": [sampled]}])

    transaction = house.transactions.find(CP, "tx-1")
    assert transaction is not None
    assert (transaction.energy_wh, transaction.power_w) == (4_200, 7_200)
    assert [kept.seq_no for kept in house.transactions.events(CP, "tx-1")] == [0, 1, 2]


def test_c67_a_transaction_may_be_authorised_long_after_it_started_and_end_long_after_it_stopped() -> None:
    house = house_of()
    token = {"idToken": "ABC", "type": "ISO14443"}

    answers = [
        event(house, "Started", 0, triggerReason="EVDetected"),
        event(house, "Updated", 1, triggerReason="CablePluggedIn", evse={"id": 2, "connectorId": 1}),
        event(house, "Updated", 2, triggerReason="Authorized", idToken=token),
        event(house, "Updated", 3, triggerReason="StopAuthorized", idToken=token),
        event(house, "Ended", 50, triggerReason="EVDeparted"),
    ]

    transaction = house.transactions.find(CP, "tx-1")
    assert transaction is not None
    assert [answer.get("idTokenInfo") for answer in answers] == [
        None, None, {"status": "Accepted"}, {"status": "Accepted"}, None,
    ]  # fmt: skip
    assert (transaction.connector, transaction.id_token, transaction.stop_id_token) == ("2.1", "ABC", "ABC")
    assert not transaction.is_open


def test_c74_a_transaction_status_without_an_ongoing_indicator_is_an_answer() -> None:
    house = house_of()
    house.commands.add(Command("c-1", CP, "GetTransactionStatus", {}, V201, CommandState.SENT, house.now, house.now))

    house.send(CP, CallResult("c-1", {"messagesInQueue": False}))

    command = house.commands.find("c-1")
    assert command is not None
    assert (command.state, command.answer) == (CommandState.ACCEPTED, {"messagesInQueue": False})


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_c102_a_security_event_that_was_not_kept_is_told_to_come_again(version: Version) -> None:
    house = house_of(version)
    call = Call("m-1", "SecurityEventNotification", {"type": "X", "timestamp": "2026-11-21T11:00:00Z"})

    with pytest.raises(UnreachableError):
        house.send(CP, call, house.ports(reports=Unreachable()))
    [again] = house.send(CP, call)

    assert '"InternalError"' in house.outbound.published[0].frame
    assert not isinstance(again, CallError)


@pytest.mark.parametrize(
    ("said", "neutral"),
    [
        ("InvalidCentralSystemCertificate", "InvalidCsmsCertificate"),
        ("FailedToAuthenticateAtCentralSystem", "FailedToAuthenticateAtCsms"),
        ("InvalidChargePointCertificate", "InvalidChargingStationCertificate"),
        ("InvalidCsmsCertificate", "InvalidCsmsCertificate"),
        ("FooBar", "FooBar"),
    ],
)
def test_c108_security_events_of_1_6_go_by_their_names_in_2x(said: str, neutral: str) -> None:
    assert security.neutral(said) == neutral


@pytest.mark.parametrize("version", VERSIONS, ids=str)
@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"vendorId": "known", "messageId": "a"}, "Accepted"),
        ({"vendorId": "known", "messageId": "b"}, "UnknownMessageId"),
        ({"vendorId": "known"}, "UnknownMessageId"),
        ({"vendorId": "open", "messageId": "b"}, "Accepted"),
        ({"vendorId": "other"}, "UnknownVendorId"),
    ],
    ids=str,
)
def test_c90_what_a_vendor_may_send_is_in_a_table(version: Version, said: dict[str, str], status: str) -> None:
    house = House(settings=Settings(gate=Gate.REGISTERED, data_transfer={"known": ("a",), "open": ()}))
    house.register(CP, version)

    assert ask(house, version, "DataTransfer", **said) == CallResult("m-1", {"status": status})
    assert house.reports.of_charge_point(CP, "DataTransfer") == [said]
