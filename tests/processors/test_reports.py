"""What comes in parts, what goes on, and what is known of a device in the end."""

from typing import Any

import pytest

from domain import assembly
from domain.models import Command, CommandState
from ocppj.frames import Call, CallResult
from ocppj.versions import V16, V21, V201, Version
from tests.processors.house import House
from tests.processors.samples import sample

CP = "CP-001"


def house_of(version: Version = V201) -> House:
    house = House()
    house.register(CP, version)
    return house


def tell(house: House, action: str, message_id: str = "m-1", **payload: Any) -> dict[str, Any]:
    [answer] = house.send(CP, Call(message_id, action, payload))
    assert isinstance(answer, CallResult)
    return answer.payload


def part(seq_no: int, *names: str, request_id: int = 7, tbc: bool = True, value: str = "1") -> dict[str, Any]:
    entries = [
        {"component": {"name": "C"}, "variable": {"name": name}, "variableAttribute": [{"value": value}]}
        for name in names
    ]
    part: dict[str, Any] = {"requestId": request_id, "seqNo": seq_no, "generatedAt": "2026-11-21T11:59:00Z"}
    return part | ({"reportData": entries} if entries else {}) | ({"tbc": True} if tbc else {})


def variables(house: House) -> dict[str, str]:
    model = assembly.device_model(house.reports, CP)
    return {entry["variable"]["name"]: entry["variableAttribute"][0]["value"] for entry in model}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 1, 2, 0, 2), (2, 0, 1)])
def test_c86_an_inventory_counts_once_all_its_parts_are_there(order: tuple[int, ...]) -> None:
    house = house_of()
    parts = [part(0, "A", "B"), part(1, "C"), part(2, tbc=False)]

    before = []
    for number in order:
        before.append(variables(house))
        assert tell(house, "NotifyReport", **parts[number]) == {}

    assert variables(house) == {"A": "1", "B": "1", "C": "1"}
    assert before[len(set(order)) - 1] == {}


def test_c86_parts_of_two_reports_may_interleave_and_the_newer_one_counts() -> None:
    house = house_of()
    newer: dict[str, Any] = {"request_id": 8, "value": "2"}

    for told in (part(0, "A", "B"), part(0, "B", **newer), part(1, tbc=False, **newer), part(1, "C", tbc=False)):
        tell(house, "NotifyReport", **(told | {"generatedAt": f"2026-11-21T11:0{told['requestId']}:00Z"}))

    assert variables(house) == {"A": "1", "B": "2", "C": "1"}


def test_c86_a_shorter_report_under_an_old_request_id_has_no_tail_of_the_old_one() -> None:
    house = house_of()
    for told in (part(0, "A"), part(1, "B", tbc=False), part(0, "C", tbc=False)):
        tell(house, "NotifyReport", **told)

    assert variables(house) == {"C": "1"}


def test_c87_customer_information_is_one_text() -> None:
    house = house_of()
    at = "2026-11-21T11:59:00Z"

    tell(house, "NotifyCustomerInformation", data="world", seqNo=1, generatedAt=at, requestId=1)
    tell(house, "NotifyCustomerInformation", data="hello ", seqNo=0, generatedAt=at, requestId=1, tbc=True)

    [complete] = assembly.complete(house.reports, CP, "NotifyCustomerInformation")
    assert complete["data"] == "hello world"


@pytest.mark.parametrize(
    ("version", "action"),
    [
        (V201, "NotifyMonitoringReport"), (V201, "NotifyDisplayMessages"), (V201, "ReportChargingProfiles"),
        (V21, "ReportDERControl"),
    ],
)  # fmt: skip
def test_c87_parts_with_and_without_numbers_are_put_together_once_each(version: Version, action: str) -> None:
    house = house_of(version)
    last = sample(version, action, full=True) | {"tbc": False}
    last |= {"seqNo": 0} if "seqNo" in last else {}

    tell(house, action, "m-1", **last)
    tell(house, action, "m-2", **last)

    [complete] = assembly.complete(house.reports, CP, action)
    assert len(complete[assembly.PARTS[action] or "parts"]) == 1


def test_the_configuration_of_a_1_6_charge_point_is_what_it_answered_last() -> None:
    house = house_of(V16)

    for number, keys in enumerate([{"A": "1", "B": "1"}, {"b": "2"}]):
        command_id = f"c-{number}"
        house.commands.add(
            Command(command_id, CP, "GetConfiguration", {}, V16, CommandState.SENT, house.now, house.now)
        )
        told = [{"key": key, "readonly": False, "value": value} for key, value in keys.items()]
        house.send(CP, CallResult(command_id, {"configurationKey": told, "unknownKey": ["X"]}))

    known = assembly.configuration(house.reports, CP)
    assert [(entry["key"], entry["value"]) for entry in known] == [("A", "1"), ("b", "2")]


# What goes on


def states(house: House, subject: str) -> list[dict[str, Any]]:
    return [state["said"] for state in house.reports.of_charge_point(CP, subject)]


def test_c101_an_update_is_where_its_newest_status_says_whatever_comes_late() -> None:
    house = house_of()
    begun_ms = int(house.now.timestamp() * 1000)

    for seconds, status in ((0, "Downloading"), (60, "Installed"), (30, "Downloaded")):
        told = Call("m", "FirmwareStatusNotification", {"status": status, "requestId": 5})
        house.send(CP, told, receivedAt=begun_ms + seconds * 1000)

    assert states(house, "Firmware") == [{"status": "Installed", "requestId": 5}]


def test_c100_idle_answers_a_trigger_and_ends_no_job() -> None:
    house = house_of(V16)

    tell(house, "DiagnosticsStatusNotification", status="Uploading")
    house.tick(1)
    tell(house, "DiagnosticsStatusNotification", status="Idle")

    assert states(house, "Log") == [{"status": "Uploading"}]


def test_a_limit_from_outside_lasts_until_it_is_cleared() -> None:
    house = house_of()

    tell(house, "NotifyChargingLimit", evseId=1, chargingLimit={"chargingLimitSource": "EMS"})
    house.tick(1)
    tell(house, "ClearedChargingLimit", evseId=1, chargingLimitSource="EMS")

    [limit] = house.reports.of_charge_point(CP, "ChargingLimit")
    assert limit["action"] == "ClearedChargingLimit"


def test_c53_a_reservation_is_used_by_the_start_it_was_made_for() -> None:
    house = house_of(V16)
    begin: dict[str, Any] = {
        "connectorId": 1,
        "idTag": "A",
        "meterStart": 0,
        "timestamp": "2026-11-21T11:59:00Z",
        "reservationId": 5,
    }

    started = tell(house, "StartTransaction", **begin)

    used = {"reservationUpdateStatus": "Used", "transactionId": str(started["transactionId"])}
    assert states(house, "Reservation") == [used]


def test_a_reservation_that_expired_says_so() -> None:
    house = house_of()

    tell(house, "ReservationStatusUpdate", reservationId=5, reservationUpdateStatus="Expired")

    assert [state["reservationUpdateStatus"] for state in states(house, "Reservation")] == ["Expired"]


@pytest.mark.parametrize(
    ("action", "subject"),
    [
        ("BatterySwap", "Battery"), ("NotifySettlement", "Settlement"), ("NotifyDERAlarm", "DERAlarm"),
        ("NotifyDERStartStop", "DERControl"), ("NotifyPriorityCharging", "PriorityCharging"),
        ("OpenPeriodicEventStream", "PeriodicEventStream"), ("ClosePeriodicEventStream", "PeriodicEventStream"),
    ],
)  # fmt: skip
def test_what_2_1_tells_is_kept_and_its_newest_can_be_read(action: str, subject: str) -> None:
    house = house_of(V21)
    told = sample(V21, action, full=True)

    tell(house, action, **told)

    assert house.reports.of_charge_point(CP, action) == [told]
    assert states(house, subject) == [told]


def test_a_stream_may_be_opened_for_whatever_it_brings_is_kept() -> None:
    house = house_of(V21)

    answer = tell(house, "OpenPeriodicEventStream", **sample(V21, "OpenPeriodicEventStream", full=False))

    assert answer == {"status": "Accepted"}


@pytest.mark.parametrize("version", [V201, V21], ids=str)
def test_c111_the_schedule_of_a_vehicle_is_kept_and_nothing_is_promised(version: Version) -> None:
    house = house_of(version)
    told = sample(version, "NotifyEVChargingSchedule", full=True)

    answer = tell(house, "NotifyEVChargingSchedule", **told)

    assert answer == {"status": "Rejected"}
    assert states(house, "ChargingSchedule") == [told]


def test_a_schedule_that_nobody_plans_is_not_updated() -> None:
    house = house_of(V21)

    answer = tell(house, "PullDynamicScheduleUpdate", chargingProfileId=7)

    assert answer == {"status": "Rejected"}
    assert house.reports.of_charge_point(CP, "PullDynamicScheduleUpdate") == [{"chargingProfileId": 7}]


@pytest.mark.parametrize("of", [{}, {"evseId": 2}], ids=["station", "EVSE"])
def test_a_vat_number_comes_back_unconfirmed(of: dict[str, Any]) -> None:
    house = house_of(V21)
    told = {"vatNumber": "NL123456789B01", **of}

    answer = tell(house, "VatNumberValidation", **told)

    assert answer == {"status": "Rejected", **told}
    assert house.reports.of_charge_point(CP, "VatNumberValidation") == [told]
