"""Patterns of a scenario: what is filled in before sending, and what an answer has to look like."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from ocppj import timestamps

_NAME = re.compile(r"\$\{([^}]*)\}")
_NOW = re.compile(r"now(?:([+-])(\d+))?")


class PatternError(ValueError):
    """A pattern that can't be used; says why."""


class UnknownNameError(PatternError):
    """`${name}` stands for nothing."""


class Names:
    """What `${name}` stands for: values that were given or saved, `${uuid}`, `${now}` and `${now-3600}` (seconds)."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def fill(self, template: Any, now: datetime) -> Any:
        """The template with every name replaced; a text that is nothing but a name becomes its value, of any type.

        Raises:
            UnknownNameError: a name stands for nothing.
        """
        if isinstance(template, dict):
            return {key: self.fill(value, now) for key, value in template.items()}
        if isinstance(template, list):
            return [self.fill(value, now) for value in template]
        if not isinstance(template, str):
            return template
        if whole := _NAME.fullmatch(template):
            return self._value(whole[1], now)
        return _NAME.sub(lambda match: str(self._value(match[1], now)), template)

    def _value(self, name: str, now: datetime) -> Any:
        if name == "uuid":
            return str(uuid4())
        if match := _NOW.fullmatch(name):
            moved = timedelta(seconds=int(f"{match[1]}{match[2]}")) if match[1] else timedelta(0)
            return timestamps.write(now + moved)
        if name not in self.values:
            raise UnknownNameError(f"${{{name}}} stands for nothing here")
        return self.values[name]


def difference(pattern: Any, actual: Any, where: str = "") -> str | None:
    """Where something doesn't match a pattern, and how; nothing if it does.

    Of a mapping only the named members are looked at; `*` is anything, `~text` a regular expression that is found in
    it, and `{any_of: [...]}` one of several.

    Raises:
        PatternError: it is no pattern.
    """
    if pattern == "*":
        return None
    if isinstance(pattern, dict) and pattern.keys() == {"any_of"}:
        if not isinstance(pattern["any_of"], list):
            raise PatternError(f"any_of needs a list, not {pattern['any_of']!r}")
        problems = [difference(each, actual, where) for each in pattern["any_of"]]
        return None if None in problems else f"{_at(where)}is {actual!r}, not one of {pattern['any_of']}"
    if isinstance(pattern, dict) and isinstance(actual, dict):
        return _difference_of_members(pattern, actual, where)
    if isinstance(pattern, list) and isinstance(actual, list) and len(pattern) == len(actual):
        pairs = enumerate(zip(pattern, actual, strict=True))
        return next(
            (problem for at, (one, other) in pairs if (problem := difference(one, other, f"{where}/{at}"))), None
        )
    if isinstance(pattern, str) and pattern.startswith("~"):
        is_found = isinstance(actual, str) and _expression(pattern[1:]).search(actual) is not None
        return None if is_found else f"{_at(where)}is {actual!r}, which is not like {pattern[1:]!r}"
    is_same = pattern == actual and isinstance(pattern, bool) == isinstance(actual, bool)
    return None if is_same else f"{_at(where)}is {actual!r}, not {pattern!r}"


def at(document: Any, path: str) -> Any:
    """What stands at `a/b/0`; nothing if there is nothing."""
    for part in path.split("/"):
        if isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        elif isinstance(document, dict):
            document = document.get(part)
        else:
            return None
    return document


def _difference_of_members(pattern: dict[str, Any], actual: dict[str, Any], where: str) -> str | None:
    for key, expected in pattern.items():
        if key not in actual:
            return f"{_at(f'{where}/{key}')}is missing"
        if problem := difference(expected, actual[key], f"{where}/{key}"):
            return problem
    return None


def _expression(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise PatternError(f"{text!r} is no regular expression: {error}") from error


def _at(where: str) -> str:
    return f"{where} " if where else ""
