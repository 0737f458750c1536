"""The processors' settings, from environment variables with the prefix OCPPGW_."""

import os
import zlib
from enum import StrEnum
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FilePath, ValidationError

from domain.models import Registration


class SettingsError(ValueError):
    """A setting has a value that can't be used; the text is one sentence that names the variable."""


class Gate(StrEnum):
    """What it takes to be heard."""

    STRICT = "strict"  # accepted, and booted here at least once (C-07)
    REGISTERED = "registered"  # accepted; for a fleet that moves here without booting anew


SecretArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:secretsmanager:\S+$")]
Signer = Annotated[str, Field(pattern=r"^(local|off|arn:aws[a-z-]*:(secretsmanager|acm-pca):\S+)$")]


def _from_json(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


Prefix = Annotated[str, Field(pattern=r"^https?://[^/]+/")]  # with the slash: no other host begins so
Prefixes = Annotated[tuple[Prefix, ...], BeforeValidator(_from_json)]
Vendors = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_from_json)]


class Settings(BaseModel):
    """What the processors can be told; every setting has a default that works."""

    # No pydantic-settings: it is a tenth of a cold start, and all it would do here is in `load`.
    model_config = ConfigDict(frozen=True)

    heartbeat_interval_s: int = Field(default=300, ge=1, le=86_400)
    heartbeat_jitter: float = Field(
        default=0.1, ge=0, lt=1
    )  # a tenth more or less, so that a fleet doesn't beat as one
    boot_retry_s: int = Field(default=60, ge=1, le=86_400)
    call_timeout_s: float = Field(default=30, gt=0, le=3600)
    registration: Registration = Registration.ACCEPTED  # of charge points that are new
    gate: Gate = Gate.STRICT
    remote_start_valid_s: int = Field(default=600, ge=0, le=86_400)
    one_transaction_per_token: bool = False
    tariff: str | None = None  # of charge points and tokens that have none of their own
    given_up_after_days: int = Field(default=30, ge=1, le=3650)  # transactions of which nothing is heard
    data_transfer: Vendors = {}  # {"vendor": ["messageId", ...]}: what is Accepted; no messages are all
    signer: Signer = "local"  # with the files that follow; off; or the ARN of a secret with both, or of a private CA
    ca_certificate: FilePath | None = None  # PEM; with a key, charge points get certificates from here
    ca_key: FilePath | None = None
    signer_template: str | None = None  # the ARN of a private CA's template, if it is not that for clients
    # PEM, or the ARN of a secret that holds it; contract certificates of vehicles must lead to one of these.
    contract_roots: SecretArn | FilePath | None = None
    # ["http://ocsp.example/", ...]: URLs that begin so may be asked whether a certificate is revoked; none: nobody is.
    ocsp_responders: Prefixes = ()
    certificate_days: int = Field(default=365, ge=1, le=3650)
    certificate_organization: str | None = None  # what the O of their requests must be
    attempts: int = Field(default=5, ge=1, le=1000)  # as many as the queues' redrive policy has
    worker_threads: int = Field(default=4, ge=1, le=64)  # polling the queue of frames

    def interval_s(self, charge_point_id: str, registration: Registration) -> int:
        """The `interval` of a BootNotification's answer; the same charge point always gets the same (C-02)."""
        if registration is not Registration.ACCEPTED:
            return self.boot_retry_s
        share = zlib.crc32(charge_point_id.encode()) / 0xFFFFFFFF  # 0..1, evenly spread
        return max(1, round(self.heartbeat_interval_s * (1 + self.heartbeat_jitter * (2 * share - 1))))


def load() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: one of them has a value that can't be used.
    """
    try:
        return Settings.model_validate(
            {name: os.environ[_variable(name)] for name in Settings.model_fields if _variable(name) in os.environ}
        )
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = _variable(str(wrong["loc"][0]))
        raise SettingsError(f"{name} is {wrong['input']!r}: {wrong['msg'][:1].lower()}{wrong['msg'][1:]}.") from error


def _variable(name: str) -> str:
    return f"OCPPGW_{name.upper()}"
