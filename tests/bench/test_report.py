"""The page of the bench, and the crowd in pieces."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from bench import load, report, rows
from bench.crowd import Record

MACHINE: dict[str, Any] = {
    "cpu": "a <CPU>", "cores": 2, "memoryMiB": 1, "kernel": "6", "python": "3.11", "libraries": {},
    "loadAverage": [0.1],
}  # fmt: skip
TRIP = {"user_us": 10.0, "kernel_us": 10.0, "per_second": 1.0, "p50_ms": 1.0, "p99_ms": 2.0}
SERIES = {"at_s": [0.0, 2.0], "connected": [1.0, 65_536.0]}


def document(**records: Record) -> report.Json:
    named = {name.replace("_", "-"): record for name, record in records.items()}
    return report.document(datetime(2026, 11, 21, tzinfo=UTC), MACHINE, ["--full"], named)


def test_a_target_is_told_with_what_was_measured() -> None:
    naive = Record({"user_us": 150.0, "kernel_us": 49.0})

    told = document(echo=Record({"user_us": 4.0, "kernel_us": 4.0}), naive=naive, gateway=Record(TRIP))["targets"]

    assert [(each["name"], round(each["value"], 2), each["isMet"]) for each in told] == [
        ("CPU per round trip, saturated", 20.0, True),
        ("times the echo", 2.5, True),
        ("times better than the naive bridge", 9.95, False),
    ]


def test_a_row_that_did_not_run_has_no_target() -> None:
    assert document()["targets"] == []


def test_a_row_that_failed_is_told_and_has_no_target() -> None:
    told = document(gateway=Record(TRIP), crowd=Record({}, error="nobody listened"))

    assert told["failures"] == {"crowd": "nobody listened"}
    assert "crowd" not in told["results"]
    assert "crowd: nobody listened" in report.page(told)
    assert report.verdicts(told).splitlines()[0] == "crowd           FAILED  nobody listened"


def test_the_terminal_says_of_each_target_whether_it_was_met() -> None:
    lines = report.verdicts(document(gateway_2000=Record(TRIP))).splitlines()

    assert [line.split()[:2] for line in lines] == [["gateway-2000", verdict] for verdict in ("met", "MISSED", "met")]


def test_the_page_opens_without_a_network_and_shows_each_chart() -> None:
    page = report.page(document(gateway=Record(TRIP), crowd=Record({"rss_mib": 600.0}, SERIES)))

    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    assert page.count("<svg") == 2
    assert "a &lt;CPU&gt;" in page


def test_a_crowd_is_parted_among_processes_with_an_address_each() -> None:
    parts = load.parts(load.Plan(9000, 65_536, rate=400.0, first=100), 4)

    numbers = [number for part in parts for number in range(part.first, part.first + part.sockets)]
    assert numbers == list(range(100, 65_636))
    assert len({part.address(part.first) for part in parts}) == 4
    addresses = Counter(part.address(part.first + n) for part in parts for n in range(part.sockets))
    assert max(addresses.values()) <= load.PER_ADDRESS
    assert sum(part.rate for part in parts) == 400.0


def test_every_row_can_be_told() -> None:
    assert [name for name in rows.ROWS if name not in report.WORDS] == []
