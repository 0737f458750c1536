"""How an MQTT link connects, and what it may use: a value, made by hand or from a URL."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from adapters.tls import trusting

# Packet ids above belong to SUBSCRIBE and UNSUBSCRIBE, so that the two never have to agree on one.
MAX_PUBLISH_ID = 60_000

_PORTS = {"mqtt": 1883, "mqtts": 8883}
AWS_ALPN_PORT = 443
AWS_ALPN = "x-amzn-mqtt-ca"  # AWS IoT tells MQTT from HTTP by it, on that port only


def _unpaced(_filters: int) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """One link's settings; `dataclasses.replace` makes those of the next link.

    `will` is (topic, payload). `window` bounds unacknowledged publishes, together with the broker's own limit;
    `max_messages` and `max_bytes` bound everything that is not acknowledged yet, in flight or waiting.
    `max_packet_size` bounds packets both ways, together with the broker's own limit. `backoff_s` and `retry_s` are
    (first, last): before connecting again, and before asking again for what the broker refused.
    `publish_rate` (messages a second) and `byte_rate` bound what this connection publishes, 0 = not at all: what comes
    in counts, what exceeds it waits. `mqtt_pace.AWS_PUBLISH_RATE` and `AWS_BYTE_RATE` keep AWS IoT Core's limits.
    `pace(n)` is asked before each SUBSCRIBE of n filters: 0 lets it go, more is when to ask again (s). Links of one
    account share an `mqtt_pace.Pace`.
    """

    host: str
    port: int
    client_id: str
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    will: tuple[str, bytes] | None = None
    keepalive_s: int = 30
    window: int = 1_000
    receive_maximum: int = 1_000
    max_packet_size: int = 1_048_576
    max_messages: int = 10_000
    max_bytes: int = 16_777_216
    filters_per_subscribe: int = 8  # the limit of AWS IoT Core
    connect_timeout_s: float = 15.0
    backoff_s: tuple[float, float] = (1.0, 30.0)
    stable_s: float = 10.0
    retry_s: tuple[float, float] = (1.0, 60.0)
    publish_rate: float = 0.0
    byte_rate: float = 0.0
    pace: Callable[[int], float] = _unpaced

    def __post_init__(self) -> None:
        """Refuse what can't work.

        Raises:
            ValueError: a limit is out of its range.
        """
        for name, highest in (
            ("port", 65_535),
            ("keepalive_s", 65_535),
            ("window", 65_535),
            ("receive_maximum", 65_535),
            ("max_messages", MAX_PUBLISH_ID),
            ("max_packet_size", min(self.max_bytes, 268_435_460)),
        ):
            if not 1 <= getattr(self, name) <= highest:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be between 1 and {highest}.")
        for name in ("publish_rate", "byte_rate"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}, but must be a number from 0, which means no limit.")


def from_url(
    url: str,
    client_id: str,
    *,
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    **settings: Any,
) -> MqttSettings:
    """Settings for `mqtt://[user:password@]host[:1883]` or `mqtts://host[:8883]`; reads the PEM files.

    `ca` replaces the system's authorities; `cert` and `key` are the client's. `settings` are fields of `MqttSettings`.

    Raises:
        ValueError: one sentence about what is wrong with the URL or the files.
    """
    parts = _split(url)
    port = parts.port or _PORTS[parts.scheme]
    host = parts.hostname or ""
    tls = None
    if parts.scheme == "mqtts":
        tls = tls_context(port, ca, cert, key)
    elif ca or cert or key:
        raise ValueError(f"{_shown(parts)} is not encrypted: certificates need an mqtts:// URL.")
    return MqttSettings(
        host,
        port,
        client_id,
        tls=tls,
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password).encode(),
        **settings,
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as whoever looks it up will do
    except ValueError as error:
        raise ValueError(f"This is no broker URL such as mqtt://127.0.0.1:1883: {error}.") from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise ValueError(f"{_shown(parts)} is no broker URL such as mqtt://127.0.0.1:1883 or mqtts://example.com:8883.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{_shown(parts)} has something after the port, but a broker URL ends there.")
    return parts


def _shown(parts: SplitResult) -> str:
    # Not the password: the sentence ends up in logs.
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() or "Nothing"


def tls_context(port: int, ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    if (cert is None) != (key is None):
        raise ValueError("A client certificate and its key come together: one of them is missing.")
    for path in (ca, cert, key):
        if path is not None and not path.is_file():
            raise ValueError(f"There is no file {path}.")
    try:
        context = trusting(ca)
        if cert is not None:
            context.load_cert_chain(cert, key)
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(path) for path in (ca, cert, key) if path is not None)
        raise ValueError(f"The certificates can't be used ({files}): {error}.") from error
    if port == AWS_ALPN_PORT:
        context.set_alpn_protocols([AWS_ALPN])
    return context
