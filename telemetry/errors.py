"""What telemetry can't use, and what its API refuses.

TelemetryError
└── PayloadError   a message that is none of ours; the text is the reason beside its dead letter
ProblemError       a request that is refused (web/problems.py)
"""

from typing import ClassVar

from web import problems
from web.problems import COMMON, Problems

PROBLEMS: Problems = COMMON | {
    "station-unknown": (404, "No such station"),
    "too-many-requests": (429, "Too many requests"),
}


class TelemetryError(Exception):
    """Anything of telemetry's own."""


class PayloadError(TelemetryError):
    """A message that can't be used, now or later; says why, and names the field."""


class ProblemError(problems.ProblemError):
    """A request that is refused."""

    problems: ClassVar[Problems] = PROBLEMS
