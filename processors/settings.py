"""The processors' settings, from environment variables with the prefix OCPPGW_.

Without pydantic: it would be a third of a cold start, and all it would do is read these few texts.
"""

import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from domain.models import Registration


class SettingsError(ValueError):
    """A setting has a value that can't be used; the text is one sentence that names the variable."""


class Gate(StrEnum):
    """What it takes to be heard."""

    STRICT = "strict"  # accepted, and booted here at least once (C-07)
    REGISTERED = "registered"  # accepted; for a fleet that moves here without booting anew


@dataclass(frozen=True, slots=True)
class Settings:
    """What the processors can be told; every setting has a default that works."""

    heartbeat_interval_s: int = 300
    heartbeat_jitter: float = 0.1  # a tenth more or less, so that a fleet doesn't beat as one
    boot_retry_s: int = 60
    call_timeout_s: float = 30
    registration: Registration = Registration.ACCEPTED  # of charge points that are new
    gate: Gate = Gate.STRICT
    remote_start_valid_s: int = 600
    one_transaction_per_token: bool = False
    tariff: str | None = None  # of charge points and tokens that have none of their own
    given_up_after_days: int = 30  # transactions of which nothing is heard
    # {"vendor": ["messageId", ...]}: what is Accepted; no messages are all
    data_transfer: dict[str, tuple[str, ...]] = field(default_factory=dict)
    signer: str = "local"  # with the files that follow; off; or the ARN of a secret with both, or of a private CA
    ca_certificate: Path | None = None  # PEM; with a key, charge points get certificates from here
    ca_key: Path | None = None
    signer_template: str | None = None  # the ARN of a private CA's template, if it is not that for clients
    # PEM, or the ARN of a secret that holds it; contract certificates of vehicles must lead to one of these.
    contract_roots: str | Path | None = None
    # ["http://ocsp.example/", ...]: URLs that begin so may be asked whether a certificate is revoked; none: nobody is.
    ocsp_responders: tuple[str, ...] = ()
    certificate_days: int = 365
    certificate_organization: str | None = None  # what the O of their requests must be
    attempts: int = 5  # as many as the queues' redrive policy has
    worker_threads: int = 4  # polling the queue of frames

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
    given = {}
    for name, read in READERS.items():
        variable = f"OCPPGW_{name.upper()}"
        if variable not in os.environ:
            continue
        try:
            given[name] = read(os.environ[variable])
        except ValueError as error:
            raise SettingsError(f"{variable} is {os.environ[variable]!r}: it must be {error}.") from error
    return Settings(**given)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise ValueError(f"a number from {least} to {most}")
        return number

    return read


def _one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"one of {', '.join(kind)}") from None

    return read


def _yes_or_no(text: str) -> bool:
    answers = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in answers:
        raise ValueError("true or false")
    return answers[text.lower()]


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise ValueError("a file that is there")
    return Path(text)


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(what)
        return text

    return read


def _secret_or_file(text: str) -> str | Path:
    return text if re.fullmatch(r"arn:aws[a-z-]*:secretsmanager:\S+", text) else _file(text)


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _vendors(text: str) -> dict[str, tuple[str, ...]]:
    told = _json(text)
    if not isinstance(told, dict) or not all(_are_texts(messages) for messages in told.values()):
        raise ValueError('JSON like {"vendor": ["messageId", ...]}')
    return {vendor: tuple(messages) for vendor, messages in told.items()}


def _prefixes(text: str) -> tuple[str, ...]:
    told = _json(text)
    # With the slash after it: no other host begins so.
    if not _are_texts(told) or not all(re.match(r"https?://[^/]+/", each) for each in told):
        raise ValueError('JSON like ["http://ocsp.example/", ...], with a slash after the host')
    return tuple(told)


def _are_texts(told: object) -> bool:
    return isinstance(told, list) and all(isinstance(each, str) for each in told)


_DAYS = _whole(1, 3650)
_SIGNERS = r"local|off|arn:aws[a-z-]*:(secretsmanager|acm-pca):\S+"

READERS: dict[str, Callable[[str], Any]] = {
    "heartbeat_interval_s": _whole(1, 86_400),
    "heartbeat_jitter": _number(0, 0.99),
    "boot_retry_s": _whole(1, 86_400),
    "call_timeout_s": _number(0.1, 3600),
    "registration": _one_of(Registration),
    "gate": _one_of(Gate),
    "remote_start_valid_s": _whole(0, 86_400),
    "one_transaction_per_token": _yes_or_no,
    "tariff": str,
    "given_up_after_days": _DAYS,
    "data_transfer": _vendors,
    "signer": _matching(_SIGNERS, "local, off, or the ARN of a secret or of an authority of AWS Private CA"),
    "ca_certificate": _file,
    "ca_key": _file,
    "signer_template": str,
    "contract_roots": _secret_or_file,
    "ocsp_responders": _prefixes,
    "certificate_days": _DAYS,
    "certificate_organization": str,
    "attempts": _whole(1, 1000),
    "worker_threads": _whole(1, 64),
}
