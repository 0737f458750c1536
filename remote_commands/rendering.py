"""What a neutral command becomes: OCPP actions and payloads, and what renderings need to know."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ocppj.versions import Version
from remote_commands.errors import ProblemError
from web.problems import Wrong


@dataclass(frozen=True, slots=True)
class Wanted:
    """An action and its payload in one version.

    `sources` maps a JSON pointer into the payload to where the caller wrote it: what the schema finds wrong is
    told in the caller's words.
    """

    version: Version
    action: str
    payload: dict[str, Any]
    sources: dict[str, str] = field(default_factory=dict)

    def source(self, pointer: str) -> str:
        """Where the caller wrote what is at `pointer` of the payload."""
        return self.sources.get(pointer, pointer)


@dataclass(frozen=True, slots=True)
class Making:
    """What a rendering needs beside the body.

    `number()` is an id no recent command of this charge point has (conformance D-04); `limit(name)` is how much the
    charge point said it takes (D-06), None if it never did; `now` is an OCPP timestamp.
    """

    version: Version
    number: Callable[[], int]
    limit: Callable[[str], int | None]
    now: str


Rendered = Wanted | list[Wanted]
Renderer = Callable[[Any, Making], Rendered]


def given(**fields: Any) -> dict[str, Any]:
    """A payload without the fields that nobody gave."""
    return {name: value for name, value in fields.items() if value is not None}


def unsupported(version: Version, what: str, pointer: str = "") -> NoReturn:
    """Say that this version has no words for it.

    Raises:
        ProblemError: always.
    """
    wrong = Wrong(pointer, f"{version} has no {what}")
    raise ProblemError("unsupported-by-version", f"{version} has no {what}", errors=[wrong.as_json()])
