"""What the bodies of callers are made of: strict models, id tokens, numbers, moments."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from ocppj import timestamps
from remote_commands.errors import InvalidRequestError, Wrong, wrong_fields

MAX_INT32 = 2**31 - 1
MAX_TTL_S = 30 * 24 * 3600


class Strict(BaseModel):
    """A body that takes its fields as they are meant, and nothing else."""

    # Strict, because "connectorId": "1" is a caller's mistake; nothing extra, because that catches typing errors.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class Body(Strict):
    """The body of a version-neutral command; `ttlSeconds` lets it wait for a charge point that is offline."""

    ttl_seconds: int = Field(default=0, ge=0, le=MAX_TTL_S)


class GivenIdToken(Strict):
    """An id token with its type; only 2.x has types, and a remote start's is Central (conformance E.1)."""

    value: str = Field(min_length=1, validation_alias=AliasChoices("idToken", "value"))
    type: str = "Central"


Kind = TypeVar("Kind", bound=Strict)


def read(kind: type[Kind], given: object, also: Callable[[dict[str, Any]], list[Wrong]] | None = None) -> Kind:
    """Read a body; `also` finds what no single field shows.

    Raises:
        InvalidRequestError: names every field that is wrong.
    """
    wrong = also(given) if also is not None and isinstance(given, dict) else []
    try:
        body = kind.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError(wrong_fields(error) + wrong) from error
    if wrong:
        raise InvalidRequestError(wrong)
    return body


def token_as_object(given: Any) -> Any:
    """A bare text is a token without a type."""
    if given is None or isinstance(given, dict):
        return given
    if isinstance(given, str) and given:
        return {"value": given}
    raise PydanticCustomError("id_token", "an id token is a text that is not empty, or an object with idToken and type")


def _moment(given: str) -> str:
    try:
        return timestamps.write(timestamps.parse(given))
    except ValueError as error:
        raise PydanticCustomError("moment", "must be a date and time, such as 2026-11-21T12:00:00Z") from error


ConnectorNumber = Annotated[int, Field(ge=1, le=MAX_INT32)]  # 0 is the whole charge point, which can't charge
Place = Annotated[int, Field(ge=0, le=MAX_INT32)]  # 0 is the whole charge point
Number = Annotated[int, Field(ge=0, le=MAX_INT32)]
Text = Annotated[str, Field(min_length=1)]
Moment = Annotated[str, AfterValidator(_moment)]
ChargePointId = Text
