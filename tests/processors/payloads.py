"""Schema-valid payloads of every kind, as hypothesis draws them from the JSON schemas."""

from functools import cache
from typing import Any

from hypothesis import strategies as st

from ocppj import schemas
from ocppj.versions import Version

Schema = dict[str, Any]

INT32 = 2**31 - 1
_LONGEST = 40  # nobody learns anything from longer texts and lists
_MOST = 3

_moments = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    st.sampled_from([
        "1970-01-01T00:00:00Z", "2026-11-21T12:00:00.1234567+02:00", "2099-12-31T23:59:60Z",
        "2026-11-21T12:00:00-00:00",
    ]),
)  # fmt: skip
_anything = st.recursive(
    st.none() | st.booleans() | st.integers(-INT32, INT32) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@cache
def requests(version: Version, action: str) -> st.SearchStrategy[dict[str, Any]]:
    """Payloads of this action."""
    schema = schemas.schema(version, action, "request")
    made: st.SearchStrategy[dict[str, Any]] = _values(schema, schema.get("definitions", {}))
    return made


def _values(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _values(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    makers = {"object": _objects, "array": _arrays}
    if schema.get("type") in makers:
        return makers[schema["type"]](schema, definitions)
    return _scalars(schema)


def _objects(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[Any]:
    properties = {name: _values(of, definitions) for name, of in schema.get("properties", {}).items()}
    required = {name: properties.pop(name) for name in schema.get("required", [])}
    return st.fixed_dictionaries(required, optional=properties)


def _arrays(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[Any]:
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", INT32), max(least, _MOST))
    return st.lists(_values(schema["items"], definitions), min_size=least, max_size=most)


def _scalars(schema: Schema) -> st.SearchStrategy[Any]:
    least, most = schema.get("minimum", -INT32), schema.get("maximum", INT32)
    kinds: dict[str | None, st.SearchStrategy[Any]] = {
        "string": st.text(max_size=min(schema.get("maxLength", _LONGEST), _LONGEST)),
        "integer": st.integers(int(least), int(most)),
        "number": st.integers(int(10 * least), int(10 * most)).map(lambda tenths: tenths / 10),
        "boolean": st.booleans(),
    }
    if schema.get("format") == "date-time":
        return _moments
    return kinds.get(schema.get("type"), _anything)
