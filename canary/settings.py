"""The settings of the canary, from the environment."""

from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """A setting is missing or can't be used; the text is one sentence that names it."""


class Settings(BaseSettings):
    """`OCPPGW_CANARY_URL` and the like."""

    model_config = SettingsConfigDict(env_prefix="OCPPGW_CANARY_", frozen=True)

    url: Annotated[str, Field(pattern=r"^wss?://[^?#]+[^/?#]$")]  # of charge points, without the identity
    id: Annotated[str, Field(min_length=1, max_length=128)]
    id_tag: Annotated[str, Field(min_length=1, max_length=20)] = "CANARY"
    api: Annotated[str, Field(pattern=r"^https?://[^/?#]+/?$")]  # of the commands
    # Its password, or the secret that holds it; neither where none is wanted.
    password: SecretStr | None = None
    secret: str | None = None
    patience_s: Annotated[float, Field(gt=0, le=600)] = 10  # for an answer, and for the effect of a command


def load() -> Settings:
    """Read them.

    Raises:
        SettingsError: one of them is missing or can't be used.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # the environment has them
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = f"OCPPGW_CANARY_{wrong['loc'][0]}".upper()
        if wrong["type"] == "missing":
            raise SettingsError(f"{name} is missing.") from error
        raise SettingsError(f"{name} is {wrong['input']!r}: {wrong['msg'][:1].lower()}{wrong['msg'][1:]}.") from error
