"""The OpenAPI 3.1 document of the fleet API, made of the models that read the requests and the views that answer.

`python -m fleet.openapi` writes it; docs/openapi-fleet.json is the committed copy, /fleet/openapi.json serves it. The
commands have a document of their own (docs/openapi.json).
"""

import sys
from datetime import UTC, datetime
from functools import cache

from domain.models import ChargePoint, IdToken, Transaction
from domain.pages import LIMIT, MOST, Report
from fleet import id_tokens, views
from fleet.charge_points import Registered
from fleet.charge_points_bodies import Certificate, Change, Register, RotatePassword
from fleet.errors import PROBLEMS
from ocppj.versions import V16
from web import openapi
from web.openapi import TIME, Document, Does, list_of, shape

_EXAMPLE_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
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
        "get": Does("A charge point with its connectors and its connection", "ChargePoint", query=("shadow",)),
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
            query=(*_PAGE, *_TIMES, "open", "idToken", "partner"),
        ),
    },
    "/id-tokens": {
        "get": Does("Id tokens", "IdTokenList", query=(*_PAGE, "partner")),
        "post": Does(
            "Add or replace an id token", "IdToken", id_tokens.Add, {"idToken": "CARD-1"}, status=201, also=(200,),
        ),
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
    return openapi.text(document())


def document() -> Document:
    """The document."""
    about = "Charge points, id tokens, transactions, and what ails a charge point."
    return openapi.document("Fleet", about, ADDRESSES, _views(), _QUERY, PROBLEMS)


_QUERY: dict[str, Document] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
    "cursor": {"type": "string"},
    "partner": {"type": "string"},
    "status": {"enum": ["online", "offline", "disabled"]},
    "site": {"type": "string"},
    "offlineSince": TIME,
    "from": TIME,
    "to": TIME,
    "open": {"enum": ["true", "false"]},
    "idToken": {"type": "string"},
    "shadow": {"enum": ["true", "false"]},
    "action": {"type": "string"},
}


def _views() -> Document:
    row, token = ChargePoint("CP001"), IdToken("card-1")
    transaction = Transaction("CP001", "1", V16)
    shapes = {
        "ChargePoint": shape(views.charge_point(row, is_online=False)),
        "IdToken": shape(id_tokens.as_json(token)),
        "Transaction": shape(views.transaction(transaction)),
        "Report": shape(views.report(Report("Action", "key", _EXAMPLE_AT))),
        "Registered": shape(Registered("CP001", "thing").as_json()) | _MADE,
        "Password": {"type": "object", "required": ["chargePointId"], **_MADE},
        "Issued": {"type": "object", "required": ["chargePointId", "certificate"]},
        "Deleted": {"type": "object", "required": ["deleted"]},
        "Diagnosis": {"type": "object", "required": ["chargePointId", "state", "findings"]},
        "UnknownToken": {"type": "object", "required": ["idToken", "chargePointId", "presentedAt"]},
        "Told": {"type": "object", "required": ["data"]},
        "Document": {"type": "object", "required": ["openapi"]},
    }  # fmt: skip
    lists = ("ChargePoint", "IdToken", "Transaction", "Report", "UnknownToken")
    return shapes | {f"{name}List": list_of(name) for name in lists}


if __name__ == "__main__":
    sys.stdout.write(text())
