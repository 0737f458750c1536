"""Filling in and comparing."""

from typing import Any

import pytest

from charge_point_sim.pattern import Names, UnknownNameError, at, difference
from tests.charge_point_sim.script import NOW


def test_a_name_alone_keeps_the_type_of_its_value() -> None:
    names = Names({"tx": 7})

    filled = names.fill({"a": "${tx}", "b": ["tx ${tx}", 1, None]}, NOW)

    assert filled == {"a": 7, "b": ["tx 7", 1, None]}


def test_now_may_be_moved() -> None:
    names = Names({})

    assert names.fill("${now}", NOW) == "2026-07-01T12:00:00.000Z"
    assert names.fill("${now-3600}", NOW) == "2026-07-01T11:00:00.000Z"
    assert names.fill("${now+1}", NOW) == "2026-07-01T12:00:01.000Z"


def test_a_name_that_stands_for_nothing_is_told() -> None:
    with pytest.raises(UnknownNameError, match="elsewhere"):
        Names({}).fill("${elsewhere}", NOW)


@pytest.mark.parametrize(
    ("pattern", "actual"),
    [
        ("*", None),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({}, {"b": 2}),
        ([1, "*"], [1, {}]),
        ("~^20[0-9]{2}", "2026-07-01"),
        ({"any_of": ["a", {"b": 1}]}, {"b": 1, "c": 1}),
        (1, 1.0),
    ],
)
def test_what_is_like_the_pattern_matches(pattern: Any, actual: Any) -> None:
    assert difference(pattern, actual) is None


@pytest.mark.parametrize(
    ("pattern", "actual", "problem"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "/a/b is 2, not 1"),
        ({"a": "*"}, {}, "/a is missing"),
        ([1], [1, 2], "is [1, 2], not [1]"),
        ([{"a": 1}], [{"a": 2}], "/0/a is 2, not 1"),
        ("~^20", 2026, "is 2026, which is not like '^20'"),
        ({"any_of": ["a", "b"]}, "c", "is 'c', not one of ['a', 'b']"),
        (True, 1, "is 1, not True"),
        ({"a": 1}, None, "is None, not {'a': 1}"),
    ],
)
def test_a_difference_is_told_with_its_place(pattern: Any, actual: Any, problem: str) -> None:
    assert difference(pattern, actual) == problem


@pytest.mark.parametrize(("path", "value"), [("a/b/1", 3), ("a/c", None), ("a/b/9", None), ("a/b/x/y", None)])
def test_a_path_leads_to_a_value_or_to_nothing(path: str, value: object) -> None:
    assert at({"a": {"b": [2, 3]}}, path) == value
