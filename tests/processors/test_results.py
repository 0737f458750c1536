"""Answers to commands: from the charge point that was asked, and from nobody else."""

from dataclasses import replace
from typing import Any

import pytest

from domain.models import Command, CommandState
from ocppj.frames import Call, CallError, CallResult, CallResultError, Frame
from ocppj.versions import V16, V21, V201
from tests.processors.house import EPOCH, GATEWAY, NOW, House

CP = "CP-001"
YES = {"attributeStatus": "Accepted"}
ASKED = Command("c-1", CP, "RemoteStopTransaction", {"transactionId": 1}, V16, CommandState.SENT, NOW, NOW)


def house_with(command: Command = ASKED) -> House:
    house = House()
    house.register(CP, command.version)
    house.commands.add(command)
    return house


def answered(house: House, *answers: Frame, charge_point_id: str = CP) -> Command:
    for answer in answers:
        assert house.send(charge_point_id, answer) == []
    command = house.commands.find("c-1")
    assert command is not None
    return command


def synthetic(reason: str, epoch: int = EPOCH) -> CallError:
    return CallError("c-1", "GenericError", "no answer", {"reason": reason, "gateway": GATEWAY, "epoch": epoch})


def test_a_password_that_a_charge_point_tells_is_kept_nowhere() -> None:
    house = house_with(replace(ASKED, action="GetConfiguration", payload={}))
    key = {"key": "AuthorizationKey", "readonly": False, "value": "736563726574"}

    command = answered(house, CallResult("c-1", {"configurationKey": [key]}))

    assert command.answer == {"configurationKey": [key | {"value": "***"}]}
    assert list(house.reports.of_charge_point(CP, "Configuration")) == [key | {"value": "***"}]


@pytest.mark.parametrize(
    ("payload", "state"),
    [
        ({"status": "Accepted"}, "accepted"),
        ({"status": "Scheduled"}, "accepted"),
        ({"status": "Unlocked"}, "accepted"),
        ({"status": "RebootRequired"}, "accepted"),
        ({"status": "AcceptedCanceled"}, "accepted"),
        ({"configurationKey": []}, "accepted"),
        ({"setVariableResult": [{"attributeStatus": "Rejected"}]}, "accepted"),
        ({}, "accepted"),
        ({"status": "Rejected"}, "rejected"),
        ({"status": "NotSupported"}, "rejected"),
        ({"status": "Bogus"}, "rejected"),
    ],
    ids=str,
)
def test_b14_the_state_follows_the_status_and_the_answer_is_kept_verbatim(payload: dict[str, Any], state: str) -> None:
    house = house_with()

    command = answered(house, CallResult("c-1", payload))

    assert (command.state, command.answer, command.answered_at) == (state, payload, NOW)


@pytest.mark.parametrize("code", ["NotSupported", "FormatViolation", "Whatever"])
def test_b12_an_error_is_kept_with_its_code_known_or_not(code: str) -> None:
    house = house_with()

    command = answered(house, CallError("c-1", code, "sorry", {"why": 1}))

    assert command.state is CommandState.ERROR
    assert command.answer == {"code": code, "description": "sorry", "details": {"why": 1}}


@pytest.mark.parametrize(("reason", "state"), [("timeout", "timeout"), ("expired", "expired")])
def test_b08_a_gateway_that_waited_in_vain_says_so(reason: str, state: str) -> None:
    house = house_with()

    command = answered(house, synthetic(reason))

    assert (command.state, command.answer) == (state, None)


@pytest.mark.parametrize("reason", ["closed", "busy", "too_large"])
def test_a_socket_that_took_no_command_is_an_error_with_its_reason(reason: str) -> None:
    house = house_with()

    command = answered(house, synthetic(reason))

    assert command.state is CommandState.ERROR
    assert command.answer is not None
    assert command.answer["details"]["reason"] == reason


def test_b09_a_late_answer_is_kept_beside_the_time_out() -> None:
    house = house_with()

    command = answered(house, synthetic("timeout"), CallResult("c-1", {"status": "Accepted"}))

    assert command.state is CommandState.TIMEOUT
    assert (command.answer, command.late_answer) == (None, {"status": "Accepted"})


def test_b10_an_answer_to_nothing_is_ignored() -> None:
    house = house_with()

    command = answered(house, CallResult("zzz", {}), CallError("zzz", "GenericError"))

    assert command == ASKED


def test_b11_the_first_answer_counts() -> None:
    house = house_with()

    command = answered(house, CallResult("c-1", {"status": "Accepted"}), CallResult("c-1", {"status": "Rejected"}))

    assert (command.state, command.answer, command.late_answer) == ("accepted", {"status": "Accepted"}, None)


def test_an_answer_repeated_by_the_queue_changes_nothing() -> None:
    house = house_with()

    once = answered(house, CallResult("c-1", {"status": "Accepted"}))
    twice = answered(house, CallResult("c-1", {"status": "Accepted"}))

    assert once == twice


@pytest.mark.parametrize("answer", [CallResult("c-1", {"status": "Accepted"}), synthetic("timeout")], ids=str)
def test_another_charge_point_cannot_answer(answer: Frame) -> None:
    house = house_with()
    house.register("CP-002", V16)

    command = answered(house, answer, charge_point_id="CP-002")

    assert command == ASKED


def test_an_error_of_an_older_socket_elsewhere_decides_nothing() -> None:
    house = house_with()
    house.connect(CP, V16, epoch=EPOCH + 1, gateway="g2")

    ignored = answered(house, synthetic("closed", EPOCH))
    decided = answered(house, synthetic("timeout", EPOCH + 1))

    assert (ignored.state, decided.state) == (CommandState.SENT, CommandState.TIMEOUT)


def test_a_gateway_that_took_over_its_own_socket_gives_up_what_was_under_way_on_the_old_one() -> None:
    house = house_with()
    house.connect(CP, V16, epoch=EPOCH + 1)

    command = answered(house, synthetic("closed", EPOCH))

    assert command.state is CommandState.ERROR


def test_the_charge_points_own_answer_counts_over_any_socket() -> None:
    house = house_with()
    house.connect(CP, V16, epoch=EPOCH + 1)

    house.send(CP, CallResult("c-1", {"status": "Accepted"}), epoch=EPOCH)

    command = house.commands.find("c-1")
    assert command is not None
    assert command.state is CommandState.ACCEPTED


def test_an_answer_that_comes_before_we_know_it_was_sent_counts() -> None:
    house = house_with(replace(ASKED, state=CommandState.QUEUED))

    command = answered(house, CallResult("c-1", {"status": "Accepted"}))

    assert command.state is CommandState.ACCEPTED


@pytest.mark.parametrize("version", [V16, V201], ids=str)
def test_b31_an_answer_that_breaks_its_schema_is_kept_and_no_frame_leaves(version: Any) -> None:
    house = house_with(replace(ASKED, action="GetBaseReport", version=version))

    command = answered(house, CallResult("c-1", {"status": "Bogus", "extra": 1}))

    assert command.answer == {"status": "Bogus", "extra": 1}


def test_b31_in_2_1_an_answer_that_breaks_its_schema_is_kept_and_refused() -> None:
    house = house_with(replace(ASKED, action="GetBaseReport", version=V21))

    [refusal] = house.send(CP, CallResult("c-1", {"status": "Bogus"}))
    [missing] = house.send(CP, CallResult("c-1", {}))

    command = house.commands.find("c-1")
    assert command is not None
    assert command.answer == {"status": "Bogus"}
    assert isinstance(refusal, CallResultError)
    assert (refusal.message_id, refusal.code) == ("c-1", "PropertyConstraintViolation")
    assert refusal.details == {"pointer": "/status"}
    assert isinstance(missing, CallResultError)
    assert missing.code == "OccurrenceConstraintViolation"


def test_b31_nobody_is_told_once_it_is_gone() -> None:
    house = house_with(replace(ASKED, action="GetBaseReport", version=V21))
    house.registry.disconnected(CP, EPOCH, NOW)

    assert house.send(CP, CallResult("c-1", {"status": "Bogus"})) == []


def test_a_refusal_of_our_own_answer_is_taken_note_of() -> None:
    house = house_with()

    published = house.send(CP, CallResultError("c-1", "FormatViolation"))

    assert published == []


def test_the_answer_of_one_that_was_struck_off_still_counts() -> None:
    house = House()
    house.commands.add(ASKED)

    command = answered(house, CallResult("c-1", {"status": "Accepted"}))

    assert command.state is CommandState.ACCEPTED


def test_a_call_with_the_id_of_a_command_is_no_answer() -> None:
    house = house_with()

    house.send(CP, Call("c-1", "Heartbeat"))

    assert house.commands.find("c-1") == ASKED


@pytest.mark.parametrize(
    ("action", "results", "state"),
    [
        ("SetVariables", {"setVariableResult": [YES, {"attributeStatus": "RebootRequired"}]}, 0),
        ("SetVariables", {"setVariableResult": [YES, {"attributeStatus": "Rejected"}]}, 1),
        ("SetVariables", {"setVariableResult": [{"attributeStatus": "UnknownComponent"}]}, 1),
        ("SetVariables", {"setVariableResult": ["odd", {}]}, 0),
        ("SetVariables", {"setVariableResult": "odd"}, 0),
        ("SetVariableMonitoring", {"setMonitoringResult": [{"status": "UnsupportedMonitorType"}]}, 1),
        ("ClearVariableMonitoring", {"clearMonitoringResult": [{"status": "NotFound"}]}, 1),
        ("ClearTariffs", {"clearTariffsResult": [{"status": "NoTariff"}]}, 1),
        ("GetVariables", {"getVariableResult": [{"attributeStatus": "UnknownVariable"}]}, 0),
    ],
)
def test_a_no_to_one_of_several_things_is_a_no(action: str, results: dict[str, Any], state: int) -> None:
    house = house_with(replace(ASKED, action=action, version=V201))

    command = answered(house, CallResult("c-1", results))

    assert (command.state.value, command.answer) == (("accepted", "rejected")[state], results)
