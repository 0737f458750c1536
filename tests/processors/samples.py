"""Schema-valid payloads made from the schemas themselves: the least that passes, and everything there is."""

from typing import Any

from ocppj import schemas
from ocppj.versions import Version

Schema = dict[str, Any]

MOMENT = "2026-11-21T12:00:00.000Z"


def sample(version: Version, action: str, *, full: bool, kind: schemas.Kind = "request") -> dict[str, Any]:
    """A payload with only its required fields, or with all of them."""
    schema = schemas.schema(version, action, kind)
    made: dict[str, Any] = _value(schema, schema.get("definitions", {}), full)
    return made


def _value(schema: Schema, definitions: dict[str, Schema], full: bool) -> Any:
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rpartition("/")[2]], definitions, full)
    if "enum" in schema:
        return schema["enum"][0]
    makers = {"object": _object, "array": _array}
    kind = schema.get("type")
    if kind in makers:
        return makers[kind](schema, definitions, full)
    return _scalar(schema)


def _object(schema: Schema, definitions: dict[str, Schema], full: bool) -> dict[str, Any]:
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    return {name: _value(of, definitions, full) for name, of in properties.items() if full or name in required}


def _array(schema: Schema, definitions: dict[str, Schema], full: bool) -> list[Any]:
    length = max(schema.get("minItems", 0), 1 if full else 0)
    return [_value(schema["items"], definitions, full) for _ in range(length)]


def _scalar(schema: Schema) -> Any:
    if schema.get("format") == "date-time":
        return MOMENT
    numbers = {
        "integer": int(schema.get("minimum", 1)),
        "number": min(1.5, schema.get("maximum", 1.5)),
        "boolean": True,
    }
    return numbers.get(schema.get("type", "string"), "1"[: schema.get("maxLength", 1)])
