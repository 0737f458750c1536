"""Scenarios as files: what a charge point says, step by step, and what any CSMS has to answer.

```yaml
name: A session is started and stopped
version: "1.6"
steps:
  - connect:
  - call: StartTransaction
    payload: {connectorId: 1, idTag: "${token}", meterStart: 0, timestamp: "${now}"}
    expect: {idTagInfo: {status: Accepted}}
    save: {transaction: transactionId}
```

A step is one of the words in `KEYS`, with the keys beside it. `docs/simulator.md` explains each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import NoneType
from typing import Any

import yaml

from ocppj.versions import VERSIONS, Version

# word: the keys a step of this kind may have besides `line`, the name of its connection, and `note`
KEYS: dict[str, frozenset[str]] = {
    "connect": frozenset({"expect"}),
    "call": frozenset({"payload", "expect", "error", "save", "within"}),
    "send": frozenset(),
    "hear": frozenset({"within"}),
    "silence": frozenset(),
    "await": frozenset({"match", "answer", "save", "within"}),
    "wait": frozenset(),
    "close": frozenset(),
    "cut": frozenset(),
    "closed": frozenset({"within"}),
}
_ANYWHERE = frozenset({"line", "note"})
# What stands behind a word, in a sentence and as types; what is not here may be anything.
_SHAPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "answers": ("a mapping", (dict, NoneType)),
    "await": ("a word", (str,)),
    "call": ("a word", (str,)),
    "close": ("a number", (int, NoneType)),
    "connect": ("a mapping", (dict, NoneType)),
    "save": ("a mapping", (dict, NoneType)),
    "silence": ("a number", (int, float)),
    "subprotocols": ("a list", (list,)),
    "wait": ("a number", (int, float)),
    "within": ("a number", (int, float)),
}
_HEAD = frozenset({"name", "version", "about", "answers", "steps"})
SHIPPED = resources.files("charge_point_sim") / "scenarios"


class ScenarioError(ValueError):
    """A file that is no scenario; says where and why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done or expected. `value` is what stands behind the word."""

    kind: str
    value: Any
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The name of the connection it is about."""
        return str(self.keys.get("line", "main"))

    def within_s(self, usual_s: float) -> float:
        """How long it may take."""
        return float(self.keys.get("within", usual_s))

    def __str__(self) -> str:
        note, value = self.keys.get("note"), "" if self.value is None else f" {self.value}"
        on = "" if self.line == "main" else f" ({self.line})"
        return str(note) if note else f"{self.kind}{value}{on}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file. `answers` are given to commands that no step waits for."""

    name: str
    version: Version
    steps: tuple[Step, ...]
    about: str = ""
    answers: dict[str, Any] = field(default_factory=dict)


def read(text: str) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: it is none.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not isinstance(document.get("steps"), list):
        raise ScenarioError("a scenario is a mapping with a list of steps")
    if unknown := document.keys() - _HEAD:
        raise ScenarioError(f"unknown key {sorted(unknown)[0]!r}")
    _look_at("answers", document.get("answers"))
    steps = tuple(_step(number, step) for number, step in enumerate(document["steps"], 1))
    return Scenario(
        str(document.get("name", "")),
        _version(document.get("version")),
        steps,
        str(document.get("about", "")).strip(),
        dict(document.get("answers") or {}),
    )


def find(name: str) -> str:
    """The text of a scenario: a file, or one of those that are shipped.

    Raises:
        ScenarioError: there is none of that name.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            return path.read_text()
        except OSError as error:
            raise ScenarioError(f"{name}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ScenarioError(f"{name}: is no text") from error
    shipped = dict(_shipped())
    if name not in shipped:
        raise ScenarioError(f"{name} is neither a .yaml file nor one of {', '.join(shipped)}")
    return shipped[name]


def shipped() -> dict[str, Scenario]:
    """Those that are shipped, by name."""
    return {name: read(text) for name, text in _shipped()}


def _shipped() -> Iterator[tuple[str, str]]:
    for each in sorted(SHIPPED.iterdir(), key=lambda each: each.name):
        if each.name.endswith(".yaml"):
            yield each.name.removesuffix(".yaml"), each.read_text()


def _version(name: object) -> Version:
    found = next((version for version in VERSIONS if version.name == str(name)), None)
    if found is None:
        raise ScenarioError(f"version: {name!r} is none of {', '.join(version.name for version in VERSIONS)}")
    return found


def _step(number: int, step: object) -> Step:
    if not isinstance(step, dict):
        raise ScenarioError(f"step {number}: is no mapping")
    kinds = [kind for kind in KEYS if kind in step]
    if len(kinds) != 1:
        raise ScenarioError(f"step {number}: needs exactly one of {', '.join(KEYS)}")
    kind = kinds[0]
    keys = {key: value for key, value in step.items() if key != kind}
    if unknown := keys.keys() - KEYS[kind] - _ANYWHERE:
        raise ScenarioError(f"step {number}: {kind} has no {sorted(unknown)[0]!r}")
    for word, value in _inner(step):
        _look_at(word, value, f"step {number}: ")
    return Step(kind, step[kind], keys)


def _inner(step: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from step.items()
    if isinstance(wish := step.get("connect"), dict):
        yield from wish.items()


def _look_at(word: str, value: Any, where: str = "") -> None:
    words, types = _SHAPES.get(word, ("", (object,)))
    if not isinstance(value, types) or (isinstance(value, bool) and types != (object,)):
        raise ScenarioError(f"{where}{word} needs {words}, not {value!r}")
