"""The OpenAPI 3.1 document of the telemetry API.

`python -m telemetry.openapi` writes it; docs/openapi-telemetry.json is the committed copy, /telemetry/openapi.json
serves it.
"""

import sys
from functools import cache

from telemetry import views
from telemetry.errors import PROBLEMS
from web import openapi
from web.openapi import TIME, Document, Does, array_of

DEFAULT_LIMIT, MAX_LIMIT = 100, 1_000

_PAGE = ("limit", "cursor")
_ONE = "/charge-points/{chargePointId}/samples"

ADDRESSES: dict[str, dict[str, Does]] = {
    "/stations": {
        "get": Does("Stations as they are now, by id", "Stations", query=(*_PAGE, "status", "registered", "partner")),
    },
    "/stations/{stationId}": {"get": Does("A station as it is now", "Station")},
    _ONE: {
        "get": Does(
            "What a charge point measured, the last 24 hours unless told otherwise", "Samples",
            query=("measurand", "connector", "from", "to", "resolution"),
        ),
    },
    f"{_ONE}/latest": {"get": Does("The newest sample of every series", "Samples")},
    "/telemetry/openapi.json": {"get": Does("This document", "Document")},
}  # fmt: skip

_QUERY: dict[str, Document] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "cursor": {"type": "string"},
    "status": {"type": "string"},
    "registered": {"enum": ["true", "false"]},
    "partner": {"type": "string"},
    "measurand": {"type": "string", "examples": ["Energy.Active.Import.Register"]},
    "connector": {"type": "string", "description": "Such as 1, or 1.2 for the EVSE 1 and its connector 2."},
    "from": TIME,
    "to": TIME,
    "resolution": {
        "type": "string", "pattern": "^(raw|[1-9][0-9]{0,5}[smhd]?)$",
        "description": "Averages of so many seconds, minutes, hours or a day at most; raw is every sample.",
    },
}  # fmt: skip


@cache
def text() -> str:
    """The document as it is served and committed."""
    return openapi.text(document())


def document() -> Document:
    """The document."""
    return openapi.document("Telemetry", "What devices measured.", ADDRESSES, _schemas(), _QUERY, PROBLEMS)


def _schemas() -> Document:
    return {
        "Station": openapi.shape(views.station(views.EXAMPLE)),
        "Stations": {
            "type": "object",
            "required": ["count", "stations", "nextCursor"],
            "properties": {
                "count": {"type": "integer", "description": "How many are on this page."},
                "stations": array_of("Station"),
                "nextCursor": {"type": ["string", "null"]},
            },
        },
        "Sample": {
            "type": "object",
            "description": "What isn't known is left out; averages have min, max and count.",
            "required": ["at", "measurand"],
            "properties": {
                "at": TIME,
                "measurand": {"type": "string"},
                "value": {"type": "number"},
                "min": {"type": "number"},
                "max": {"type": "number"},
                "count": {"type": "integer"},
            }
            | {name: {"type": "string"} for name in _WORDS},
            "additionalProperties": False,
        },
        "Samples": {"type": "object", "required": ["data"], "properties": {"data": array_of("Sample")}},
        "Document": {"type": "object", "required": ["openapi"]},
    }


_WORDS = ("connector", "transactionId", "unit", "phase", "context", "location", "status", "errorCode")

if __name__ == "__main__":
    sys.stdout.write(text())
