"""Who is heard before it is accepted, and what for."""

from typing import Any

import pytest

from domain.models import Command, CommandState, Connection, Registration
from ocppj.frames import Call, CallError, CallResult, Frame
from ocppj.versions import V16, V21, V201, VERSIONS, Version
from processors import inbox
from processors.settings import Gate, Settings
from tests.processors.house import EPOCH, GATEWAY, House, of_frame
from tests.processors.samples import sample

CP = "CP-001"
BOOT_201 = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M", "serialNumber": "SN-1"}}


def house_of(version: Version, registration: Registration = Registration.ACCEPTED, gate: Gate = Gate.STRICT) -> House:
    house = House(settings=Settings(gate=gate))
    house.register(CP, version, registration=registration)
    return house


def boot(house: House, version: Version) -> Frame:
    [answer] = house.send(CP, Call("m-0", "BootNotification", sample(version, "BootNotification", full=False)))
    return answer


def ask(house: House, version: Version, action: str, **payload: Any) -> Frame:
    [answer] = house.send(CP, Call("m-1", action, sample(version, action, full=False) | payload))
    return answer


def command(house: House, version: Version, action: str, payload: dict[str, Any], state: CommandState) -> None:
    house.commands.add(Command("c-1", CP, action, payload, version, state, house.now, house.now))


def is_refused(answer: Frame) -> bool:
    return isinstance(answer, CallError) and answer.code == "SecurityError"


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_c07_one_that_never_booted_is_not_heard_until_it_does(version: Version) -> None:
    house = house_of(version)

    before = ask(house, version, "StatusNotification")
    booted = boot(house, version)
    after = ask(house, version, "StatusNotification")

    assert is_refused(before)
    assert isinstance(booted, CallResult)
    assert after == CallResult("m-1", {})


def test_c07_a_refused_call_leaves_nothing_behind() -> None:
    house = house_of(V16)

    ask(house, V16, "StartTransaction")

    assert house.transactions.of(CP) == []


def test_a53_once_accepted_it_is_accepted_after_a_reconnect_without_a_boot() -> None:
    house = house_of(V201)
    boot(house, V201)

    house.connect(CP, V201, EPOCH + 1)

    assert ask(house, V201, "StatusNotification") == CallResult("m-1", {})


def test_a_fleet_that_moved_here_without_booting_can_be_let_in() -> None:
    house = house_of(V16, gate=Gate.REGISTERED)

    assert ask(house, V16, "StatusNotification") == CallResult("m-1", {})


def test_a_boot_in_the_same_batch_counts() -> None:
    house = house_of(V16)
    stale = house.row(CP)
    boot(house, V16)
    status = Call("m-1", "StatusNotification", sample(V16, "StatusNotification", full=False))

    inbox.process(of_frame(CP, status, house.now), house.ports(), queue=inbox.INCOMING, rows={CP: stale})

    assert stale.boot is None
    assert house.row(CP).connectors.keys() == {"1"}


@pytest.mark.parametrize("registration", [Registration.PENDING, Registration.REJECTED])
@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_c06_nothing_but_a_boot_is_heard_before_acceptance(version: Version, registration: Registration) -> None:
    house = house_of(version, registration, Gate.REGISTERED)

    booted, status = boot(house, version), ask(house, version, "StatusNotification")

    assert isinstance(booted, CallResult)
    assert booted.payload["status"] == registration
    assert is_refused(status)


@pytest.mark.parametrize(
    ("version", "trigger", "requested", "action"),
    [
        (V16, "TriggerMessage", "StatusNotification", "StatusNotification"),
        (V16, "ExtendedTriggerMessage", "SignChargePointCertificate", "SignCertificate"),
        (V201, "TriggerMessage", "StatusNotification", "StatusNotification"),
        (V201, "TriggerMessage", "SignChargingStationCertificate", "SignCertificate"),
    ],
)
def test_c06_what_was_triggered_is_heard_while_pending(
    version: Version, trigger: str, requested: str, action: str
) -> None:
    house = house_of(version, Registration.PENDING)
    boot(house, version)

    command(house, version, trigger, {"requestedMessage": requested}, CommandState.ACCEPTED)

    assert isinstance(ask(house, version, action), CallResult)
    assert is_refused(ask(house, version, "Heartbeat"))


@pytest.mark.parametrize(("request_id", "refused"), [(7, False), (8, True)])
def test_c06_a_report_is_heard_while_pending_if_it_is_the_one_asked_for(request_id: int, refused: bool) -> None:
    house = house_of(V201, Registration.PENDING)
    boot(house, V201)

    command(house, V201, "GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"}, CommandState.SENT)

    assert is_refused(ask(house, V201, "NotifyReport", requestId=request_id)) is refused


@pytest.mark.parametrize(
    ("registration", "state"),
    [(Registration.REJECTED, CommandState.ACCEPTED), (Registration.PENDING, CommandState.REJECTED)],
)
def test_c06_neither_one_that_is_rejected_nor_one_that_rejected_the_trigger_is_heard(
    registration: Registration, state: CommandState
) -> None:
    house = house_of(V201, registration)
    boot(house, V201)

    command(house, V201, "TriggerMessage", {"requestedMessage": "StatusNotification"}, state)

    assert is_refused(ask(house, V201, "StatusNotification"))


def test_an_old_trigger_is_no_licence() -> None:
    house = house_of(V201, Registration.PENDING)
    boot(house, V201)
    command(house, V201, "TriggerMessage", {"requestedMessage": "StatusNotification"}, CommandState.ACCEPTED)

    house.tick(3601)

    assert is_refused(ask(house, V201, "StatusNotification"))


def with_certificate(house: House, name: str, version: Version = V201) -> None:
    connection = Connection(version, GATEWAY, 0, EPOCH + 1, house.now, certificate_name=name)
    house.registry.connect(CP, connection, 0)


@pytest.mark.parametrize("version", [V201, V21], ids=str)
def test_a46_a_boot_with_the_serial_number_of_its_certificate_is_accepted(version: Version) -> None:
    house = house_of(version)
    with_certificate(house, "SN-1", version)

    [answer] = house.send(CP, Call("m-1", "BootNotification", BOOT_201))

    assert isinstance(answer, CallResult)
    assert house.outbound.evicted == []


def test_a46_c13_a_boot_with_another_serial_number_is_refused_and_its_socket_closed() -> None:
    house = house_of(V201)
    with_certificate(house, "SN-2")

    [answer] = house.send(CP, Call("m-1", "BootNotification", BOOT_201))

    assert is_refused(answer)
    assert house.outbound.evicted == [(GATEWAY, CP, EPOCH + 1)]
    assert house.row(CP).boot is None


def test_a57_the_certificate_of_a_local_controller_will_do_if_the_row_says_so() -> None:
    house = House()
    house.register(CP, certificate_names=("LC-1",))
    with_certificate(house, "LC-1")

    [answer] = house.send(CP, Call("m-1", "BootNotification", BOOT_201))

    assert isinstance(answer, CallResult)
