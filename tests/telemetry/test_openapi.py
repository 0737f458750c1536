"""The OpenAPI document of telemetry: complete, current, and what the API really answers."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from domain.models import ChargePoint
from telemetry import openapi
from telemetry.inbox import FRAME_QUEUE, STATION_QUEUE
from tests.openapi import headers, requests, respond, target
from tests.telemetry.front import TelemetryFront
from tests.telemetry.house import frame, meter_values, payload, published

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi-telemetry.json"
# A schema doesn't say everything: that `from` is before `to` and seven days before it at most, for instance.
UNSAYABLE: list[Any] = [positive_data_acceptance]


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == openapi.text(), "run: python -m telemetry.openapi > docs/openapi-telemetry.json"


def test_the_document_is_served_as_it_is_committed() -> None:
    assert TelemetryFront().get("/telemetry/openapi.json") == (200, json.loads(COMMITTED.read_text()))


def test_every_address_is_in_the_document_and_nothing_else() -> None:
    served = {re.sub(r"<(\w+)_id>", _named, address) for address in TelemetryFront().addresses()}

    assert served == set(openapi.ADDRESSES)


def _named(match: re.Match[str]) -> str:
    first, *others = match[1].split("_")
    return "{" + first + "".join(other.capitalize() for other in others) + "Id}"


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """A front where whatever is asked for is there."""
    _, first, name = [*environ["PATH_INFO"].split("/"), "", ""][:3]
    if first == "stations":
        FRONT.house.inbox.take(STATION_QUEUE, [published(payload(name[:10] or "S1"), name[:10] or "S1")])
    elif first == "charge-points" and not FRONT.house.registry.find_many([name]):
        FRONT.house.registry.add(ChargePoint(name))
        FRONT.house.inbox.take(FRAME_QUEUE, [frame(meter_values("5"), name)])
    answer = FRONT.ask(target(environ), environ["REQUEST_METHOD"], **headers(environ))
    return respond(answer, start_response)


FRONT = TelemetryFront()
schema = schemathesis.openapi.from_wsgi("/telemetry/openapi.json", wsgi)


@pytest.mark.e2e  # it needs nothing, but takes its time
@schema.parametrize()
@requests(5)
def test_every_request_gets_an_answer_that_the_document_has(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(excluded_checks=UNSAYABLE)
