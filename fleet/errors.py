"""What callers of the fleet API are told besides what every API of the house tells (web/problems.py)."""

from typing import ClassVar

from web import problems
from web.problems import COMMON, Problems

PROBLEMS: Problems = {
    **COMMON,
    "charge-point-unknown": (404, "No such charge point"),
    "transaction-unknown": (404, "No such transaction"),
    "already-registered": (409, "There is a charge point of that id"),
    "no-authority": (409, "Nobody signs certificates here"),
    "request-refused": (422, "The certificate signing request was refused"),
    "id-token-unknown": (404, "No such id token"),
}


class ProblemError(problems.ProblemError):
    """A request that is refused."""

    problems: ClassVar[Problems] = PROBLEMS
