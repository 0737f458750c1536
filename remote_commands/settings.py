"""The settings of the command API, from the environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Kind = TypeVar("Kind", bound=BaseSettings)
Seconds = Annotated[float, Field(gt=0, le=3600)]


class SettingsError(ValueError):
    """A setting has a value that can't be used; the text is one sentence that names the variable."""


class Settings(BaseSettings):
    """`OCPPGW_COMMAND_TIMEOUT_S` and the like."""

    model_config = SettingsConfigDict(env_prefix="OCPPGW_", frozen=True)

    # How long a charge point has for its answer, counted from here.
    command_timeout_s: Seconds = 30
    # What an answer needs from the gateway to the table; only after that an unanswered command counts as timed out.
    command_grace_s: Seconds = 5
    # The longest `Prefer: wait` granted. A Function URL's caller and the Lambda itself have little patience.
    max_wait_s: Annotated[float, Field(ge=0, le=900)] = 25

    # For one charge point, all callers together; a minute's worth may come at once. 0 is no limit.
    commands_per_minute: Annotated[int, Field(ge=0, le=6000)] = 10
    # Files with who may call, and what each caller may do; none is whoever gets here, and everything.
    api_tokens: Path | None = None
    policy: Path | None = None

    @property
    def command_timeout(self) -> timedelta:
        return timedelta(seconds=self.command_timeout_s)

    @property
    def command_grace(self) -> timedelta:
        return timedelta(seconds=self.command_grace_s)


class ClientSettings(BaseSettings):
    """Where `ocppgw command` finds the running house, or with OCPPGW_API_URL the API elsewhere.

    What goes to AWS is signed: with OCPPGW_CLOUD=aws, or to the host of a Function URL.
    """

    model_config = SettingsConfigDict(env_prefix="OCPPGW_", frozen=True)

    cloud: Literal["local", "aws"] = "local"
    api_url: Annotated[str, Field(pattern=r"^https?://[^/?#]+/?$")] | None = None
    http_port: Annotated[int, Field(ge=1, le=65535)] = 9080
    api_token: SecretStr | None = None  # where the house wants one (OCPPGW_API_TOKENS)


def load(kind: type[Kind]) -> Kind:
    """Read settings from the environment.

    Raises:
        SettingsError: one of them has a value that can't be used.
    """
    try:
        return kind()
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = f"OCPPGW_{wrong['loc'][0]}".upper()
        raise SettingsError(f"{name} is {wrong['input']!r}: {wrong['msg'][:1].lower()}{wrong['msg'][1:]}.") from error
