"""How a gateway behaves: what `gateway.settings` makes of the command line and the environment."""

import socket
from dataclasses import dataclass, field

from gateway.admission import Policy
from gateway.gate import Arrivals
from gateway.limits import TrafficLimits
from gateway.tls import Certificates
from ocppj.terms import Limits


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """What every WebSocket of the gateway has in common."""

    max_message_bytes: int = 1_048_576
    deflate: bool = True
    handshake_timeout_s: float = 10.0
    close_timeout_s: float = 5.0
    # Who lets this much wait to be read, for this long, is closed.
    write_buffer_bytes: int = 1_048_576
    write_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """How this gateway behaves; `port` 0 takes a free one, `admin_port` None opens none.

    A worker shares its port (`reuse_port`) and was given a socket for its admin port (`admin_socket`). Where the
    registry does not know of other gateways (`announces_takeovers`), every connect is told to all of them.
    """

    host: str = "127.0.0.1"
    port: int = 9000
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
    admin_socket: socket.socket | None = None
    reuse_port: bool = False
    announces_takeovers: bool = False
    forward_heartbeat_every: int = 0  # 0: every one, and none is answered here
    charge_points_per_link: int = 45
    ping_interval_s: float = 30.0
    sweep_s: float = 0.5
    subscribe_timeout_s: float = 10.0
    registry_workers: int = 8
    hash_workers: int = 2
    registry_max_waiting: int = 500
    registry_timeout_s: float = 10.0
    broker_grace_s: float = 60.0
    lease_s: float = 30.0
    drain_s: float = 2.0
    flush_s: float = 2.0
    policy: Policy = field(default_factory=Policy)
    remember_rows_s: float = 3.0
    closes_without_version: bool = False
    tls: Certificates | None = None
    second_port: int | None = None  # like the main one: each takes its share of a load balancer's connections
    plain_port: int | None = None  # beside one with TLS
    has_proxy: bool = False
    tls_offloaded: bool = False  # TLS ends at the load balancer, for the main ports
    ingest_rule: str = ""  # of AWS IoT Basic Ingest
    emf_interval_s: float = 0.0
    tracing: float = 0.0  # share of the CALLs that are traced
    limits: Limits = field(default_factory=Limits)
    traffic: TrafficLimits = field(default_factory=TrafficLimits)
    arrivals: Arrivals = field(default_factory=Arrivals)
    websocket: WebSocketOptions = field(default_factory=WebSocketOptions)
