"""What the simulator takes from the environment."""

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the house on this machine listens for charge points."""

    model_config = SettingsConfigDict(env_prefix="OCPPGW_")

    ws_port: int = 9000

    @property
    def url(self) -> str:
        """The endpoint charge points connect to."""
        return f"ws://127.0.0.1:{self.ws_port}/ocpp"


def settings() -> Settings:
    """The settings; a wrong variable is named in one sentence, and nothing starts."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        typer.echo(f"OCPPGW_{str(first['loc'][0]).upper()}: {first['msg']}, not {first['input']!r}.", err=True)
        raise typer.Exit(1) from error
