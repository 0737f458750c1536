"""The fleet's OpenAPI document: complete, current, and what the API really answers."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from fleet import api, openapi
from tests.fleet.office import Office
from tests.openapi import event_of, requests, respond
from tests.remote_commands.desk import Context
from web.access import Access
from web.front import Front

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi-fleet.json"
# A schema doesn't say everything: that security profile 1 needs a password, for instance.
UNSAYABLE: list[Any] = [positive_data_acceptance]


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == openapi.text(), "run: python -m fleet.openapi > docs/openapi-fleet.json"


def test_the_document_is_served_as_it_is_committed() -> None:
    assert Office().ask("GET", "/fleet/openapi.json").body == json.loads(COMMITTED.read_text())


def test_every_address_and_method_is_in_the_document_and_nothing_else() -> None:
    served = {
        (re.sub(r"<(\w+)>", lambda match: "{" + _camel(match[1]) + "}", address), method.lower())
        for routes in api.MODULES
        for address, functions in routes(Front(Access()), Office().ports).items()
        for method in functions
    }

    assert {(address, method) for address, methods in openapi.ADDRESSES.items() for method in methods} == served


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """An office where every charge point that is asked for is registered."""
    parts = environ["PATH_INFO"].split("/")
    if len(parts) > 2:
        OFFICE.ask("POST", "/charge-points", {"identity": parts[2][:10] or "CP001"})
    return respond(OFFICE.resolver.resolve(event_of(environ), Context(30)), start_response)  # type: ignore[arg-type]


OFFICE = Office()
schema = schemathesis.openapi.from_wsgi("/fleet/openapi.json", wsgi)


@pytest.mark.e2e  # it needs nothing, but takes its time
@schema.parametrize()
@requests(5)
def test_every_request_gets_an_answer_that_the_document_has(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(excluded_checks=UNSAYABLE)
