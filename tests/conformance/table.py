"""The table of conformance, made from the names of the tests: `python -m tests.conformance.table` writes it.

A test belongs to the rows its name begins with: `test_a21_wrong_...`, `test_b32_e8_another_...`,
`test_e1_to_e7_each_...`. The rows are in rows.toml, with the reason where a row has no test.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance import actions

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
ROWS = Path(__file__).with_name("rows.toml")

_ROW = r"(?:[abcd]\d{2,3}|e\d{1,2})"
_NAME = re.compile(rf"test_({_ROW}(?:_(?:to_)?{_ROW})*)_[a-z0-9]")
_HEAD = """# Conformance

Every row of our checklist for the central-system side of OCPP-J 1.6, 2.0.1 and 2.1, and the tests that show it.
This page is generated from the names of the tests (`python -m tests.conformance.table`): don't edit it.
Obligation: M shall, S should, O may, C conditional, D our decision where the specification is silent.
Tests marked * need a broker or several processes (`make e2e`).

The WebSocket layer, as an echo (`python -m tests.conformance.autobahn`), was put before the server cases 1 to 10 of the
Autobahn test suite 25.10.1: of 301 cases 265 pass. 35 send binary messages, of which OCPP has none: closed with 1003.
In 7.1.5 a close comes in the middle of a message, which the library answers with 1002, not 1000.
"""


@dataclass(slots=True)
class Row:
    """One requirement, the tests that name it, and why there is none."""

    row_id: str
    obligation: str
    text: str
    without: str = ""
    tests: dict[str, str] = field(default_factory=dict)  # name -> file

    @property
    def state(self) -> str:
        return "tested" if self.tests else self.without or "MISSING"


@dataclass(slots=True)
class Section:
    """A part of the checklist."""

    name: str
    title: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class NamedTest:
    """A test function that names rows."""

    name: str
    file: str
    is_e2e: bool
    rows: tuple[str, ...]


def checklist() -> list[Section]:
    """The rows, with their tests."""
    raw = tomllib.loads(ROWS.read_text("utf-8"))
    reasons = raw.pop("reasons", {})
    sections = [_section(name, dict(said), reasons) for name, said in raw.items()]
    known = {row.row_id: row for section in sections for row in section.rows}
    for test in named_tests():
        for row_id in test.rows:
            if row_id in known:
                known[row_id].tests[test.name + " *" * test.is_e2e] = test.file
    return sections


def _section(name: str, said: dict[str, Any], reasons: dict[str, str]) -> Section:
    title, without = said.pop("title"), said.pop("without", "")
    rows = [Row(row_id, kind, text, reasons.get(row_id, without)) for row_id, (kind, text) in said.items()]
    return Section(name, title, rows)


@cache
def named_tests() -> tuple[NamedTest, ...]:
    """Every test whose name begins with rows, file by file."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return tuple(
        test for path in files for test in tests_of(path.read_text("utf-8"), path.relative_to(ROOT).as_posix())
    )


def tests_of(source: str, file: str) -> Iterator[NamedTest]:
    """Those of one file."""
    module_is_e2e = re.search(r"^pytestmark = .*\be2e\b", source, re.MULTILINE) is not None
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (rows := rows_of(node.name)):
            is_e2e = module_is_e2e or any("e2e" in ast.unparse(mark) for mark in node.decorator_list)
            yield NamedTest(node.name, file, is_e2e, rows)


def rows_of(name: str) -> tuple[str, ...]:
    """The rows a test's name begins with."""
    match = _NAME.match(name)
    if match is None:
        return ()
    rows: list[str] = []
    is_range = False
    for word in match[1].split("_"):
        if word == "to":
            is_range = True
        elif is_range:
            rows += [
                _id(word[0] + str(number)) for number in range(int(rows[-1].strip("ABCDE-")) + 1, int(word[1:]) + 1)
            ]
            is_range = False
        else:
            rows.append(_id(word))
    return tuple(rows)


def _id(word: str) -> str:
    letter, number = word[0].upper(), int(word[1:])
    return f"E{number}" if letter == "E" else f"{letter}-{number:02}"


def page(sections: list[Section]) -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for section in sections:
        parts.append(
            f"## {section.name}. {section.title}\n\n| row | | requirement | state | tests |\n|---|---|---|---|---|"
        )
        parts += [_line(row) for row in section.rows]
        parts.append("")
        if section.name == "C":
            parts.append(actions.section())
    return "\n".join(parts)


def _line(row: Row) -> str:
    tests = "<br>".join(
        f"`{name.removesuffix(' *')}`{' *' if name.endswith(' *') else ''}" for name in sorted(row.tests)
    )
    cells = (row.row_id, row.obligation, row.text, row.state, tests)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(checklist()), "utf-8")


if __name__ == "__main__":
    main()
