"""What can be configured: the configuration keys of 1.6 and the device model of 2.x, as one kind of table.

A row may steer what the charge point does; then it has a `knob`, the name the code knows it by in every version.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

Kind = Literal["string", "integer", "decimal", "boolean", "OptionList", "MemberList", "SequenceList"]
Outcome = Literal["Accepted", "Rejected", "RebootRequired"]


@dataclass(frozen=True, slots=True)
class Name:
    """Where a value is found. In 1.6 there is only `variable`, the key."""

    variable: str
    component: str = ""
    instance: str = ""
    evse: int | None = None
    connector: int | None = None

    def folded(self) -> "Name":
        """Names are case-insensitive (2.0.1 part 2 §2.1.4; 1.6 CiString)."""
        return replace(
            self,
            variable=self.variable.casefold(),
            component=self.component.casefold(),
            instance=self.instance.casefold(),
        )


@dataclass(slots=True)
class Variable:
    """One value. `next_value` waits for a reboot; `is_secret` can be written and never read."""

    value: str
    kind: Kind = "string"
    is_writable: bool = True
    needs_reboot: bool = False
    is_secret: bool = False
    knob: str = ""
    options: tuple[str, ...] = ()
    minimum: float = 0
    maximum: float = 0  # 0: none
    unit: str = ""
    next_value: str | None = None


class Variables:
    """The values of one charge point."""

    def __init__(self, rows: dict[Name, Variable]) -> None:
        spelled = ((_spellings(name), row) for name, row in rows.items())
        self._rows = {folded: (name, replace(row)) for (name, folded), row in spelled}
        self._knobs = {row.knob: row for _, row in self._rows.values() if row.knob}

    def items(self) -> list[tuple[Name, Variable]]:
        """Every name, spelled as the table spells it, with its row."""
        return list(self._rows.values())

    def find(self, name: Name) -> Variable | None:
        """The row of this name, in any spelling."""
        found = self._rows.get(name.folded())
        return found[1] if found else None

    def write(self, row: Variable, value: str) -> Outcome:
        """Set a value as the CSMS asks; one that needs a reboot waits for it."""
        if not row.is_writable or not _fits(row, value):
            return "Rejected"
        if row.needs_reboot:
            row.next_value = value
            return "RebootRequired"
        row.value = value
        return "Accepted"

    def apply_after_reboot(self) -> None:
        """What waited for the reboot is true now."""
        for _, row in self._rows.values():
            row.value = row.value if row.next_value is None else row.next_value
            row.next_value = None

    def turn(self, knob: str, value: object) -> None:
        """Set the value behind a knob from our side."""
        self._knobs[knob].value = str(value)

    def text(self, knob: str) -> str:
        """The value behind a knob."""
        return self._knobs[knob].value

    def number(self, knob: str) -> float:
        """The value behind a knob, as a number."""
        return float(self._knobs[knob].value)

    def flag(self, knob: str) -> bool:
        """The value behind a knob, as yes or no."""
        return self._knobs[knob].value.lower() == "true"

    def names(self, knob: str) -> list[str]:
        """The value behind a knob, as a list of words."""
        return [word.strip() for word in self._knobs[knob].value.split(",") if word.strip()]


@lru_cache(maxsize=4096)
def _spellings(name: Name) -> tuple[Name, Name]:
    # Ten thousand charge points have the same names: once is enough.
    return name, name.folded()


def _fits(row: Variable, value: str) -> bool:
    match row.kind:
        case "integer" | "decimal":
            return _is_number(value, whole=row.kind == "integer") and float(value) >= row.minimum
        case "boolean":
            return value.lower() in ("true", "false")
        case "OptionList":
            return value in row.options
        case "MemberList" | "SequenceList":
            return all(word.strip() in row.options for word in value.split(",") if word.strip())
        case _:
            return True


def _is_number(value: str, *, whole: bool) -> bool:
    try:
        number = int(value) if whole else float(value)
    except ValueError:
        return False
    return math.isfinite(number)
