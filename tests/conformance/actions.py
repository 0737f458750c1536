"""The table of actions: which tests of the processors are about an action of a version, by what their source names.

A test is about what it names, or what the functions and constants of its file name that it uses.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from ocppj import actions
from ocppj.versions import V16, V21, V201, VERSIONS, Version

FOLDER = Path(__file__).parents[1] / "processors"
BASED = "as in 2.0.1"  # what has no function of its own in 2.1 is done by the one of 2.0.1 (processors/routes.py)
HEAD = """## C.8. Every action, by version

How many tests of which file of [tests/processors](../tests/processors) are about an action as charge points of a
version send it. All of them are also sent the least and the fullest payload of their schema
(`test_c87_every_action_gets_a_schema_valid_answer`) and 200 that hypothesis makes of it
(`test_c87_two_hundred_payloads_of_every_action_are_answered`), and the answers must be valid, too.

| action | 1.6 | 2.0.1 | 2.1 |
|---|---|---|---|"""

_VERSIONS: dict[str, tuple[Version, ...]] = {
    "V16": (V16,), "V201": (V201,), "V21": (V21,), "VERSIONS": VERSIONS,
}  # fmt: skip


def cells() -> dict[tuple[str, Version], Counter[str]]:
    """How many tests of which file are about each action of each version."""
    sent = {(action, version) for version in VERSIONS for action in actions.sent_by_charge_point(version)}
    found: dict[tuple[str, Version], Counter[str]] = {cell: Counter() for cell in sorted(sent, key=str)}
    for file, named, versions in _tests():
        for action, version in found:
            if action in named and version in versions:
                found[action, version][file] += 1
    return found


def section() -> str:
    """The part of the page, as Markdown."""
    found = cells()
    rows = [
        f"| {name} | {' | '.join(_cell(found, name, version) for version in (V16, V201, V21))} |"
        for name in sorted({action for action, _ in found})
    ]
    return "\n".join([HEAD, *rows, ""])


def _cell(found: Mapping[tuple[str, Version], Counter[str]], action: str, version: Version) -> str:
    if (action, version) not in found:
        return ""
    told = "<br>".join(f"{file} {count}" for file, count in sorted(found[action, version].items()))
    return told or (BASED if version is V21 and (action, V201) in found else "none")


@cache
def _tests() -> list[tuple[str, frozenset[str], frozenset[Version]]]:
    return [one for path in sorted(FOLDER.glob("test_*.py")) for one in _of_file(path)]


def _of_file(path: Path) -> Iterator[tuple[str, frozenset[str], frozenset[Version]]]:
    tree, lines = ast.parse(path.read_text("utf-8")), path.read_text("utf-8").splitlines()
    parts = {name: _source(node, lines) for node in tree.body for name in _names_of(node)}
    for name in parts:
        if name.startswith("test_"):
            words = _words(name, parts)
            versions = frozenset(version for word in words & _VERSIONS.keys() for version in _VERSIONS[word])
            yield path.name, frozenset(words), versions


def _words(name: str, parts: Mapping[str, str]) -> set[str]:
    """Every word of this part of the file, and of the parts that it names."""
    words, waiting, seen = set[str](), [name], set[str]()
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.add(part)
            words |= (news := set(re.findall(r"\w+", parts[part])))
            waiting += news & parts.keys()
    return words


def _names_of(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return []


def _source(node: ast.stmt, lines: list[str]) -> str:
    first = min([node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", []))])
    return "\n".join(lines[first - 1 : node.end_lineno])
