"""The table of conformance is complete, and says what the tests say."""

from collections import Counter

import pytest

from ocppj.versions import V16, V21, V201
from tests.conformance import actions, table


def test_every_row_has_a_test_or_a_reason() -> None:
    missing = [row.row_id for section in table.checklist() for row in section.rows if row.state == "MISSING"]

    assert missing == []


def test_every_test_names_rows_that_there_are() -> None:
    known = {row.row_id for section in table.checklist() for row in section.rows}

    strange = [(test.file, test.name) for test in table.named_tests() if not set(test.rows) <= known]

    assert strange == []


def test_every_action_of_every_version_has_a_test_that_names_it() -> None:
    found = actions.cells()
    based = {(action, V21) for action, version in found if version is V201}

    assert Counter(version for _, version in found) == {V16: 14, V201: 25, V21: 25 + 12}
    assert [str(cell) for cell, tests in found.items() if not tests and cell not in based] == []


def test_the_page_is_current() -> None:
    assert table.PAGE.read_text("utf-8") == table.page(table.checklist()), "run: python -m tests.conformance.table"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("test_a21_wrong_password_is_401", ("A-21",)),
        ("test_b32_e8_another_type", ("B-32", "E8")),
        ("test_e1_to_e4_each", ("E1", "E2", "E3", "E4")),
        ("test_c100_every_status", ("C-100",)),
        ("test_a_browser_is_told", ()),
        ("test_e2e_something", ()),
        ("test_b3_a_wrong_payload", ()),
    ],
)
def test_the_rows_of_a_test_are_what_its_name_begins_with(name: str, rows: tuple[str, ...]) -> None:
    assert table.rows_of(name) == rows


def test_the_tests_that_need_more_than_python_are_known() -> None:
    source = "@pytest.mark.e2e\nasync def test_a21_x() -> None: ...\n\n\ndef test_b01_y() -> None: ...\n"

    assert [(test.name, test.is_e2e) for test in table.tests_of(source, "t.py")] == [
        ("test_a21_x", True),
        ("test_b01_y", False),
    ]
