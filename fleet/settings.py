"""Where the fleet lives: the house on this machine, or an AWS account."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FilePath, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

STACK_THING_TYPE = "ocpp-charge-point"  # unless `thing_type` among the stack's options says otherwise


class SettingsError(ValueError):
    """A setting has a value that can't be used; the text is one sentence that names the variable."""


class Settings(BaseSettings):
    """`OCPPGW_CLOUD=aws` means the account of AWS's own variables; otherwise it is the running house."""

    model_config = SettingsConfigDict(env_prefix="OCPPGW_", frozen=True)

    cloud: Literal["local", "aws"] = "local"
    aws_port: Annotated[int, Field(ge=1, le=65535)] = 4566
    pepper: SecretStr = SecretStr("")
    pepper_secret: str | None = None  # or where it is: the ARN of a secret of Secrets Manager
    # Things of this type are charge points, empty: all are. Not set: what the stack has, which on AWS is its default.
    thing_type: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9:_-]{0,128}$")] = None
    # Who signs certificates for charge points: local, with these files; off; a secret with both, or a private CA.
    signer: Annotated[str, Field(pattern=r"^(local|off|arn:aws[a-z-]*:(secretsmanager|acm-pca):\S+)$")] = "local"
    signer_template: str | None = None  # the ARN of a private CA's template, if it is not that for clients
    ca_certificate: FilePath | None = None  # PEM; with its key, certificates for charge points are signed here
    ca_key: FilePath | None = None
    certificate_days: Annotated[int, Field(ge=1, le=3650)] = 365
    certificate_organization: str | None = None  # what the O of their requests must be
    # Files with who may call, and what each caller may do; none is whoever gets here, and everything.
    api_tokens: Path | None = None
    policy: Path | None = None
    # The broker that is watched: this one, or the account's, or that of the house.
    mqtt: str | None = None
    mqtt_ca: Path | None = None
    mqtt_cert: Path | None = None
    mqtt_key: Path | None = None
    mqtt_port: Annotated[int, Field(ge=1, le=65535)] = 8883
    state_dir: Path = Path(".local")

    @property
    def type_of_things(self) -> str | None:
        """The type that things get here, if any."""
        if self.thing_type is None:
            return STACK_THING_TYPE if self.cloud == "aws" else None
        return self.thing_type or None


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
