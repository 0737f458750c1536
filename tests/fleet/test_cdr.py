"""Charge detail records, written out by hand."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.dynamodb import Tables
from adapters.dynamodb_transactions import DynamoTransactions
from domain import tariffs
from domain.models import Transaction
from domain.reconciler import reconciled
from domain.tariffs import Tariff
from fleet import cdr, cdr_command
from fleet.reading import Reading
from ocppj.versions import V16, V201
from tests.domain.test_tariffs import KWH, NOON, charged, read, state, tariff
from tests.fleet.office import Office
from tests.house import House

Payload = dict[str, Any]

TERMS = (
    KWH, {"dimension": "time", "price": "0.05"}, {"dimension": "idle", "price": "0.10"},
    {"dimension": "session", "price": "1.00"},
)  # fmt: skip


def billed(transaction: Transaction, told: list[Payload], *terms: Tariff) -> Transaction:
    return replace(transaction, cost=tariffs.cost(transaction, told, terms), tariff_id="T")


@pytest.fixture
def office() -> Office:
    office = Office()
    for number, partner in enumerate(("DE-ABC", "=1+1", None)):
        start = Transaction(
            f"CP-{number}", "", V16, connector="1", id_token="card", started_at=NOON, meter_start_wh=0, partner=partner
        )
        begun = office.transactions.begin(start)
        ended_at = NOON + timedelta(hours=1)
        office.transactions.finish(replace(begun, ended_at=ended_at, meter_stop_wh=5_000, stop_received_at=ended_at))
    return office


def export(office: Office, *arguments: str) -> Any:
    @contextmanager
    def opened() -> Iterator[Reading]:
        yield office.reading

    return CliRunner().invoke(cdr_command.app_of(opened), ["export", *arguments])


def test_a_transaction_with_its_cost_is_a_record_of_ocpi() -> None:
    told = read(NOON, (0, 0), (60, 10_000), (90, 10_000))
    plain = charged(hours=1.5, id_token="card", partner="de-abc", stop_received_at=NOON + timedelta(hours=2))

    found = cdr.record(billed(plain, told, tariff(*TERMS)), told)

    assert found == {
        "country_code": "DE",
        "party_id": "ABC",
        "id": "f23ad0df-200a-5c4b-aa77-f99dfce73eab",
        "start_date_time": "2026-11-21T12:00:00.000Z",
        "end_date_time": "2026-11-21T13:30:00.000Z",
        "session_id": "1",
        "cdr_token": {
            "country_code": None, "party_id": None, "uid": "card", "type": "RFID", "contract_id": None,
        },
        "auth_method": "WHITELIST",
        "cdr_location": {"id": "CP-001", "evse_uid": "CP-001/1", "connector_id": "1"},
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": "2026-11-21T12:00:00.000Z",
                "dimensions": [{"type": "ENERGY", "volume": 10.0}, {"type": "TIME", "volume": 1.0}],
                "tariff_id": "T",
            },
            {
                "start_date_time": "2026-11-21T13:00:00.000Z",
                "dimensions": [{"type": "ENERGY", "volume": 0.0}, {"type": "PARKING_TIME", "volume": 0.5}],
                "tariff_id": "T",
            },
        ],
        "signed_data": None,
        "total_cost": {"excl_vat": 11.9, "incl_vat": 14.16},
        "total_energy": 10.0,
        "total_time": 1.5,
        "total_parking_time": 0.5,
        "total_fixed_cost": {"excl_vat": 1.0, "incl_vat": 1.19},
        "total_energy_cost": {"excl_vat": 4.9, "incl_vat": 5.831},
        "total_time_cost": {"excl_vat": 3.0, "incl_vat": 3.57},
        "total_parking_cost": {"excl_vat": 3.0, "incl_vat": 3.57},
        "remark": None,
        "last_updated": "2026-11-21T14:00:00.000Z",
    }  # fmt: skip


def test_what_is_free_costs_nothing_and_what_has_no_tariff_has_no_cost() -> None:
    free = cdr.record(billed(charged(), [], tariff({"dimension": "energy", "price": "0"})), [])
    without = cdr.record(charged(), [])

    assert (free["total_cost"], free["currency"]) == ({"excl_vat": 0.0, "incl_vat": 0.0}, "EUR")
    assert (without["total_cost"], without["total_energy_cost"], without["currency"]) == (None, None, None)
    assert without["total_energy"] == 10


def test_a_cost_from_before_the_end_is_no_bill() -> None:
    running = charged(ended_at=None, meter_stop_wh=None, energy_wh=3_000, sampled_at=NOON + timedelta(minutes=5))
    early = tariffs.cost(running, [], [tariff(KWH)])

    assert cdr.record(charged(cost=early), [])["total_cost"] is None
    assert cdr.record(replace(running, cost=early, next_started_at=NOON), [])["total_cost"]["excl_vat"] == 0.98


def test_what_the_reconciler_put_right_is_what_is_charged_and_remarked() -> None:
    corrected = charged(meter_stop_wh=11)  # in kWh

    found = cdr.record(billed(corrected, [], tariff(KWH)), [])

    assert (found["total_energy"], found["remark"]) == (10.0, "kwh_slip")
    assert found["total_cost"]["excl_vat"] == 4.9


def test_the_periods_of_a_record_add_up_to_its_totals() -> None:
    told = [state(NOON, 0, "Charging"), state(NOON, 20, "SuspendedEVSE"), state(NOON, 27, "SuspendedEV")]
    found = cdr.record(charged(version=V201, connector="2.1", id_token_type="eMAID", id_token="DE8AA"), told)

    volumes = [
        (dimension["type"], dimension["volume"]) for one in found["charging_periods"] for dimension in one["dimensions"]
    ]
    assert sum(volume for name, volume in volumes if name == "ENERGY") == found["total_energy"]
    assert [name for name, _ in volumes] == ["ENERGY", "TIME", "ENERGY", "PARKING_TIME"]
    assert (found["total_time"], found["total_parking_time"]) == (1.0, 0.6667)
    assert found["cdr_location"] == {"id": "CP-001", "evse_uid": "CP-001/2", "connector_id": "1"}
    assert (found["cdr_token"]["type"], found["cdr_token"]["contract_id"]) == ("OTHER", "DE8AA")


def test_one_without_an_end_is_recorded_to_its_last_reading() -> None:
    left = charged(
        ended_at=None, meter_stop_wh=None, stop_received_at=None, energy_wh=3_000, sampled_at=NOON + timedelta(hours=2),
        next_started_at=NOON + timedelta(hours=9),
    )  # fmt: skip

    found = cdr.record(left, [])

    assert (found["end_date_time"], found["total_energy"], found["remark"]) == (
        "2026-11-21T14:00:00.000Z", 2.0, "left_open"
    )  # fmt: skip


def test_an_end_without_a_begin_has_no_energy_and_no_time() -> None:
    orphan = reconciled(Transaction("CP-001", "1", V16, ended_at=NOON, meter_stop_wh=5, stop_received_at=NOON))

    found = cdr.record(orphan, [])

    assert (found["start_date_time"], found["end_date_time"]) == (None, "2026-11-21T12:00:00.000Z")
    assert (found["total_energy"], found["total_time"], found["charging_periods"]) == (None, None, [])


def test_what_a_1_6_meter_signed_is_kept_verbatim() -> None:
    signed = {"value": "OCMF|{}|{}", "format": "SignedData", "context": "Transaction.End"}

    found = cdr.record(charged(), [{"timestamp": "2026-11-21T13:00:00Z", "sampledValue": [signed]}])

    assert found["signed_data"] == {
        "encoding_method": "OCMF",
        "public_key": None,
        "signed_values": [{"nature": "End", "plain_data": None, "signed_data": "OCMF|{}|{}"}],
    }


def test_what_a_2_x_meter_signed_comes_with_its_method_and_key() -> None:
    signed = {"signedMeterData": "QUJD", "signingMethod": "", "encodingMethod": "EDL", "publicKey": "S0VZ"}
    value = {"value": 0, "context": "Transaction.Begin", "signedMeterValue": signed}
    told = {"timestamp": "2026-11-21T12:00:00Z", "meterValue": [{"timestamp": "x", "sampledValue": [value]}]}

    found = cdr.record(charged(version=V201), [told])

    assert found["signed_data"] == {
        "encoding_method": "EDL",
        "public_key": "S0VZ",
        "signed_values": [{"nature": "Start", "plain_data": None, "signed_data": "QUJD"}],
    }


def test_the_id_of_a_record_stays_and_is_no_other_ones() -> None:
    one, again, other = charged(), charged(tariff_id="T"), charged(charge_point_id="CP-002")

    assert cdr.record(one, [])["id"] == cdr.record(again, [])["id"] != cdr.record(other, [])["id"]


def test_a_day_is_exported_as_a_line_of_json_for_each(office: Office) -> None:
    result = export(office, "--day", "2026-11-21")

    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["cdr_location"]["id"] for one in found] == ["CP-2", "CP-1", "CP-0"]
    assert {one["total_energy"] for one in found} == {5.0}


def test_of_a_partner_only_its_own_are_exported(office: Office) -> None:
    result = export(office, "--day", "2026-11-21", "--partner", "DE-ABC")

    (found,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (found["country_code"], found["party_id"], found["cdr_location"]["id"]) == ("DE", "ABC", "CP-0")


def test_csv_has_a_column_for_everything_in_a_record(office: Office) -> None:
    rows = list(csv.DictReader(io.StringIO(export(office, "--day", "2026-11-21", "--format", "csv").stdout)))

    assert len(rows) == 3
    assert {column.partition(".")[0] for column in rows[0]} == cdr.record(charged(), []).keys()
    assert (rows[2]["cdr_token.uid"], rows[2]["total_energy"], rows[2]["total_cost.incl_vat"]) == ("card", "5.0", "")
    assert json.loads(rows[2]["charging_periods"])[0]["dimensions"][0] == {"type": "ENERGY", "volume": 5.0}


def test_a_day_without_an_end_has_no_line_and_only_the_header_in_csv(office: Office) -> None:
    assert export(office, "--day", "2026-11-22").stdout == ""
    assert export(office, "--day", "2026-11-22", "--format", "csv").stdout == ",".join(cdr.COLUMNS) + "\n"


def test_every_page_of_a_day_is_exported() -> None:
    office = Office()
    for number in range(205):
        begun = office.transactions.begin(Transaction(f"CP-{number}", "", V16, connector="1", started_at=NOON))
        office.transactions.finish(replace(begun, ended_at=NOON + timedelta(hours=1)))

    assert len(export(office, "--day", "2026-11-21").stdout.splitlines()) == 205


@pytest.mark.parametrize("day", ["yesterday", "20261121", "2026-W47-6", "2026-11-31", ""])
def test_what_is_no_day_is_one_sentence_and_exit_code_1(office: Office, day: str) -> None:
    result = export(office, "--day", day)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"--day takes a day such as 2026-11-21, not {day}.\n"


@pytest.mark.e2e
def test_of_a_running_house_a_day_is_exported(house: House) -> None:
    transactions = DynamoTransactions(house.aws.client("dynamodb"), Tables())
    begun = transactions.begin(Transaction("CDR-001", "", V16, connector="1", started_at=NOON, meter_start_wh=0))
    transactions.finish(replace(begun, ended_at=NOON + timedelta(hours=1), meter_stop_wh=5_000))

    command = [sys.executable, "-m", "cli", "cdr", "export", "--day", "2026-11-21"]
    done = subprocess.run(command, env=os.environ | house.environment, capture_output=True, text=True, check=True)

    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["total_energy"] for one in found if one["cdr_location"]["id"] == "CDR-001"] == [5.0]
