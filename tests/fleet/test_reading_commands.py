"""Reading on the command line."""

import json
from datetime import timedelta

import pytest

from domain.models import Transaction
from ocppj.versions import V16
from tests.fleet.clerk import run
from tests.fleet.office import NOON, Office

TABLE = """\
chargePointId  transactionId  connector  idToken  startedAt             endedAt               billedWh
CP-1           2              1          card     2026-11-21T12:01:00Z
CP-1           1              1          card     2026-11-21T12:00:00Z  2026-11-21T12:01:00Z  500
"""


@pytest.fixture
def office() -> Office:
    office = Office()
    for minute in range(2):
        at = NOON + timedelta(minutes=minute)
        start = Transaction("CP-1", "", V16, connector="1", id_token="card", started_at=at, meter_start_wh=0)
        office.transactions.begin(start)
    ended = Transaction("CP-1", "1", V16, ended_at=NOON + timedelta(minutes=1), meter_stop_wh=500)
    office.transactions.finish(ended)
    return office


def test_transactions_are_a_table_newest_first(office: Office) -> None:
    result = run(office, "transactions", "CP-1")

    assert "\n".join(line.rstrip() for line in result.output.splitlines()) + "\n" == TABLE


@pytest.mark.parametrize(("arguments", "ids"), [((), ["2"]), (("--token", "CARD"), ["2", "1"]), (("CP-9",), [])])
def test_they_are_of_a_token_or_those_that_are_open(office: Office, arguments: tuple[str, ...], ids: list[str]) -> None:
    result = run(office, "transactions", "--json", *arguments)

    assert [one["transactionId"] for one in json.loads(result.output)["data"]] == ids


def test_a_page_says_how_to_get_the_next(office: Office) -> None:
    first = run(office, "transactions", "CP-1", "--limit", "1")
    cursor = first.output.rpartition("--cursor ")[2].strip()

    assert "CP-1           1 " in run(office, "transactions", "CP-1", "--cursor", cursor).output


def test_a_transaction_is_shown_with_its_samples(office: Office) -> None:
    value = {"timestamp": "2026-11-21T12:00:30Z", "sampledValue": [{"value": "250"}]}
    office.transactions.sample(Transaction("CP-1", "1", V16), [value])

    result = run(office, "transaction", "CP-1", "1")

    assert "Energy.Active.Import.Register  250.0  Wh" in result.output


def test_security_events_are_listed(office: Office) -> None:
    office.reports.keep("CP-1", "SecurityEventNotification", "1", {"type": "FirmwareUpdated"}, NOON)

    assert "FirmwareUpdated" in run(office, "security-events", "CP-1").output


def test_the_configuration_of_1_6_is_shown(office: Office) -> None:
    office.reports.keep(
        "CP-1", "Configuration", "HeartbeatInterval", {"key": "HeartbeatInterval", "value": "300"}, NOON
    )

    assert "HeartbeatInterval  300" in run(office, "device-model", "CP-1").output


@pytest.mark.parametrize(
    "arguments",
    [
        ("transactions", "CP-1", "--from", "yesterday"), ("transactions", "CP-1", "--token", "x"),
        ("transactions", "CP-1", "--cursor", "x"), ("transaction", "CP-1", "99"), ("reports", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence_and_exit_code_1(office: Office, arguments: tuple[str, ...]) -> None:
    result = run(office, *arguments)

    assert (result.exit_code, result.output.count("\n"), result.output[-2:]) == (1, 1, ".\n")
