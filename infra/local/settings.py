"""The settings of the house on this machine: OCPPGW_* variables, and AWS_REGION."""

import errno
import socket
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK = "127.0.0.1"
Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(ValueError):
    """The house can't start like this; the text is one sentence that names the variable."""


class Settings(BaseSettings):
    """`OCPPGW_WS_PORT` and the like."""

    model_config = SettingsConfigDict(env_prefix="OCPPGW_", frozen=True, populate_by_name=True)

    ws_port: Port = 9000
    http_port: Port = 9080
    admin_port: Port = 9090
    aws_port: Port = 4566
    mqtt_port: Port = 8883
    state_dir: Path = Path(".local")
    demo: bool = True
    # How long a charge point may be away before its shadow says so.
    disconnect_delay_s: Annotated[int, Field(ge=0, le=900)] = 60
    lease_s: Annotated[float, Field(ge=1, le=3_600)] = 30  # of the gateway
    # Files with who may call, and what each caller may see; the functions read them, too.
    api_tokens: Path | None = None
    policy: Path | None = None
    region: Annotated[str, Field(validation_alias="AWS_REGION", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "us-east-1"

    @property
    def ports(self) -> dict[str, int]:
        """The ports by the variables that set them."""
        return {
            "OCPPGW_WS_PORT": self.ws_port,
            "OCPPGW_HTTP_PORT": self.http_port,
            "OCPPGW_ADMIN_PORT": self.admin_port,
            "OCPPGW_AWS_PORT": self.aws_port,
            "OCPPGW_MQTT_PORT": self.mqtt_port,
        }


def doubts(settings: Settings) -> list[str]:
    """What can be started, and still is no good; a sentence each."""
    if settings.lease_s < settings.disconnect_delay_s:
        return []
    return [
        f"OCPPGW_LEASE_S ({settings.lease_s:g} s) is not shorter than OCPPGW_DISCONNECT_DELAY_S "
        f"({settings.disconnect_delay_s} s): when a gateway dies, its charge points stay online."
    ]


def load() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: one of them can't be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = str(wrong["loc"][0])
        variable = name if name.isupper() else f"OCPPGW_{name.upper()}"
        raise SettingsError(
            f"{variable} is {wrong['input']!r}: {wrong['msg'][:1].lower()}{wrong['msg'][1:]}."
        ) from error


def check_ports(settings: Settings) -> None:
    """See that every port is free and none is given twice.

    Raises:
        SettingsError: one of them is not.
    """
    seen: dict[int, str] = {}
    for variable, port in settings.ports.items():
        if port in seen:
            raise SettingsError(f"Port {port} is given twice, as {seen[port]} and as {variable}.")
        seen[port] = variable
        _check_port(variable, port)


def _check_port(variable: str, port: int) -> None:
    with socket.socket() as probe:
        # As servers do: what an earlier run has just closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            what = "in use" if error.errno == errno.EADDRINUSE else f"not available ({error.strerror})"
            raise SettingsError(f"Port {port} is {what}: set {variable} to another one.") from error
