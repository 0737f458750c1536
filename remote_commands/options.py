"""A command line for each body: its fields become options, so that a new command needs no line here."""

import inspect
import json
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from remote_commands.fields import Body, GivenIdToken

Issue = Callable[[str, dict[str, Any], bool, Any], None]

_SHORT = {"ttl_seconds": "--ttl", "connector_id": "--connector", "evse_id": "--evse"}
_HELP = {"ttl_seconds": "Seconds it may wait for a charge point that is offline."}


def function_of(
    body: type[Body], issue: Issue, common: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Callable[..., None]:
    """A function for typer that takes a charge point and the fields of a body, and hands them to `issue`.

    `common` are the annotations of `charge_point`, `wait` and `output`, which every command has.
    """

    def call(**said: Any) -> None:
        charge_point, wait, output = (said.pop(name) for name in common)
        given = {to_camel(name): _value(value) for name, value in said.items() if value is not None}
        issue(charge_point, given, wait, output)

    fields = {name: _annotation(name, info) for name, info in body.model_fields.items()}
    annotations = (
        {"charge_point": common["charge_point"]} | fields | {name: common[name] for name in ("wait", "output")}
    )
    signature = [_parameter(name, annotation, body, defaults) for name, annotation in annotations.items()]
    call.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]  # what typer reads
    call.__annotations__ = annotations
    call.__doc__ = body.__doc__
    return call


def _parameter(name: str, annotation: Any, body: type[Body], defaults: Mapping[str, Any]) -> inspect.Parameter:
    is_required = name == "charge_point" or (name in body.model_fields and body.model_fields[name].is_required())
    default = inspect.Parameter.empty if is_required else defaults.get(name, False if name == "wait" else None)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _annotation(name: str, info: FieldInfo) -> Any:
    option = _SHORT.get(name, f"--{name.replace('_', '-')}")
    kind = _kind(info)
    told = _HELP.get(name, " | ".join(_choices(info)) if _choices(info) else "JSON" if kind is None else "")
    scalar = kind or str
    return Annotated[scalar if info.is_required() else scalar | None, typer.Option(option, help=told)]


def _kind(info: FieldInfo) -> type | None:
    """What typer reads itself; None is JSON."""
    bare = _bare(info.annotation)
    if _choices(info) or GivenIdToken in bare:
        return str
    return bare[0] if len(bare) == 1 and bare[0] in (int, float, str, bool) else None


def _choices(info: FieldInfo) -> tuple[str, ...]:
    return next((get_args(option) for option in _bare(info.annotation) if get_origin(option) is Literal), ())


def _bare(annotation: Any) -> list[Any]:
    """What a field takes, without None and without what is said beside."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [bare for option in get_args(annotation) if option is not type(None) for bare in _bare(option)]
    return [annotation]


def _value(given: Any) -> Any:
    # A text is a text without its quotation marks: only objects and lists are read as JSON.
    if not isinstance(given, str) or not given.startswith(("{", "[")):
        return given
    try:
        return json.loads(given)
    except ValueError:
        return given
