"""Whatever the OpenAPI document allows, and what it does not: no 5xx, and no answer that is not in it."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ocppj.versions import V16
from tests.remote_commands.desk import NOON, Context, Desk, url_event

DESK = Desk()
# A schema doesn't say everything: that connectorId or evseId must be there, for instance.
UNSAYABLE: list[Any] = [positive_data_acceptance]


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """A desk where every charge point that is asked for is connected."""
    parts = environ["PATH_INFO"].split("/")
    DESK.clock.now += timedelta(minutes=1)  # as many commands as anybody likes
    DESK.connect(parts[2] if len(parts) > 2 else "CP001", V16)
    DESK.registry.renew_lease("gw1", NOON + timedelta(days=1000))
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode("utf-8", "surrogateescape")
    query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
    event = url_event(environ["REQUEST_METHOD"], environ["PATH_INFO"] + query, body or None, headers)
    answer = DESK.resolver.resolve(event, Context(30))  # type: ignore[arg-type]
    start_response(f"{answer['statusCode']} -", list(answer["headers"].items()))
    return [answer["body"].encode()]


schema = schemathesis.openapi.from_wsgi("/openapi.json", wsgi)


@pytest.mark.e2e  # it needs nothing, but takes its time
@schema.parametrize()
@settings(
    max_examples=3, derandomize=True, deadline=None, database=None,
    phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_request_gets_an_answer_that_the_document_has(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(excluded_checks=UNSAYABLE)
