"""What the store of reports promises, and what all stores do with things larger than an item."""

import random
from dataclasses import replace

from domain.models import (
    Command,
    CommandState,
    Transaction,
    TransactionEvent,
)
from ocppj.versions import V201
from tests.adapters.stores import NOON, Stores


def test_reports_are_kept_by_key_and_replaced_by_the_same_key(stores: Stores) -> None:
    stores.reports.keep(stores.name, "NotifyReport", "7#1", {"part": "old"}, NOON)
    stores.reports.keep(stores.name, "NotifyReport", "7#1", {"part": 1, "x": [0.1, 1e30, None]}, NOON)
    stores.reports.keep(stores.name, "NotifyReport", "7#0", {"part": 0}, NOON)
    stores.reports.keep(stores.name, "NotifyReportX", "7#0", {}, NOON)

    kept = stores.reports.of_charge_point(stores.name, "NotifyReport")

    assert kept == [{"part": 0}, {"part": 1, "x": [0.1, 1e30, None]}]
    assert stores.reports.of_charge_point(stores.name, "NotifyEvent") == []


def test_reports_are_found_by_how_their_key_begins(stores: Stores) -> None:
    long = "x" * 2000
    for key in ("7#1", "71#0", "7#0", long):
        stores.reports.keep(stores.name, "NotifyReport", key, {"key": key}, NOON)

    found = stores.reports.of_charge_point(stores.name, "NotifyReport", "7#")

    assert found == [{"key": "7#0"}, {"key": "7#1"}]
    assert stores.reports.of_charge_point(stores.name, "NotifyReport", long) == [{"key": long}]


def test_a_report_of_a_megabyte_is_kept(stores: Stores) -> None:
    report = {"reportData": [{"component": {"name": f"C{n}"}, "value": "x" * 90} for n in range(8000)]}

    stores.reports.keep(stores.name, "NotifyReport", "1", report, NOON)

    assert stores.reports.of_charge_point(stores.name, "NotifyReport") == [report]


def test_keys_longer_than_any_database_likes_stay_distinct(stores: Stores) -> None:
    long = "é" * 2000

    stores.reports.keep(stores.name, "DataTransfer", f"{long}1", {"n": 1}, NOON)
    stores.reports.keep(stores.name, "DataTransfer", f"{long}2", {"n": 2}, NOON)

    kept = stores.reports.of_charge_point(stores.name, "DataTransfer")
    assert sorted(payload["n"] for payload in kept) == [1, 2]


def test_what_is_larger_than_an_item_comes_back_whole_wherever_it_was_said(stores: Stores) -> None:
    noise = [random.Random(seed).randbytes(400_000).hex() for seed in range(3)]  # noqa: S311  no secret
    payload, answer, late = ({"data": text} for text in noise)
    command = Command("large-" + stores.name, stores.name, "DataTransfer", payload, V201, CommandState.SENT, NOON, NOON)
    about = Transaction(stores.name, "T-1", V201)

    stores.commands.add(command)
    moved = stores.commands.move(command.command_id, CommandState.ACCEPTED, answer=answer)
    stores.commands.note(command.command_id, late_answer=late)
    for _ in range(2):
        stores.reports.keep(stores.name, "DataTransfer", "1", payload, NOON)
        stores.transactions.record(TransactionEvent(0, "Updated", "Trigger", NOON, False, about, answer))
        stores.transactions.sample(replace(about, transaction_id="T-2"), [late | {"timestamp": "t"}])

    assert moved == replace(command, state=CommandState.ACCEPTED, answer=answer)
    assert stores.commands.find(command.command_id) == replace(moved, late_answer=late)
    assert list(stores.commands.of_charge_point(stores.name, 5)) == [replace(moved, late_answer=late)]
    assert stores.reports.of_charge_point(stores.name, "DataTransfer") == [payload]
    assert stores.transactions.told(stores.name, "T-1") == [answer]
    assert stores.transactions.told(stores.name, "T-2") == [late | {"timestamp": "t"}]
