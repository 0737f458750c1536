"""Where the fleet lives: the house on this machine, or an AWS account."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`OCPPGW_CLOUD=aws` means the account of AWS's own variables; otherwise it is the running house."""

    model_config = SettingsConfigDict(env_prefix="OCPPGW_", frozen=True)

    cloud: Literal["local", "aws"] = "local"
    aws_port: Annotated[int, Field(ge=1, le=65535)] = 4566
    pepper: SecretStr = SecretStr("")
