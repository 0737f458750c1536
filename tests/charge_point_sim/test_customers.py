"""Displays, customers, firmware for others, reports of chosen variables."""

from typing import Any

import pytest

from charge_point_sim import sessions
from charge_point_sim.customers import NOTHING
from charge_point_sim.parts import Token
from ocppj.frames import Payload
from ocppj.versions import V201
from tests.charge_point_sim.script import ACCEPTED, Wire
from tests.charge_point_sim.test_every_command import HASHES

UNKNOWN = {"status": "Unknown"}


@pytest.fixture
def wire() -> Wire:
    return Wire(V201, connectors=2, sample_s=0).boot()


def _show(wire: Wire, number: int, **more: Any) -> Payload:
    content = {"format": more.pop("format", "UTF8"), "content": "Hello"}
    return wire.order("SetDisplayMessage", message={"id": number, "priority": "InFront", "message": content} | more)


def test_messages_are_listed_by_what_is_asked_and_cleared(wire: Wire) -> None:
    for number in range(12):
        _show(wire, number, state="Charging" if number < 2 else "Idle")

    wire.order("GetDisplayMessages", requestId=7)
    wire.order("GetDisplayMessages", requestId=8, state="Charging", id=[1, 5])
    cleared = [wire.order("ClearDisplayMessage", id=1) for _ in range(2)]

    told = wire.script.payloads("NotifyDisplayMessages")
    assert [(each["requestId"], len(each["messageInfo"]), each["tbc"]) for each in told] == [
        (7, 10, True), (7, 2, False), (8, 1, False),
    ]  # fmt: skip
    assert cleared == [ACCEPTED, UNKNOWN]


def test_a_message_ends_with_its_time(wire: Wire) -> None:
    _show(wire, 1, endDateTime="2026-07-01T12:01:00Z")

    wire.run(61)

    assert wire.order("GetDisplayMessages", requestId=7) == UNKNOWN


def test_a_message_for_a_transaction_ends_with_it(wire: Wire) -> None:
    unknown = _show(wire, 1, transactionId="another")
    wire.act(lambda: sessions.plug_in(wire.cp, wire.cp.connectors[0], Token("TAG-1")))
    wire.run(3)
    session = wire.cp.connectors[0].running
    assert session
    known = _show(wire, 1, transactionId=session.transaction_id)

    wire.act(lambda: sessions.stop_all(wire.cp, "local"))

    assert (unknown["status"], known["status"]) == ("UnknownTransaction", "Accepted")
    assert wire.order("GetDisplayMessages", requestId=7) == UNKNOWN


def test_a_format_it_can_not_show_is_refused(wire: Wire) -> None:
    assert _show(wire, 1, format="HTML") == {"status": "NotSupportedMessageFormat"}


def test_a_customer_is_told_and_then_forgotten(wire: Wire) -> None:
    wire.cp.accepted_tokens.add("TAG-1")
    wire.cp.local_list["TAG-1"] = "Accepted"
    ask = {"requestId": 7, "idToken": {"idToken": "TAG-1", "type": "ISO14443"}}

    wire.order("CustomerInformation", report=True, clear=True, **ask)
    wire.order("CustomerInformation", report=True, clear=False, **ask)

    before, after = [each["data"] for each in wire.script.payloads("NotifyCustomerInformation")]
    assert before == "authorization cache: TAG-1 Accepted\nlocal list: TAG-1 Accepted"
    assert after == NOTHING


def test_long_information_comes_in_parts() -> None:
    wire = Wire(V201, connectors=40, sample_s=0).boot()
    for connector in wire.cp.connectors:
        sessions.plug_in(wire.cp, connector, Token("TAG-1"))
    wire.run(5)

    wire.order("CustomerInformation", requestId=7, report=True, clear=False, customerIdentifier="TAG-1")

    parts = wire.script.payloads("NotifyCustomerInformation")
    assert [(part["seqNo"], part["tbc"]) for part in parts] == [(0, True), (1, False)]
    assert "".join(part["data"] for part in parts).count("transaction: ") == 40


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        ({"report": True, "clear": False}, "Invalid"),
        ({"report": True, "clear": False, "customerIdentifier": "a", "customerCertificate": HASHES}, "Invalid"),
        ({"report": False, "clear": False, "customerIdentifier": "a"}, "Rejected"),
    ],
)  # fmt: skip
def test_a_question_about_nobody_or_nothing_is_refused(wire: Wire, ask: dict[str, Any], status: str) -> None:
    assert wire.order("CustomerInformation", requestId=7, **ask) == {"status": status}


@pytest.mark.parametrize(
    ("location", "last", "unpublished"),
    [
        ("http://a/b.bin", "Published", "Unpublished"),
        ("http://a/fail.bin", "DownloadFailed", "NoFirmware"),
        ("http://a/forged.bin", "InvalidChecksum", "NoFirmware"),
    ],
)
def test_firmware_is_published_for_others(wire: Wire, location: str, last: str, unpublished: str) -> None:
    checksum = "a" * 32

    wire.order("PublishFirmware", location=location, checksum=checksum, requestId=7)
    meanwhile = wire.order("UnpublishFirmware", checksum=checksum)
    wire.run(20)

    told = [each["status"] for each in wire.script.payloads("PublishFirmwareStatusNotification")]
    assert meanwhile == {"status": "DownloadOngoing"}
    assert (told[0], told[-1]) == ("Downloading", last)
    assert wire.order("UnpublishFirmware", checksum=checksum) == {"status": unpublished}


@pytest.mark.parametrize(
    ("ask", "rows"),
    [
        ({"componentVariable": [{"component": {"name": "evse"}, "variable": {"name": "Power"}}]}, 2),
        ({"componentVariable": [{"component": {"name": "EVSE", "evse": {"id": 1}}}]}, 4),
        ({"componentVariable": [{"component": {"name": "Fan"}}]}, 0),
        ({"componentCriteria": ["Problem"]}, 0),
        ({"componentCriteria": ["Active"], "componentVariable": [{"component": {"name": "EVSE"}}]}, 0),
        ({"componentCriteria": ["Available"], "componentVariable": [{"component": {"name": "EVSE"}}]}, 8),
    ],
)
def test_a_report_is_about_what_was_asked(wire: Wire, ask: dict[str, Any], rows: int) -> None:
    answer = wire.order("GetReport", requestId=7, **ask)

    told = [row for part in wire.script.payloads("NotifyReport") for row in part["reportData"]]
    assert (answer["status"], len(told)) == ("Accepted" if rows else "EmptyResultSet", rows)


def test_power_is_what_flows_now(wire: Wire) -> None:
    wire.act(lambda: sessions.plug_in(wire.cp, wire.cp.connectors[0], Token("TAG-1")))
    wire.run(5)

    item = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
    (result,) = wire.order("GetVariables", getVariableData=[item])["getVariableResult"]

    assert float(result["attributeValue"]) == round(wire.cp.connectors[0].meter.power_w) > 0
