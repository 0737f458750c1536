"""What a caller is told instead of what was asked for: problems as RFC 9457 has them.

ProblemError               a request that is refused; knows its HTTP status by its code
└── InvalidRequestError    422: knows every field that is wrong
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ValidationError

Problems = dict[str, tuple[int, str]]

# code -> (HTTP status, title). Each outcome has a code of its own (conformance D-01).
COMMON: Problems = {
    "bad-json": (400, "The body is not JSON"),
    "token-unknown": (401, "No such token"),
    "not-allowed": (403, "The policy does not let this caller do this"),
    "not-found": (404, "There is nothing at this address"),
    "charge-point-unknown": (404, "No such charge point"),
    "method-not-allowed": (405, "This address does not know the method"),
    "invalid-request": (422, "The request has wrong fields"),
    "internal-error": (500, "Something broke on our side"),
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One wrong field: where it is and what is wrong. A query parameter has a name instead of a JSON pointer."""

    pointer: str
    detail: str
    in_query: bool = False

    def as_json(self) -> dict[str, str]:
        return {"parameter" if self.in_query else "pointer": self.pointer, "detail": self.detail}


class ProblemError(Exception):
    """A request that is refused; `members` are told beside the usual ones. Subclasses bring codes of their own."""

    problems: ClassVar[Problems] = COMMON

    def __init__(self, code: str, detail: str, *, retry_after_s: int | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.code = code
        self.status, self.title = self.problems[code]
        self.detail = detail
        self.members = members

    def as_json(self, instance: str) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "type": f"urn:ocppgw:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            **self.members,
        }


class InvalidRequestError(ProblemError):
    """The request has wrong fields; all of them are named."""

    def __init__(self, wrong: list[Wrong]) -> None:
        told = "; ".join(f"{each.pointer or 'the body'}: {each.detail}" for each in wrong)
        super().__init__("invalid-request", told, errors=[each.as_json() for each in wrong])


def wrong_fields(error: ValidationError) -> list[Wrong]:
    """What pydantic found, as JSON pointers (RFC 6901)."""
    return [
        Wrong("".join(f"/{_escape(part)}" for part in found["loc"]), found["msg"])
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _escape(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
