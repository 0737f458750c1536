"""`ocppgw archive`: how rows are shown."""

from typing import Any

import pytest

from telemetry.__main__ import Output, show

ROWS: list[dict[str, Any]] = [
    {"at": "05:30", "message": "x" * 200, "more": 1},
    {"at": "05:30:01", "message": None, "more": 2.5},
]


def test_rows_stand_side_by_side_and_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, ("at", "message"), Output.TABLE)

    assert capsys.readouterr().out.splitlines() == ["at        message", f"05:30     {'x' * 200}", "05:30:01"]


def test_rows_are_objects_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"a": 1, "b": None}, {"a": 2.5, "b": "x"}], ("a",), Output.JSON)

    assert capsys.readouterr().out.splitlines() == ['{"a":1,"b":null}', '{"a":2.5,"b":"x"}']
