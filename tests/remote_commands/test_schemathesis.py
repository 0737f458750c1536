"""Whatever the OpenAPI document allows, and what it does not: no 5xx, and no answer that is not in it."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ocppj.versions import V16
from tests.openapi import event_of, requests, respond
from tests.remote_commands.desk import NOON, Context, Desk

DESK = Desk()
# A schema doesn't say everything: that connectorId or evseId must be there, for instance.
UNSAYABLE: list[Any] = [positive_data_acceptance]


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """A desk where every charge point that is asked for is connected."""
    parts = environ["PATH_INFO"].split("/")
    DESK.clock.now += timedelta(minutes=1)  # as many commands as anybody likes
    DESK.connect(parts[2] if len(parts) > 2 else "CP001", V16)
    DESK.registry.renew_lease("gw1", NOON + timedelta(days=1000))
    return respond(DESK.resolver.resolve(event_of(environ), Context(30)), start_response)  # type: ignore[arg-type]


schema = schemathesis.openapi.from_wsgi("/openapi.json", wsgi)


@pytest.mark.e2e  # it needs nothing, but takes its time
@schema.parametrize()
@requests(3)
def test_every_request_gets_an_answer_that_the_document_has(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(excluded_checks=UNSAYABLE)
