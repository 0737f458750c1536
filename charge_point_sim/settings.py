"""What the simulator takes from the environment."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the house on this machine listens for charge points."""

    model_config = SettingsConfigDict(env_prefix="OCPPGW_")

    ws_port: int = 9000

    @property
    def url(self) -> str:
        """The endpoint charge points connect to."""
        return f"ws://127.0.0.1:{self.ws_port}/ocpp"
