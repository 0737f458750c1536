"""OpenAPI 3.1 documents, made of a table of what each method of an address does and of the models and views it uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from web.problems import Problems

Document = dict[str, Any]

TIME = {"type": "string", "format": "date-time"}
_REF = "#/components/schemas/"
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Does:
    """What a method of an address does: what it takes and what it answers; a list has a page's parameters."""

    summary: str
    shows: str
    body: type[BaseModel] | None = None
    example: Document | None = None
    query: tuple[str, ...] = ()
    status: int = 200
    also: tuple[int, ...] = ()  # other statuses of the same answer


Addresses = Mapping[str, Mapping[str, Does]]


def document(
    title: str, description: str, addresses: Addresses, schemas: Document, query: Document, problems: Problems
) -> Document:
    """The document; `query` are the schemas of query parameters by name, bodies and problems come by themselves."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": "1",
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:9080", "description": "the house on this machine"}],
        "security": [{}, {"bearer": []}, {"key": []}],
        "paths": {address: _item(address, methods, problems) for address, methods in addresses.items()},
        "components": {
            "schemas": schemas | {"Problem": _problem(problems)} | _bodies(addresses),
            "parameters": {name: {"name": name, "in": "query", "schema": schema} for name, schema in query.items()},
            "responses": _refusals(problems),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def text(written: Document) -> str:
    """A document as it is served and committed."""
    return orjson.dumps(written, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def shape(example: Document) -> Document:
    """An object with these fields; one that may be null is of any type."""
    properties = {
        name: {"type": _TYPES[type(value)]} if type(value) in _TYPES else {"description": "null if unknown"}
        for name, value in example.items()
    }
    return {"type": "object", "required": list(example), "properties": properties}


def list_of(schema: str, named: str = "data") -> Document:
    """A page of a list."""
    cursor = {"type": ["string", "null"], "description": "For the next page; the header Link has its address."}
    return {
        "type": "object",
        "required": [named, "nextCursor"],
        "properties": {named: array_of(schema), "nextCursor": cursor},
    }


def array_of(schema: str) -> Document:
    """An array of objects of a schema of this document."""
    return {"type": "array", "items": {"$ref": f"{_REF}{schema}"}}


def _item(address: str, methods: Mapping[str, Does], problems: Problems) -> Document:
    named = [part[1:-1] for part in address.split("/") if part.startswith("{")]
    places = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in named]
    return {"parameters": places} | {method: _operation(does, problems) for method, does in methods.items()}


def _operation(does: Does, problems: Problems) -> Document:
    content = {"application/json": {"schema": {"$ref": f"{_REF}{does.shows}"}}}
    answer = {"description": does.summary, "content": content}
    answers: Document = {str(status): answer for status in (does.status, *does.also)}
    refusals = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _statuses(problems)}
    told: Document = {"summary": does.summary, "responses": answers | refusals}
    if does.query:
        told["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in does.query]
    if does.body is not None:
        schema = {"$ref": f"{_REF}{does.body.__name__}"}
        told["requestBody"] = {"content": {"application/json": {"schema": schema, "example": does.example}}}
    return told


def _statuses(problems: Problems) -> list[int]:
    return sorted({status for status, _ in problems.values()})


def _refusals(problems: Problems) -> Document:
    content = {"application/problem+json": {"schema": {"$ref": f"{_REF}Problem"}}}
    told: dict[int, list[str]] = {}
    for code, (status, title) in problems.items():
        told.setdefault(status, []).append(f"{code}: {title}")
    return {str(status): {"description": "; ".join(titles), "content": content} for status, titles in told.items()}


def _problem(problems: Problems) -> Document:
    return {
        "type": "object",
        "description": "A problem as RFC 9457 has it; `errors` names each wrong field or parameter.",
        "required": ["type", "title", "status", "detail", "instance", "code"],
        "properties": {"code": {"enum": list(problems)}, "status": {"type": "integer"}, "errors": {"type": "array"}},
    }


def _bodies(addresses: Addresses) -> Document:
    bodies = {does.body for methods in addresses.values() for does in methods.values() if does.body}
    ordered = sorted(bodies, key=lambda body: body.__name__)
    if not ordered:
        return {}
    _, definitions = models_json_schema([(body, "validation") for body in ordered], ref_template=_REF + "{model}")
    found: Document = definitions["$defs"]
    return found
