"""What the bodies of commands are made of beside what every body is (`web.fields`): id tokens and places."""

from typing import Annotated, Any

from pydantic import AliasChoices, Field
from pydantic_core import PydanticCustomError

from web.fields import MAX_INT32, Strict, Text

MAX_TTL_S = 30 * 24 * 3600


class Body(Strict):
    """The body of a version-neutral command; `ttlSeconds` lets it wait for a charge point that is offline."""

    ttl_seconds: int = Field(default=0, ge=0, le=MAX_TTL_S)


class GivenIdToken(Strict):
    """An id token with its type; only 2.x has types, and a remote start's is Central (conformance E.1)."""

    value: str = Field(min_length=1, validation_alias=AliasChoices("idToken", "value"))
    type: str = "Central"


def token_as_object(given: Any) -> Any:
    """A bare text is a token without a type."""
    if given is None or isinstance(given, dict):
        return given
    if isinstance(given, str) and given:
        return {"value": given}
    raise PydanticCustomError("id_token", "an id token is a text that is not empty, or an object with idToken and type")


ConnectorNumber = Annotated[int, Field(ge=1, le=MAX_INT32)]  # 0 is the whole charge point, which can't charge
Place = Annotated[int, Field(ge=0, le=MAX_INT32)]  # 0 is the whole charge point
ChargePointId = Text
