"""Payloads against the JSON schemas of the OCPP specifications (shipped by the `ocpp` package).

One validator per version, action and direction, compiled when first asked for.
"""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import jsonschema_rs
import orjson

from ocppj import timestamps
from ocppj.errors import Defect, OcppError, PayloadError
from ocppj.versions import Version

Kind = Literal["request", "response"]

# The schemas say "date-time" and "uri"; the field says "+02" and bare host names. Timestamps get our own
# lenient parser, everything else with a format is just a string.
_FORMATS = {"date-time": timestamps.is_timestamp, "uri": lambda _: True}

_INTEGERS = {"minimum": -(2**63), "maximum": 2**63 - 1}

_DEFECT_OF_KEYWORD = {
    "required": Defect.MISSING_FIELD,
    "additionalProperties": Defect.UNKNOWN_FIELD,
    "type": Defect.WRONG_TYPE,
    "enum": Defect.BAD_VALUE,
    "minimum": Defect.BAD_VALUE,
    "maximum": Defect.BAD_VALUE,
    "multipleOf": Defect.BAD_VALUE,
    "maxLength": Defect.TOO_LONG,
    "format": Defect.BAD_TIMESTAMP,
    "minItems": Defect.BAD_COUNT,
    "maxItems": Defect.BAD_COUNT,
}


def check(version: Version, action: str, kind: Kind, payload: dict[str, Any]) -> None:
    """Check a payload against its schema.

    Raises:
        OcppError: this version has no such action.
        PayloadError: the first thing wrong with the payload, and where.
    """
    if action not in actions(version):
        raise OcppError(Defect.UNKNOWN_ACTION, f"{version} has no action {action}")
    validator = _validator(version, action, kind)
    if validator.is_valid(payload):
        return
    raise _describe(next(validator.iter_errors(payload)))


def faults(version: Version, action: str, payload: dict[str, Any]) -> list[PayloadError]:
    """Everything that is wrong with a request, in the order it was found."""
    return [_describe(error) for error in _validator(version, action, "request").iter_errors(payload)]


@cache
def actions(version: Version) -> frozenset[str]:
    """Every action that has a schema in this version."""
    names = (file.name.removesuffix(".json") for file in _folder(version).iterdir() if file.name.endswith(".json"))
    return frozenset(name.removesuffix("Request") for name in names if not name.endswith("Response"))


def schema(version: Version, action: str, kind: Kind) -> dict[str, Any]:
    """The JSON schema itself."""
    # NotifyPeriodicEventStream (2.1, a SEND) is the one request without its suffix.
    suffixes = ("Response",) if kind == "response" else (version.request_suffix, "")
    for suffix in suffixes:
        file = _folder(version) / f"{action}{suffix}.json"
        if file.is_file():
            loaded: dict[str, Any] = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
            return loaded
    raise OcppError(Defect.UNKNOWN_ACTION, f"{version} has no {kind} for {action}")


def _folder(version: Version) -> Any:
    return files("ocpp") / version.schema_folder / "schemas"


@cache
def _validator(version: Version, action: str, kind: Kind) -> jsonschema_rs.Validator:
    bounded = _bounded(schema(version, action, kind))
    return jsonschema_rs.validator_for(bounded, validate_formats=True, formats=_FORMATS)


def _bounded(node: Any) -> Any:
    """The schema, with bounds to its integers: one of more than 64 bits was read as a float and lost its digits."""
    if isinstance(node, list):
        return [_bounded(item) for item in node]
    if not isinstance(node, dict):
        return node
    bounds = _INTEGERS if node.get("type") == "integer" else {}
    return bounds | {key: _bounded(value) for key, value in node.items()}


def _describe(error: jsonschema_rs.ValidationError) -> PayloadError:
    keyword = str(error.schema_path[-1])
    pointer = "".join(f"/{_escape(part)}" for part in error.instance_path)
    named = error.kind.as_dict()  # the field that is missing, or the first that is too much
    if keyword == "required":
        pointer += "/" + _escape(named["property"])
    elif keyword == "additionalProperties":
        pointer += "/" + _escape(named["unexpected"][0])
    return PayloadError(_DEFECT_OF_KEYWORD.get(keyword, Defect.BAD_VALUE), f"{pointer}: {error.message}", pointer)


def _escape(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
