"""The front alone: two addresses of a made-up API."""

import json
from typing import Any

import pytest

from tests.remote_commands.desk import ARN, Context, url_event
from web.access import Access
from web.front import Answer, Front, answer, page


class Things:
    """Things that can be listed and made."""

    def __init__(self) -> None:
        self.front = Front(Access())
        self.front.serve("/things", GET=self.list, POST=self.make)
        self.front.serve("/broken", GET=self.broken)

    def list(self) -> Answer:
        limit = self.front.number("limit", 1, 5, default=2)
        first = int(self.front.cursor() or "0")
        return page("/things", [{"n": first + number} for number in range(limit)], limit, str(first + limit))

    def make(self) -> Answer:
        return answer(201, self.front.body() | {"by": self.front.caller()})

    def broken(self) -> Answer:
        raise RuntimeError("secret details")


def ask(method: str, path: str, body: str | None = None) -> tuple[int, dict[str, Any], dict[str, str]]:
    event = url_event(method, path, body, {})
    said = Things().front.resolver.resolve(event, Context(30))  # type: ignore[arg-type]
    return said["statusCode"], json.loads(said["body"]), said["headers"]


def test_an_address_may_have_several_methods_and_names_them() -> None:
    status, problem, headers = ask("DELETE", "/things")

    assert (status, problem["code"], headers["Allow"]) == (405, "method-not-allowed", "GET, POST")
    assert ask("POST", "/things", '{"a": 1}')[:2] == (201, {"a": 1, "by": ARN})


def test_of_a_front_that_only_reads_nothing_else_is_served() -> None:
    front = Front(Access(), only_reads=True)
    front.serve("/things", GET=lambda: answer(200, {}), POST=lambda: answer(201, {}))
    front.serve("/orders", POST=lambda: answer(201, {}))

    def status(method: str, path: str) -> int:
        event = url_event(method, path, None, {})
        return int(front.resolver.resolve(event, Context(30))["statusCode"])  # type: ignore[arg-type]

    asked = (("GET", "/things"), ("POST", "/things"), ("POST", "/orders"))
    assert [status(*each) for each in asked] == [200, 405, 404]


@pytest.mark.parametrize("text", [
    '{"b":18446744073709551615,"a":-9223372036854775808}', '{"a":1.0,"b":1,"c":"1234567890123456789012345678901"}',
])  # fmt: skip
def test_a_body_stays_as_it_is_written(text: str) -> None:
    event = url_event("POST", "/things", text, {})

    said = Things().front.resolver.resolve(event, Context(30))  # type: ignore[arg-type]

    assert said["body"] == f'{text[:-1]},"by":"{ARN}"}}'


def test_a_page_says_where_the_next_one_is() -> None:
    _, first, headers = ask("GET", "/things")

    _, second, _ = ask("GET", f"/things?limit=2&cursor={first['nextCursor']}")

    assert [each["n"] for each in first["data"] + second["data"]] == [0, 1, 2, 3]
    assert headers["Link"] == f'</things?limit=2&cursor={first["nextCursor"]}>; rel="next"'


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/nothing", None, 404, "not-found"),
        ("/things?limit=6", None, 422, "invalid-request"),
        ("/things?limit=x", None, 422, "invalid-request"),
        ("/things?cursor=%C3", None, 422, "invalid-request"),
        ("/things", "{", 400, "bad-json"),
        ("/things", "[]", 422, "invalid-request"),
        ("/things", '{"a": 18446744073709551616}', 422, "invalid-request"),
        ("/things", '{"a": [-9223372036854775809]}', 422, "invalid-request"),
        ("/things", '{"a": %s}' % ("9" * 300), 422, "invalid-request"),
        ("/things", '{"a": 1e999}', 400, "bad-json"),
        ("/things", '{"a": NaN}', 400, "bad-json"),
    ],
)
def test_what_a_caller_does_wrong_is_a_problem(path: str, body: str | None, status: int, code: str) -> None:
    answered, problem, headers = ask("POST" if body else "GET", path, body)

    assert (answered, problem["code"], headers["Content-Type"]) == (status, code, "application/problem+json")


def test_what_nobody_expected_is_500_and_tells_no_details() -> None:
    status, problem, _ = ask("GET", "/broken")

    assert (status, problem["code"]) == (500, "internal-error")
    assert "secret" not in json.dumps(problem)
