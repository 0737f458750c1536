"""The OpenAPI 3.1 document of the fleet API, made of the models that read the requests and the views that answer.

`python -m fleet.openapi` writes it; docs/openapi-fleet.json is the committed copy, /fleet/openapi.json serves it. The
commands have a document of their own (docs/openapi.json).
"""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from domain.models import ChargePoint, IdToken, Transaction
from domain.pages import LIMIT, MOST, Report
from fleet import id_tokens, views
from fleet.charge_points import Registered
from fleet.charge_points_bodies import Certificate, Change, Register, RotatePassword
from fleet.errors import PROBLEMS
from ocppj.versions import V16

Document = dict[str, Any]

_REF = "#/components/schemas/"
_TIME = {"type": "string", "format": "date-time"}
_EXAMPLE_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Does:
    """What a method of an address does: what it takes and what it answers; a list has a page's parameters."""

    summary: str
    shows: str
    body: type[BaseModel] | None = None
    example: Document | None = None
    query: tuple[str, ...] = ()
    status: int = 200


_MADE = {"description": "`password` only if it was made here."}
_ONE = "/charge-points/{chargePointId}"
_PAGE = ("limit", "cursor")
_TIMES = ("from", "to")

ADDRESSES: dict[str, dict[str, Does]] = {
    "/charge-points": {
        "get": Does(
            "Charge points by id", "ChargePointList", query=(*_PAGE, "partner", "status", "site", "offlineSince")
        ),
        "post": Does(
            "Register a charge point: its row and an IoT thing", "Registered", Register,
            {"identity": "CP001", "securityProfile": 2, "password": "generate", "site": "Depot"}, status=201,
        ),
    },
    _ONE: {
        "get": Does("A charge point with its connectors and its connection", "ChargePoint"),
        "patch": Does("Change what is named; null empties", "ChargePoint", Change, {"site": "Yard"}),
        "delete": Does("Delete thing and row, and close the socket", "Deleted"),
    },
    f"{_ONE}/disable": {"post": Does("Close the socket and let it in no more", "ChargePoint")},
    f"{_ONE}/enable": {"post": Does("Let it in again", "ChargePoint")},
    f"{_ONE}/rotate-password": {
        "post": Does("Give it another password", "Password", RotatePassword, {"password": "generate"}),
    },
    f"{_ONE}/certificates": {
        "post": Does("Sign a certificate, by which it connects from now on", "Issued", Certificate, {}, status=201),
    },
    f"{_ONE}/doctor": {"get": Does("Why it does not connect, or what ails it; it need not be registered", "Diagnosis")},
    f"{_ONE}/transactions": {
        "get": Does("Its transactions, newest first", "TransactionList", query=(*_PAGE, *_TIMES, "open")),
    },
    f"{_ONE}/transactions/{{transactionId}}": {
        "get": Does("A transaction with its samples and the remarks on its bill", "Transaction"),
    },
    f"{_ONE}/device-model": {"get": Does("The variables it told last", "Told")},
    f"{_ONE}/configuration": {"get": Does("The configuration keys of 1.6 it told last", "Told")},
    f"{_ONE}/security-events": {"get": Does("Its security events, newest first", "ReportList", query=_PAGE)},
    f"{_ONE}/reports": {"get": Does("What it told, newest first", "ReportList", query=(*_PAGE, "action"))},
    "/transactions": {
        "get": Does(
            "Transactions of a token, or all that are open", "TransactionList",
            query=(*_PAGE, *_TIMES, "open", "idToken"),
        ),
    },
    "/id-tokens": {
        "get": Does("Id tokens", "IdTokenList", query=(*_PAGE, "partner")),
        "post": Does("Add or replace an id token", "IdToken", id_tokens.Add, {"idToken": "CARD-1"}, status=201),
    },
    "/id-tokens/{idToken}": {
        "get": Does("An id token", "IdToken", query=("partner",)),
        "patch": Does(
            "Change what is named; null empties", "IdToken", id_tokens.Settings, {"status": "Blocked"}, ("partner",)
        ),
        "delete": Does("Forget it", "Deleted", query=("partner",)),
    },
    "/unknown-id-tokens": {
        "get": Does("Tokens nobody added that were presented in the last week", "UnknownTokenList", query=("partner",)),
    },
    "/fleet/openapi.json": {"get": Does("This document", "Document")},
}  # fmt: skip


@cache
def text() -> str:
    """The document as it is served and committed."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def document() -> Document:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fleet",
            "version": "1",
            "description": "Charge points, id tokens, transactions, and what ails a charge point.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:9080", "description": "the house on this machine"}],
        "security": [{}, {"bearer": []}, {"key": []}],
        "paths": {address: _item(address, methods) for address, methods in ADDRESSES.items()},
        "components": {
            "schemas": _views() | _bodies(),
            "parameters": {name: {"name": name, "in": "query", "schema": schema} for name, schema in _QUERY.items()},
            "responses": _refusals(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


_QUERY: dict[str, Document] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
    "cursor": {"type": "string"},
    "partner": {"type": "string"},
    "status": {"enum": ["online", "offline", "disabled"]},
    "site": {"type": "string"},
    "offlineSince": _TIME,
    "from": _TIME,
    "to": _TIME,
    "open": {"enum": ["true", "false"]},
    "idToken": {"type": "string"},
    "action": {"type": "string"},
}


def _item(address: str, methods: dict[str, Does]) -> Document:
    named = [part[1:-1] for part in address.split("/") if part.startswith("{")]
    places = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in named]
    return {"parameters": places} | {method: _operation(does) for method, does in methods.items()}


def _operation(does: Does) -> Document:
    content = {"application/json": {"schema": {"$ref": f"{_REF}{does.shows}"}}}
    answers: Document = {str(does.status): {"description": does.summary, "content": content}}
    if does.body is id_tokens.Add:
        answers["200"] = answers["201"]  # it was there, and is replaced
    told: Document = {"summary": does.summary, "responses": answers | _PROBLEMS}
    if does.query:
        told["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in does.query]
    if does.body is not None:
        schema = {"$ref": f"{_REF}{does.body.__name__}"}
        told["requestBody"] = {"content": {"application/json": {"schema": schema, "example": does.example}}}
    return told


def _views() -> Document:
    row, token = ChargePoint("CP001"), IdToken("card-1")
    transaction = Transaction("CP001", "1", V16)
    shapes = {
        "ChargePoint": _shape(views.charge_point(row, is_online=False)),
        "IdToken": _shape(id_tokens.as_json(token)),
        "Transaction": _shape(views.transaction(transaction)),
        "Report": _shape(views.report(Report("Action", "key", _EXAMPLE_AT))),
        "Registered": _shape(Registered("CP001", "thing").as_json()) | _MADE,
        "Password": {"type": "object", "required": ["chargePointId"], **_MADE},
        "Issued": {"type": "object", "required": ["chargePointId", "certificate"]},
        "Deleted": {"type": "object", "required": ["deleted"]},
        "Diagnosis": {"type": "object", "required": ["chargePointId", "state", "findings"]},
        "UnknownToken": {"type": "object", "required": ["idToken", "chargePointId", "presentedAt"]},
        "Told": {"type": "object", "required": ["data"]},
        "Document": {"type": "object", "required": ["openapi"]},
        "Problem": _PROBLEM,
    }  # fmt: skip
    lists = ("ChargePoint", "IdToken", "Transaction", "Report", "UnknownToken")
    return shapes | {f"{name}List": _list_of(name) for name in lists}


def _shape(example: Document) -> Document:
    """An object with these fields; one that may be null is of any type."""
    types = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    properties = {
        name: {"type": types[type(value)]} if type(value) in types else {"description": "null if unknown"}
        for name, value in example.items()
    }
    return {"type": "object", "required": list(example), "properties": properties}


def _list_of(schema: str) -> Document:
    items = {"type": "array", "items": {"$ref": f"{_REF}{schema}"}}
    cursor = {"type": ["string", "null"], "description": "For the next page; the header Link has its address."}
    return {
        "type": "object",
        "required": ["data", "nextCursor"],
        "properties": {"data": items, "nextCursor": cursor},
    }


def _refusals() -> Document:
    content = {"application/problem+json": {"schema": {"$ref": f"{_REF}Problem"}}}
    told: dict[int, list[str]] = {}
    for code, (status, title) in PROBLEMS.items():
        told.setdefault(status, []).append(f"{code}: {title}")
    return {str(status): {"description": "; ".join(titles), "content": content} for status, titles in told.items()}


_PROBLEM: Document = {
    "type": "object",
    "description": "A problem as RFC 9457 has it; `errors` names each wrong field or parameter.",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {"code": {"enum": list(PROBLEMS)}, "status": {"type": "integer"}, "errors": {"type": "array"}},
}
_PROBLEMS: Document = {
    str(status): {"$ref": f"#/components/responses/{status}"}
    for status in sorted({status for status, _ in PROBLEMS.values()})
}


def _bodies() -> Document:
    bodies = {does.body for methods in ADDRESSES.values() for does in methods.values() if does.body}
    ordered = sorted(bodies, key=lambda body: body.__name__)
    _, definitions = models_json_schema([(body, "validation") for body in ordered], ref_template=_REF + "{model}")
    found: Document = definitions["$defs"]
    return found


if __name__ == "__main__":
    sys.stdout.write(text())
