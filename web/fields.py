"""What the bodies of callers are made of: strict models, numbers, moments."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from ocppj import timestamps
from web.problems import InvalidRequestError, Wrong, wrong_fields

MAX_INT32 = 2**31 - 1


class Strict(BaseModel):
    """A body that takes its fields as they are meant, and nothing else."""

    # Strict, because "connectorId": "1" is a caller's mistake; nothing extra, because that catches typing errors.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


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


def _moment(given: str) -> str:
    try:
        return timestamps.write(timestamps.parse(given))
    except ValueError as error:
        raise PydanticCustomError("moment", "must be a date and time, such as 2026-11-21T12:00:00Z") from error


Number = Annotated[int, Field(ge=0, le=MAX_INT32)]
Text = Annotated[str, Field(min_length=1)]
Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"format": "date-time"})]
