"""The settings of telemetry, from the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """A setting has a value that can't be used; the text is one sentence that names the variable."""


class Settings(BaseSettings):
    """`OCPPGW_READS_PER_MINUTE` and the like."""

    model_config = SettingsConfigDict(env_prefix="OCPPGW_", frozen=True)

    # For one caller and one instance of the function; 0 is no limit.
    reads_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 600
    # Who may read from a page of another site: its origin, or * for everybody.
    cors_origin: str = "*"
    # Files with who may call, and what each caller may see; none is whoever gets here, and everything.
    api_tokens: Path | None = None
    policy: Path | None = None


def load() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: one of them has a value that can't be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = f"OCPPGW_{wrong['loc'][0]}".upper()
        raise SettingsError(f"{name} is {wrong['input']!r}: {wrong['msg'][:1].lower()}{wrong['msg'][1:]}.") from error
