"""The settings of the gateway: options of the command line, else OCPPGW_* variables, else what is written here."""

import ipaddress
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.admission import Policy
from gateway.gate import Arrivals
from gateway.limits import TrafficLimits
from gateway.options import Options, WebSocketOptions
from gateway.tls import TlsFiles
from ocppj.terms import Limits

PREFIX = "OCPPGW_"

# AWS IoT Core allows 50 subscriptions and 100 publishes a second per connection, and 128 KB per message.
_AWS_CHARGE_POINTS_PER_LINK, _AWS_MAX_PACKET = 45, 131_072
_CHARGE_POINTS_PER_LINK, _MAX_PACKET = 1_000, 2_097_152
_AWS_SUBSCRIBE_RATE = 400.0  # of 500 an account has; what reconnects needs some, too
_HANDSHAKES_PER_SOURCE = 100.0
_REGISTRY_WORKERS = 8  # none for one in memory

Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Rate = Annotated[float, Field(ge=0, lt=float("inf"))]
Files = Annotated[tuple[Path, ...], NoDecode]
AtLeastOne = Annotated[int, Field(ge=1)]


class SettingsError(ValueError):
    """A setting can't be used; the text is one sentence that names it."""


class Settings(BaseSettings):
    """`OCPPGW_WS_PORT` and the like."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = "127.0.0.1"
    ws_port: Port = 9000
    admin_host: str = "127.0.0.1"
    admin_port: Port = 9090
    mqtt: str = "mqtt://127.0.0.1:1883"
    mqtt_ca: Path | None = None
    mqtt_cert: Path | None = None
    mqtt_key: Path | None = None
    mqtt_max_packet: Annotated[int, Field(ge=1_024, le=16_777_216)] | None = None
    # Keep to what AWS IoT Core allows a second (None: if it is the broker); so many gateways share its subscriptions.
    mqtt_pace: bool | None = None
    mqtt_sharers: AtLeastOne = 1
    charge_points_per_link: AtLeastOne | None = None
    # Frames go to this rule of AWS IoT Core directly (Basic Ingest): nobody can subscribe to them.
    basic_ingest: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{0,128}$")] = ""
    # Who may connect: `dynamodb` (the registry's table), `file:PATH` (JSON lines), `open` (anybody).
    registry: str = "dynamodb"
    # Processes on one port; `max_connections` and `subscribe_rate` are shared out among them.
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    open_to_network: bool = False
    pepper: SecretStr = SecretStr("")
    # TLS on the main port: one certificate chain with its key per kind (RSA, ECDSA), comma-separated.
    tls_cert: Files = ()
    tls_key: Files = ()
    tls_client_ca: Path | None = None
    tls_crl: Path | None = None
    # Another port like the main one: a load balancer has 55,000 connections for each.
    second_port: Port | None = None
    plain_port: Port | None = None
    proxy_protocol: bool = False
    tls_offloaded: bool = False
    handshake_timeout_s: Annotated[float, Field(gt=0, le=600)] = 10
    # Security profiles: nobody is let in below the first; client certificates must name this organisation.
    min_profile: Annotated[int, Field(ge=0, le=3)] = 0
    cpo_name: str = ""
    no_common_subprotocol: Literal["refuse", "close"] = "refuse"
    registry_cache_s: Annotated[float, Field(ge=0, le=60)] = 3
    # How long either side has for an answer.
    call_timeout_s: Annotated[float, Field(gt=0, le=3_600)] = 30
    max_waiting_commands: AtLeastOne = 100
    # Proxies and mobile networks drop what is silent for 60 to 350 s; 0 sends no pings.
    ping_interval_s: Seconds = 30
    max_message_bytes: AtLeastOne = 1_048_576
    deflate: bool = True
    broker_grace_s: Seconds = 60
    # A gateway that died is taken for dead after this; it is renewed three times as often.
    lease_s: Annotated[float, Field(ge=1, le=3_600)] = 30
    registry_timeout_s: Annotated[float, Field(gt=0, le=60)] = 10
    drain_seconds: Seconds = 2
    # Where frames go that the broker does not take: the queues its rule feeds, with commas between them. The first one
    # has to take them. With the registry dynamodb they are those of the template, else none.
    large_frames_queue: str | None = None
    # `edge`: answered by the gateway, and one in so many (of a connection) goes on to the cloud.
    heartbeats: Literal["forward", "edge"] = "forward"
    heartbeat_every: AtLeastOne = 10
    # Limits, 0 = none. Of a charge point: it is read slower, and closed (1008) when it keeps on for too long.
    # More than a charge point sends that waits for its answers, and less than a link to AWS IoT Core carries of all.
    frames_per_s: Rate = 50
    bytes_per_s: Rate = 262_144
    flood_patience_s: Seconds = 30
    # Who does not read what it is sent is closed after this long.
    write_timeout_s: Annotated[float, Field(gt=0, le=3_600)] = 30
    # Of handshakes: beyond it they are told to come back (429, 503). None for the rate: 400 on AWS IoT Core, else 0;
    # for the source: 100, or 0 on the loopback, where a simulator is many charge points, and so is a proxy.
    handshakes_per_source_s: Rate | None = None
    max_connections: Annotated[int, Field(ge=0)] = 0
    subscribe_rate: Rate | None = None
    slow_answer_s: Seconds = 5
    # A log line with metrics as CloudWatch reads them (EMF) every so many seconds; 0: none.
    emf_interval_s: Seconds = 0
    # The share of CALLs that begin a trace (W3C); commands that come with one are traced then, too. 0: none.
    tracing: Annotated[float, Field(ge=0, le=1)] = 0

    @field_validator("registry")
    @classmethod
    def _is_registry(cls, value: str) -> str:
        if value not in ("open", "dynamodb") and not (value.startswith("file:") and value[5:]):
            raise ValueError("must be open, dynamodb or file:PATH")
        return value

    @model_validator(mode="after")
    def _keeps_strangers_out(self) -> Self:
        if self.registry != "dynamodb" and not self.open_to_network and not _is_loopback(self.host):
            raise ValueError(
                f"With the registry {self.registry.partition(':')[0]} the gateway listens on the loopback only, not on "
                f"{self.host}, unless {PREFIX}OPEN_TO_NETWORK=1 (--open-to-network) says that this is meant"
            )
        return self

    @field_validator("tls_cert", "tls_key", mode="before")
    @classmethod
    def _are_files(cls, value: Any) -> Any:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_whole_certificates(self) -> Self:
        if len(self.tls_cert) != len(self.tls_key):
            raise ValueError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY must name as many files, pair by pair")
        for name, is_given, needed, is_there in (
            ("TLS_CLIENT_CA", self.tls_client_ca, "TLS_CERT", self.tls_cert),
            ("TLS_CRL", self.tls_crl, "TLS_CLIENT_CA", self.tls_client_ca),
            ("TLS_OFFLOADED", self.tls_offloaded, "PROXY_PROTOCOL", self.proxy_protocol),
        ):
            if is_given and not is_there:
                raise ValueError(f"{PREFIX}{name} makes sense with {PREFIX}{needed} only")
        if self.plain_port is not None and not self.tls_cert and not self.tls_offloaded:
            raise ValueError(f"{PREFIX}PLAIN_PORT makes sense with {PREFIX}TLS_CERT or {PREFIX}TLS_OFFLOADED only")
        return self

    @property
    def tls_files(self) -> TlsFiles | None:
        """The files TLS is made of, if it is spoken."""
        if not self.tls_cert:
            return None
        pairs = list(zip(self.tls_cert, self.tls_key, strict=True))
        return TlsFiles(pairs, self.tls_client_ca, self.tls_crl)

    @property
    def is_aws(self) -> bool:
        """Whether the broker is AWS IoT Core, whose limits then apply."""
        try:
            broker = urlsplit(self.mqtt)
        except ValueError:
            return False  # no URL at all: who connects says so
        return broker.scheme == "awsiot" or (broker.hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))

    @property
    def is_paced(self) -> bool:
        """Whether links keep to the rates of AWS IoT Core."""
        return self.is_aws if self.mqtt_pace is None else self.mqtt_pace

    @property
    def max_packet(self) -> int:
        """What the broker takes at once."""
        return self.mqtt_max_packet or (_AWS_MAX_PACKET if self.is_aws else _MAX_PACKET)

    @property
    def queues_of_large_frames(self) -> list[str]:
        """The names of SQS queues, if there are any."""
        if self.large_frames_queue is not None:
            return [name.strip() for name in self.large_frames_queue.split(",") if name.strip()]
        return ["IncomingMessagesQueue", "FramesToArchive"] if self.registry == "dynamodb" else []

    def options(self) -> Options:
        """As the gateway takes them."""
        per_link = _AWS_CHARGE_POINTS_PER_LINK if self.is_aws else _CHARGE_POINTS_PER_LINK
        return Options(
            host=self.host,
            port=self.ws_port,
            admin_host=self.admin_host,
            admin_port=self.admin_port,
            announces_takeovers=self.registry != "dynamodb",
            forward_heartbeat_every=self.heartbeat_every if self.heartbeats == "edge" else 0,
            charge_points_per_link=self.charge_points_per_link or per_link,
            ping_interval_s=self.ping_interval_s,
            registry_timeout_s=self.registry_timeout_s,
            registry_workers=0 if self.registry == "open" else _REGISTRY_WORKERS,
            broker_grace_s=self.broker_grace_s,
            lease_s=self.lease_s,
            drain_s=self.drain_seconds,
            policy=Policy(self.pepper.get_secret_value().encode(), self.min_profile, self.cpo_name),
            remember_rows_s=self.registry_cache_s,
            closes_without_version=self.no_common_subprotocol == "close",
            second_port=self.second_port,
            plain_port=self.plain_port,
            has_proxy=self.proxy_protocol,
            tls_offloaded=self.tls_offloaded,
            ingest_rule=self.basic_ingest,
            emf_interval_s=self.emf_interval_s,
            tracing=self.tracing,
            limits=Limits(call_timeout_s=self.call_timeout_s, max_waiting=self.max_waiting_commands),
            traffic=TrafficLimits(self.frames_per_s, self.bytes_per_s, self.flood_patience_s),
            arrivals=self._arrivals(),
            websocket=WebSocketOptions(
                max_message_bytes=self.max_message_bytes,
                deflate=self.deflate,
                write_timeout_s=self.write_timeout_s,
                handshake_timeout_s=self.handshake_timeout_s,
            ),
        )

    def of_a_worker(self) -> dict[str, str]:
        """The variables that make one of the workers."""
        share: dict[str, Any] = {"workers": 1, "max_connections": ceil(self.max_connections / self.workers)}
        share["subscribe_rate"] = self._arrivals().subscribe_rate / self.workers
        share["mqtt_sharers"] = self.mqtt_sharers * self.workers
        named = {name: value for name, value in self if value is not None} | share
        return {f"{PREFIX}{name.upper()}": _text(value) for name, value in named.items()}

    def _arrivals(self) -> Arrivals:
        rate, per_source = self.subscribe_rate, self.handshakes_per_source_s
        by_default = 0.0 if _is_loopback(self.host) else _HANDSHAKES_PER_SOURCE
        return Arrivals(
            handshakes_per_source_s=by_default if per_source is None else per_source,
            max_connections=self.max_connections,
            subscribe_rate=(_AWS_SUBSCRIBE_RATE / self.mqtt_sharers if self.is_paced else 0.0)
            if rate is None
            else rate,
            slow_answer_s=self.slow_answer_s,
        )


def load(**given: Any) -> Settings:
    """Read the settings; what is given here (and not None) comes before the environment.

    Raises:
        SettingsError: one of them can't be used.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from error


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _sentence(error: ValidationError) -> str:
    wrong = error.errors(include_url=False)[0]
    text = wrong["msg"].removeprefix("Value error, ")
    if not wrong["loc"]:
        return f"{text}."
    return f"{PREFIX}{str(wrong['loc'][0]).upper()} is {wrong['input']!r}: {text[:1].lower()}{text[1:]}."


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
