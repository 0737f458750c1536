"""What a deployment may choose: a preset (`local`, `dev`, `prod`), or a YAML file that names one and changes it.

    preset: prod
    egress: endpoints
    domain: {name: ocpp.example.com, hosted_zone_id: Z0123456789ABCDEFGHIJ, zone: example.com}

`local` is what the emulator gets: no network, no gateway, no alarms.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain import retention

# What Fargate offers: CPU units and the memory they go with, in MiB.
FARGATE = {
    256: (512, 1_024, 2_048),
    512: tuple(range(1_024, 4_097, 1_024)),
    1_024: tuple(range(2_048, 8_193, 1_024)),
    2_048: tuple(range(4_096, 16_385, 1_024)),
    4_096: tuple(range(8_192, 30_721, 1_024)),
}
# What CloudWatch Logs offers, by the names CDK gives it.
LOG_DAYS = {
    1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS", 30: "ONE_MONTH", 60: "TWO_MONTHS",
    90: "THREE_MONTHS", 180: "SIX_MONTHS", 365: "ONE_YEAR", 731: "TWO_YEARS", 1_827: "FIVE_YEARS", 3_653: "TEN_YEARS",
}  # fmt: skip
LONGEST_RECOVERY_DAYS = 35
_HELD = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+"
_AUTHORITY = r"arn:aws[a-z-]*:acm-pca:[a-z0-9-]+:\d{12}:certificate-authority/[0-9a-f-]+"
PER_PORT = 50_000  # charge points: a bit less than the load balancer has connections for
_CIDR = r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$"

Tasks = Annotated[int, Field(ge=1, le=500)]
Days = Annotated[int, Field(ge=1, le=36_525)]


class OptionsError(ValueError):
    """An option can't be used; the text is one sentence that names it."""


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Domain(_Options):
    """A name for charge points, in a public zone of Route 53; a certificate is made if none is given."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
    zone: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
    hosted_zone_id: Annotated[str, Field(pattern=r"^Z[A-Z0-9]+$")]
    certificate_arn: str | None = None

    @model_validator(mode="after")
    def _is_in_its_zone(self) -> Self:
        if self.name != self.zone and not self.name.endswith(f".{self.zone}"):
            raise ValueError(f"{self.name} is not in the zone {self.zone}")
        return self


class Retention(_Options):
    """How long data is kept, in days from its last write; id tokens until they are removed."""

    transactions_days: Days = 3_653  # ten years, with what was told about them
    commands_days: Days = 90
    events_days: Days = 90
    reports_days: Days = 90
    frames_days: Days = 30
    samples_days: Days = 3_653  # and what stations said

    @property
    def kept(self) -> retention.Retention:
        """The same for processes."""
        return retention.Retention(**{name.removesuffix("_days"): days for name, days in self.model_dump().items()})


class Options(_Options):
    """Every choice, with what `dev` takes."""

    preset: Literal["local", "dev", "prod"] = "dev"
    availability_zones: Annotated[int, Field(ge=1, le=3)] = 1
    # How tasks reach AWS: with public addresses (nobody but the load balancer reaches them), through a NAT gateway per
    # zone, or through interface endpoints, six per zone.
    egress: Literal["public", "nat", "endpoints"] = "public"
    allowed_cidrs: Annotated[tuple[Annotated[str, Field(pattern=_CIDR)], ...], Field(min_length=1)] = ("0.0.0.0/0",)
    flow_logs: bool = False
    # Charge points come to 443 (wss), TLS ending at the load balancer with a certificate of ACM or in the gateway with
    # certificates of your own (profile 3, OCPP's cipher suites); and to 80 (ws) if `plain`, or if tls is `none`.
    tls: Literal["none", "load_balancer", "gateway"] = "none"
    client_certificates: bool = False  # profile 3: the secret of the gateways holds the authority of charge points, too
    domain: Domain | None = None
    plain: bool = False
    min_tasks: Tasks = 1
    max_tasks: Tasks = 20
    task_cpu: Literal[256, 512, 1_024, 2_048, 4_096] = 256
    task_memory_mib: int = 512
    # Ports of a task that charge points are sent to: each takes 55,000 connections of the load balancer.
    target_ports: Literal[1, 2] = 1
    connections_per_task: Annotated[int, Field(ge=100, le=2 * PER_PORT)] = 5_000
    # Pooled links carry so many charge points each; 1 is a connection to AWS IoT Core per charge point.
    charge_points_per_link: Annotated[int, Field(ge=1, le=45)] = 45
    # Frames go to the rule without AWS IoT Core's charge for messaging. Nobody can subscribe to them: `<id>/in` is
    # silent but for the ids that somebody watches.
    basic_ingest: bool = True
    heartbeats: Literal["edge", "forward"] = "edge"
    # The share of CALLs whose way is traced (W3C trace context, in the logs; functions also in X-Ray).
    tracing: Annotated[float, Field(ge=0, le=1)] = 0
    # Where the spans of what is traced go: nowhere, to AWS X-Ray, or to the URL of a collector (OTLP over HTTP).
    spans: Annotated[str, Field(pattern=r"^(off|xray|https?://[^/\s]+/.*)$")] = "off"
    min_profile: Annotated[int, Field(ge=0, le=3)] = 1
    # Who answers charge points: functions, or `ocppgw worker` on Fargate, cheaper from some 10,000 charge points on.
    processors: Literal["lambda", "workers"] = "lambda"
    max_workers: Tasks = 10
    webhooks: Annotated[int, Field(ge=1, le=50)] = (
        4  # at most; each has a queue, which AWS asks for messages day and night
    )
    # Who signs certificates for charge points: nobody, the key in a secret, or an authority of AWS Private CA. And the
    # secret with the roots of vehicles' contracts. ARNs: docs/security.md says what secrets hold.
    signer: Annotated[str, Field(pattern=rf"^(off|{_HELD}|{_AUTHORITY})$")] = "off"
    contract_roots: Annotated[str, Field(pattern=rf"^{_HELD}$")] | None = None
    # What the URLs of OCSP responders begin with, with the slash after the host: others are not asked.
    ocsp_responders: tuple[Annotated[str, Field(pattern=r"^https?://[^/]+/")], ...] | None = None
    # Reserved for requests that wait for a charge point, and for each function that only reads; 0: not reserved.
    command_concurrency: Annotated[int, Field(ge=0, le=1_000)] = 0
    read_concurrency: Annotated[int, Field(ge=0, le=1_000)] = 0
    # All of the HTTP API by one name, an API of API Gateway before the functions; a web ACL of AWS WAF may guard it.
    http_api: bool = False
    api_domain: Domain | None = None
    web_acl_arn: Annotated[str, Field(pattern=r"^arn:[a-z-]+:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/.+$")] | None = (
        None
    )
    # Only things of this type become charge points; None: all things.
    thing_type: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_-]{1,128}$")] | None = "ocpp-charge-point"
    log_retention_days: int = 7
    recovery_days: Annotated[int, Field(ge=1, le=LONGEST_RECOVERY_DAYS)] = LONGEST_RECOVERY_DAYS
    glacier_after_days: Annotated[int, Field(ge=0)] = 90
    retention: Retention = Retention()
    # Every minute a function comes by the public name as a charge point, and has itself started and stopped by HTTP.
    canary: bool = False
    alarms: Literal["few", "all"] = "few"  # each metric of an alarm costs; few: those that say that something is broken
    alarm_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    budget_usd: Annotated[int, Field(ge=1)] = 50
    runbook: str = "docs/operate.md"  # where the links of the alarms lead

    @property
    def is_local(self) -> bool:
        """Whether this is for the emulator."""
        return self.preset == "local"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for is_wrong, why in (
            (self.min_tasks > self.max_tasks, "min_tasks is more than max_tasks"),
            (self.preset == "prod" and self.min_tasks < 2, "min_tasks must be 2 or more in prod"),
            (self.preset == "prod" and self.availability_zones < 2, "availability_zones must be 2 or more in prod"),
            (self.connections_per_task > PER_PORT * self.target_ports,
             f"connections_per_task is more than {PER_PORT:,} for each of its target_ports"),
            (self.tls == "load_balancer" and self.domain is None, "tls load_balancer needs a domain"),
            (self.canary and self.tls != "none" and self.domain is None,
             "canary needs a domain with tls: the certificate has no other name (canary: false does without)"),
            (self.canary and self.min_profile > 2,
             "canary has no certificate: min_profile must be 2 at most (canary: false does without)"),
            (self.http_api and self.api_domain is None, "http_api needs an api_domain"),
            (self.web_acl_arn is not None and not self.http_api,
             "web_acl_arn makes sense with http_api only: nothing else carries a web ACL"),
            (self.spans != "off" and not self.tracing, "spans need tracing: the share of CALLs that have any"),
            (self.client_certificates and self.tls != "gateway", "client_certificates need tls gateway"),
            (self.preset == "prod" and self.tls == "none" and not self.plain,
             "tls is none: prod then has no wss (plain: true says that this is meant)"),
            (self.task_memory_mib not in FARGATE[self.task_cpu],
             f"task_memory_mib must be one of {_list(FARGATE[self.task_cpu])} with {self.task_cpu} CPU units"),
            (self.log_retention_days not in LOG_DAYS,
             f"log_retention_days must be one of {_list(LOG_DAYS)}"),
        ):  # fmt: skip
            if is_wrong:
                raise ValueError(why)
        return self


PRESETS: dict[str, dict[str, Any]] = {
    "local": {"thing_type": None, "log_retention_days": 30},
    "dev": {},
    "prod": {
        "availability_zones": 2, "min_tasks": 2, "task_cpu": 1_024, "task_memory_mib": 2_048,
        "target_ports": 2, "connections_per_task": 10_000, "flow_logs": True, "log_retention_days": 30,
        "command_concurrency": 50, "read_concurrency": 20, "budget_usd": 500, "alarms": "all", "canary": True,
    },
}  # fmt: skip


def load(name: str) -> Options:
    """The options of a preset, or of a YAML file.

    Raises:
        OptionsError: it can't be read, or an option can't be used.
    """
    given = {"preset": name} if name in PRESETS else _read(Path(name))
    preset = given.get("preset", "dev")
    if preset not in PRESETS:
        raise OptionsError(f"{name}: preset is {preset!r}: it must be one of {', '.join(PRESETS)}.")
    try:
        return Options(**(PRESETS[preset] | given | {"preset": preset}))
    except ValidationError as error:
        raise OptionsError(f"{name}: {_sentence(error)}") from error


def changed(options: Options, changes: dict[str, Any]) -> Options:
    """The options with some of them changed.

    Raises:
        OptionsError: one of them can't be used.
    """
    try:
        return Options.model_validate(options.model_dump() | changes)
    except ValidationError as error:
        raise OptionsError(_sentence(error)) from error


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _read(path: Path) -> dict[str, Any]:
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise OptionsError(f"{path} can't be read: {' '.join(str(error).split())}") from error
    if not isinstance(given, dict):
        raise OptionsError(f"{path} names no options.")
    return given


def _sentence(error: ValidationError) -> str:
    wrong = error.errors(include_url=False)[0]
    where = ".".join(map(str, wrong["loc"]))
    text = wrong["msg"].removeprefix("Value error, ")
    return f"{where} is {wrong['input']!r}: {text}." if where and wrong["type"] != "value_error" else f"{text}."
