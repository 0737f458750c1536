"""The OpenAPI 3.1 document of the command API, made of the same models that read the requests.

`python -m remote_commands.openapi` writes it; docs/openapi.json is the committed copy.
"""

import sys
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from domain.models import CommandState
from remote_commands import neutral, openapi_jobs
from remote_commands.errors import PROBLEMS
from remote_commands.examples import JOB, NEUTRAL, RAW
from remote_commands.jobs import NewJob
from remote_commands.transactions import RemoteStart, RemoteStop

Document = dict[str, Any]

_REF = "#/components/schemas/"
_WHEN = {"type": ["string", "null"], "format": "date-time"}
_TEXT = {"type": ["string", "null"]}
_PAYLOAD = {"type": ["object", "null"]}

_COMMAND: Document = {
    "type": "object",
    "description": "What an operator wants a charge point to do, and what became of it.",
    "required": ["commandId", "chargePointId", "action", "version", "state", "effect", "createdAt", "payload"],
    "properties": {
        "commandId": {"type": "string", "description": "Also the id of the OCPP message."},
        "chargePointId": {"type": "string"},
        "action": {"type": "string", "description": "The OCPP action."},
        "version": {"enum": ["1.6", "2.0.1", "2.1"]},
        "state": {"enum": [state.value for state in CommandState]},
        "createdAt": {"type": "string", "format": "date-time"},
        "deadline": _WHEN | {"description": "When the answer is given up; null while the command waits."},
        "queuedUntil": _WHEN | {"description": "Until when it may still be sent."},
        "sentAt": _WHEN,
        "answeredAt": _WHEN,
        "latencyMs": {"type": ["integer", "null"], "description": "From sending it to its answer."},
        "issuedBy": _TEXT,
        "payload": {"type": "object", "description": "As sent, but for secrets, which are ***."},
        "answer": _PAYLOAD | {"description": "The charge point's own words; of an error its code and description."},
        "lateAnswer": _PAYLOAD | {"description": "An answer that came after the time-out."},
        "partBefore": _TEXT | {"description": "The command that must be accepted before this one is sent."},
        "partAfter": _TEXT,
        "effect": {
            "enum": ["pending", "confirmed", "not_observed", "none"],
            "description": "Whether a later message of the charge point shows that it did it.",
        },
        "evidence": _PAYLOAD | {"description": "The message that shows it."},
    },
    "additionalProperties": False,
}
_PROBLEM: Document = {
    "type": "object",
    "description": "A problem as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"enum": list(PROBLEMS)},
        "commandId": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "parameter": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_HEADERS: tuple[Document, ...] = (
    {"$ref": "#/components/parameters/Prefer"},
    {"$ref": "#/components/parameters/IdempotencyKey"},
)
_ID: Document = {"$ref": "#/components/parameters/ChargePointId"}


@cache
def text() -> str:
    """The document as it is served and committed."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def document() -> Document:
    """The document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Remote commands",
            "version": "1",
            "description": "Tell charge points what to do, in any OCPP version, and see what became of it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:9080", "description": "the house on this machine"}],
        "security": [{}, {"bearer": []}, {"key": []}],
        "paths": _customers_paths() | _neutral_paths() | _other_paths() | _job_paths(),
        "components": {
            "schemas": {
                "Command": _COMMAND,
                "CommandList": _list_of("Command"),
                "Problem": _PROBLEM,
                "Job": openapi_jobs.JOB,
                "JobList": _list_of("Job"),
                "JobResult": openapi_jobs.RESULT,
                "JobResultList": _list_of("JobResult"),
            }
            | _bodies(),
            "parameters": _parameters(),
            "responses": _refusals(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _customers_paths() -> Document:
    return {
        "/remote-start-transaction": {
            "post": _issues("Start a transaction", RemoteStart, NEUTRAL["remote-start"] | {"chargePointId": "CP001"})
        },
        "/remote-stop-transaction": {
            "post": _issues("Stop a transaction", RemoteStop, NEUTRAL["remote-stop"] | {"chargePointId": "CP001"})
        },
    }


def _neutral_paths() -> Document:
    return {
        f"/charge-points/{{chargePointId}}/commands/{name}": {
            "parameters": [_ID],
            "post": _issues(f"{name.capitalize().replace('-', ' ')}, in any version", command.body, NEUTRAL[name]),
        }
        for name, command in neutral.COMMANDS.items()
    }


def _other_paths() -> Document:
    commands = _lists("The commands of a charge point, newest first", "CommandList", "A page of them.")
    action = {"name": "action", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Z]"}}
    ttl = {"name": "ttlSeconds", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 2592000}}
    raw = _issues("Send any action of the charge point's OCPP version as it is", None, RAW)
    split = {
        "name": "split",
        "in": "query",
        "description": "In as many messages as the charge point said it takes: its lists of variables or monitors.",
        "schema": {"type": "boolean"},
    }
    raw["parameters"] = [*raw["parameters"], ttl, split]
    return {
        "/charge-points/{chargePointId}/commands/{action}": {"parameters": [_ID, action], "post": raw},
        "/charge-points/{chargePointId}/commands": {
            "parameters": [_ID],
            "get": commands,
        },
        "/commands/{commandId}": {"get": _shows()},
        "/openapi.json": {"get": {"summary": "This document", "responses": {"200": {"description": "This document"}}}},
    }


def _issues(summary: str, body: type[BaseModel] | None, example: Document) -> Document:
    schema: Document = {"$ref": f"{_REF}{body.__name__}"} if body else {"type": "object"}
    location = {"Location": {"schema": {"type": "string"}, "description": "Where to ask what became of it."}}
    return {
        "summary": summary,
        "parameters": list(_HEADERS),
        "requestBody": {"content": {"application/json": {"schema": schema, "example": example}}},
        "responses": {
            "200": _answer("The charge point has answered, if only with a no.", "Command"),
            "202": _answer("It was sent, or waits; ask again.", "Command") | {"headers": location},
            **_problems(400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 502),
        },
    }


def _lists(summary: str, schema: str, description: str) -> Document:
    return {
        "summary": summary,
        "parameters": [
            {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
            {"name": "cursor", "in": "query", "schema": {"type": "string"}},
        ],
        "responses": {"200": _answer(description, schema), **_problems(401, 403, 404, 405, 422, 500)},
    }


def _list_of(schema: str) -> Document:
    return {
        "type": "object",
        "required": ["data", "nextCursor"],
        "properties": {"data": {"type": "array", "items": {"$ref": f"{_REF}{schema}"}}, "nextCursor": _TEXT},
    }


def _job_paths() -> Document:
    name = {"name": "jobId", "in": "path", "required": True, "schema": {"type": "string"}}
    location = {"Location": {"schema": {"type": "string"}, "description": "Where to ask how far it is."}}
    told = _problems(401, 403, 404, 405, 500)
    starts = {
        "summary": "Send one command to many charge points; with canaryPercent a campaign",
        "parameters": [_HEADERS[1]],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": f"{_REF}NewJob"}, "example": JOB}}},
        "responses": {
            "202": _answer("It is on its way.", "Job") | {"headers": location},
            **_problems(400, 401, 403, 404, 405, 409, 422, 500),
        },
    }
    ends = {"summary": "Send no more", "responses": {"200": _answer("It is over.", "Job"), **_problems(409), **told}}
    shows = {"summary": "How far a job is", "responses": {"200": _answer("The job.", "Job"), **told}}
    results = _lists("What became of each charge point, in their order", "JobResultList", "A page of them.")
    return {
        "/jobs": {"get": _lists("Jobs, newest first", "JobList", "A page of them."), "post": starts},
        "/jobs/{jobId}": {"parameters": [name], "get": shows},
        "/jobs/{jobId}/results": {"parameters": [name], "get": results},
        "/jobs/{jobId}/cancel": {"parameters": [name], "post": ends},
    }


def _shows() -> Document:
    command_id = {"name": "commandId", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "summary": "What became of a command",
        "parameters": [command_id, _HEADERS[0]],
        "responses": {"200": _answer("The command.", "Command"), **_problems(401, 403, 404, 405, 500)},
    }


def _answer(description: str, schema: str) -> Document:
    content = {"application/json": {"schema": {"$ref": f"{_REF}{schema}"}}}
    return {"description": description, "content": content}


def _problems(*statuses: int) -> Document:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _refusals() -> Document:
    content = {"application/problem+json": {"schema": {"$ref": f"{_REF}Problem"}}}
    told: dict[int, list[str]] = {}
    for code, (status, title) in PROBLEMS.items():
        told.setdefault(status, []).append(f"{code}: {title}")
    return {str(status): {"description": "; ".join(titles), "content": content} for status, titles in told.items()}


def _parameters() -> Document:
    return {
        "ChargePointId": {
            "name": "chargePointId",
            "in": "path",
            "required": True,
            "description": "The escaped id: the name of the IoT thing.",
            "schema": {"type": "string"},
        },
        "Prefer": {
            "name": "Prefer",
            "in": "header",
            "description": "`wait=25` waits so many seconds for the charge point's answer; `Preference-Applied` "
            "says that it did. The function of reads does not wait.",
            "schema": {"type": "string"},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same request with the same key is the same command, for 24 hours.",
            "schema": {"type": "string"},
        },
    }


def _bodies() -> Document:
    models: list[type[BaseModel]] = [RemoteStart, RemoteStop, NewJob]
    models += [command.body for command in neutral.COMMANDS.values()]
    ordered = sorted(dict.fromkeys(models), key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF + "{model}")
    bodies: Document = definitions["$defs"]
    return bodies


if __name__ == "__main__":
    sys.stdout.write(text())
