"""What charge points do in a month, and what that has AWS do: pure arithmetic, no prices.

What facts read and write was counted on DynamoDB's API, what their events add is arithmetic: see docs/cost.md.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from infra.options import Options
from infra.windows import BATCH, FRAMES_WINDOW_S, STATIONS_WINDOW_S

DAYS = 365 / 12
HOURS = DAYS * 24
MINUTES = HOURS * 60
SECONDS = MINUTES * 60
PEAK = 3  # the busiest minutes against the mean


@dataclass(frozen=True, slots=True)
class Profile:
    """A day of one charge point."""

    about: str
    heartbeat_s: int = 300
    sessions: float = 2
    session_minutes: float = 140
    sample_s: float = 60  # between meter values of a session
    connects: float = 1
    commands: float = 0.2

    @property
    def heartbeats(self) -> float:
        """Heartbeats a day."""
        return 86_400 / self.heartbeat_s

    @property
    def meter_values(self) -> float:
        """Messages with samples a day."""
        return self.sessions * self.session_minutes * 60 / self.sample_s

    @property
    def statuses(self) -> float:
        """Five a session: Preparing, Charging, SuspendedEV, Finishing, Available."""
        return 5 * self.sessions

    @property
    def calls(self) -> float:
        """All CALLs a day; a session has an Authorize, a start and a stop, too."""
        return self.heartbeats + self.meter_values + self.statuses + 3 * self.sessions


PROFILES = {
    "idle": Profile("a heartbeat every five minutes, no sessions", sessions=0),
    "typical": Profile("two sessions of 140 minutes with a meter value a minute; 584 CALLs a day"),
    "busy": Profile(
        "eight sessions of 40 minutes with a meter value every 30 s", sessions=8, session_minutes=40, sample_s=30
    ),
    "per-second": Profile("two sessions of 140 minutes with a meter value every second", sample_s=1),
}

# (write units, read units) of a CALL. Where it tells an event: the fact's write twice, for it is transactional, and
# two for the event and one for its index; a read for the number of the one before. Of meter values one in
# fifteen does: of readings there is an event in a quarter of an hour.
_UNITS = {
    "heartbeat": (0, 2), "authorize": (0, 2), "status": (5, 4), "start": (12, 8), "meter_values": (2.3, 3),
    "stop": (7, 7),
}  # fmt: skip
_CONNECT_UNITS = (6, 6)
_COMMAND_UNITS = (8, 8)
_SAMPLE_UNITS = (1, 0)  # the latest values of a connector, in the archive's function
LAST_SEEN_PER_DAY = 4
_RECORD_S, _ARCHIVE_RECORD_S = 0.02, 0.0005  # of a function, per record
_FUNCTION_GB = 0.5
_POLLERS = 5  # of an event source mapping
_QUEUE_POLLS_PER_MINUTE = 3 * _POLLERS  # each waiting 20 s
QUEUES = 12  # with a function that asks them: four of them are for webhooks
_RECORDS_PER_WORKER_S = 200  # a task of half a CPU
_FRAME_BYTES, _ANSWER_BYTES = 500, 300  # on the wire with TLS and TCP
_ARCHIVED_FRAME_BYTES, _ARCHIVED_SAMPLE_BYTES = 70, 60  # compressed
_ROW_BYTES, _TRANSACTION_BYTES, _SAMPLE_BYTES, _EVENT_BYTES = 1_500, 2_000, 430, 700
ALARM_METRICS = {"few": 47, "all": 87}
METRICS, SECRETS = 10, 2
_LOG_BYTES_PER_CONNECT, _EMF_BYTES, _LOG_BYTES_PER_INVOCATION = 700, 1_200, 350
_ENDPOINTS = 6
# A round of the canary: CALLs, commands, messages of AWS IoT Core, (write, read) units, seconds of its function.
_ROUND_CALLS, _ROUND_COMMANDS, _ROUND_S = 4, 2, 4
_ROUND_UNITS = (
    5 + 12 + 7 + 5 + 2 * _CONNECT_UNITS[0] + 2 * _COMMAND_UNITS[0],
    4 + 8 + 7 + 4 + 2 * _CONNECT_UNITS[1] + 2 * _COMMAND_UNITS[1] + 10,
)
_READERS = 3  # functions that have `read_concurrency` reserved


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many charge points of a profile, and stations with a message every five seconds."""

    charge_points: int
    profile: Profile
    stations: int = 0
    station_interval_s: float = 5


@dataclass(frozen=True, slots=True)
class Line:
    """So much of something that has a price, a month."""

    service: str
    what: str
    price: str
    quantity: float


@dataclass(frozen=True, slots=True)
class Load:
    """What of the fleet's traffic reaches the broker, a month."""

    calls: float  # forwarded
    connects: float
    commands: float
    gateways: int
    links: int

    @property
    def per_s(self) -> float:
        """Forwarded CALLs a second, on the mean."""
        return self.calls / SECONDS


def load_of(fleet: Fleet, options: Options, heartbeat_every: int = 10) -> Load:
    """What the gateway lets through: with heartbeats at the edge one in `heartbeat_every`."""
    profile, month = fleet.profile, fleet.charge_points * DAYS
    heartbeats = profile.heartbeats / (heartbeat_every if options.heartbeats == "edge" else 1)
    gateways = max(options.min_tasks, math.ceil(fleet.charge_points / options.connections_per_task))
    links = math.ceil(fleet.charge_points / options.charge_points_per_link) + gateways
    calls = profile.calls - profile.heartbeats + heartbeats
    return Load(calls * month, profile.connects * month, profile.commands * month, gateways, links)


def lines(fleet: Fleet, options: Options) -> Iterator[Line]:
    """Everything that is on the bill."""
    load = load_of(fleet, options)
    yield from _broker(fleet, options, load)
    yield from _queues(fleet, options, load)
    yield from _processing(fleet, options, load)
    yield from _tables(fleet, options, load)
    yield from _events(fleet, load)
    yield from _gateways(fleet, options, load)
    yield from _network(fleet, options, load)
    yield from _archive(fleet, options, load)
    yield from _watching(options, load)
    yield from _http_api(options, load)
    yield from _canary(options)


def _station_messages(fleet: Fleet) -> float:
    return fleet.stations * SECONDS / fleet.station_interval_s


def _frames(load: Load) -> float:
    """What the archive gets: CALLs and commands, and their answers."""
    return 2 * (load.calls + load.commands)


def _batches(messages: float, window_s: float) -> float:
    """A full one, or what a poller of the queue has gathered when the window is over."""
    return max(messages / BATCH, min(messages, _POLLERS * SECONDS / window_s))


def _kept(per_month: float, days: int) -> float:
    """How much there is of it after a fleet's first year."""
    return per_month / DAYS * min(days, 365)


def _told(fleet: Fleet, load: Load) -> float:
    """Events: a session tells its start, its end and its readings once in a quarter of an hour."""
    profile = fleet.profile
    told = profile.sessions * (2 + profile.session_minutes / 15) + profile.statuses
    return told * fleet.charge_points * DAYS + 2 * load.connects + load.commands


def _broker(fleet: Fleet, options: Options, load: Load) -> Iterator[Line]:
    name, stations = "IoT Core", _station_messages(fleet)
    statuses = fleet.profile.statuses * fleet.charge_points * DAYS
    frames_in = load.calls + load.commands
    frames_out = load.calls + load.commands  # an answer to each CALL, and the commands
    presence = 2 * load.connects
    yield Line(
        name, "connections of gateways and stations", "iot_connection_minute", (load.links + fleet.stations) * MINUTES
    )
    if not options.basic_ingest:
        yield Line(name, "frames from charge points", "iot_message", frames_in)
    # To the broker, to the gateway, and the gateway's PUBACK.
    yield Line(name, "frames to charge points", "iot_message", 3 * frames_out)
    yield Line(name, "presence and subscriptions", "iot_message", presence + load.connects)
    yield Line(name, "stations", "iot_message", stations)
    yield Line(name, "rules", "iot_rule", frames_in + frames_out + presence + stations)
    # A frame from a charge point goes to the processors and to the archive, one to it to the archive.
    yield Line(name, "rule actions", "iot_rule_action", 2 * frames_in + frames_out + presence + stations)
    yield Line(name, "shadows, on change", "iot_shadow_operation", statuses + 2 * load.connects)


def batch_of(per_s: float) -> float:
    """Records of an invocation: one while they are few, ten from a hundred a second on."""
    return min(10.0, max(1.0, per_s / 10))


def _queues(fleet: Fleet, options: Options, load: Load) -> Iterator[Line]:
    records = load.calls + load.commands + 2 * load.connects
    archived = _frames(load) + _station_messages(fleet)
    batch = batch_of(load.per_s)
    # Sent by the rule one by one; received and deleted by batches, the archive's by ten.
    yield Line("SQS", "frames to the processors", "sqs_request", records * (1 + 2 / batch))
    yield Line("SQS", "frames to the archive", "sqs_request", archived * (1 + 2 / 10))
    yield Line("SQS", "asking queues", "sqs_request", QUEUES * _QUEUE_POLLS_PER_MINUTE * MINUTES)


def _processing(fleet: Fleet, options: Options, load: Load) -> Iterator[Line]:
    records = load.calls + load.commands + 2 * load.connects
    invocations = records / batch_of(load.per_s)
    archived = _frames(load) + _station_messages(fleet)
    archive_invocations = _batches(_frames(load), FRAMES_WINDOW_S) + _batches(
        _station_messages(fleet), STATIONS_WINDOW_S
    )
    if options.processors == "workers":
        tasks = max(options.availability_zones, math.ceil(load.per_s * PEAK / 2 / _RECORDS_PER_WORKER_S))
        yield from _fargate("Workers", tasks, 0.5, 1)
    else:
        yield Line("Lambda", "processors", "lambda_request", invocations)
        yield Line("Lambda", "processors", "lambda_arm_gb_second", records * _RECORD_S * _FUNCTION_GB)
    yield Line("Lambda", "archive", "lambda_request", archive_invocations)
    seconds = archived * _ARCHIVE_RECORD_S + archive_invocations * 0.1
    yield Line("Lambda", "archive", "lambda_arm_gb_second", seconds * _FUNCTION_GB)
    yield Line("Lambda", "commands", "lambda_request", load.commands)
    yield Line("Lambda", "commands, looked at twice", "lambda_request", 2 * load.commands)
    yield Line("Lambda", "commands, each waiting 2 s", "lambda_arm_gb_second", load.commands * 2 * _FUNCTION_GB)


def _tables(fleet: Fleet, options: Options, load: Load) -> Iterator[Line]:
    profile, month = fleet.profile, fleet.charge_points * DAYS
    sessions = profile.sessions * month
    meter_values = profile.meter_values * month
    counts = {
        "authorize": sessions, "start": sessions, "stop": sessions, "meter_values": meter_values,
        "status": profile.statuses * month,
    }  # fmt: skip
    counts["heartbeat"] = load.calls - sum(counts.values())
    done = [(_UNITS[call], count) for call, count in counts.items()]
    done += [(_CONNECT_UNITS, 2 * load.connects), (_COMMAND_UNITS, load.commands)]
    done += [(_SAMPLE_UNITS, meter_values), (_SAMPLE_UNITS, _station_messages(fleet))]
    seen = LAST_SEEN_PER_DAY * month
    leases = load.gateways * SECONDS / 10
    yield Line("DynamoDB", "writes", "dynamodb_write_unit", sum(units[0] * count for units, count in done) + leases)
    yield Line("DynamoDB", "last seen, once per six hours", "dynamodb_write_unit", seen)
    yield Line("DynamoDB", "reads", "dynamodb_read_unit", sum(units[1] * count for units, count in done))
    # Transactions with their samples, events, and the rows.
    ended = sessions * _TRANSACTION_BYTES + meter_values * _SAMPLE_BYTES
    held = fleet.charge_points * _ROW_BYTES + _kept(ended, options.retention.transactions_days)
    held += _kept(_told(fleet, load) * _EVENT_BYTES, options.retention.events_days)
    yield Line("DynamoDB", "storage after a year", "dynamodb_gb_month", held / 2**30)
    yield Line("DynamoDB", "recovery to any second", "dynamodb_recovery_gb_month", held / 2**30)


def _events(fleet: Fleet, load: Load) -> Iterator[Line]:
    events = _told(fleet, load)
    yield Line("EventBridge", "events", "eventbridge_event", events)
    yield Line("Lambda", "events", "lambda_request", events)


def _fargate(service: str, tasks: float, cpus: float, gb: float) -> Iterator[Line]:
    yield Line(service, f"{tasks:g} tasks: CPU", "fargate_arm_vcpu_hour", tasks * cpus * HOURS)
    yield Line(service, f"{tasks:g} tasks: memory", "fargate_arm_gb_hour", tasks * gb * HOURS)


def _gateways(fleet: Fleet, options: Options, load: Load) -> Iterator[Line]:
    yield from _fargate("Fargate", load.gateways, options.task_cpu / 1024, options.task_memory_mib / 1024)
    yield Line("Load balancer", "hours", "nlb_hour", HOURS)
    traffic = fleet.profile.calls * fleet.charge_points * DAYS * (_FRAME_BYTES + _ANSWER_BYTES)
    # A capacity unit: 100,000 connections (with TLS ending there 3,000), or a GB an hour, whichever is more.
    each = 3_000 if options.tls == "load_balancer" else 100_000
    units = max(fleet.charge_points / each, traffic / 2**30 / HOURS)
    yield Line("Load balancer", "capacity", "nlb_capacity_unit_hour", units * HOURS)


def _network(fleet: Fleet, options: Options, load: Load) -> Iterator[Line]:
    zones = options.availability_zones
    answers_gb = fleet.profile.calls * fleet.charge_points * DAYS * _ANSWER_BYTES / 2**30
    to_aws_gb = load.calls * (_FRAME_BYTES + _ANSWER_BYTES) / 2**30
    tasks = load.gateways if options.egress == "public" else 0
    yield Line("Network", "public addresses", "public_ipv4_hour", (tasks + zones) * HOURS)
    yield Line("Network", "to charge points", "internet_gb", answers_gb)
    if zones > 1:
        yield Line("Network", "between zones", "zone_transfer_gb", answers_gb)
    if options.egress == "nat":
        yield Line("Network", "NAT gateways", "nat_hour", zones * HOURS)
        yield Line("Network", "NAT gateways, traffic", "nat_gb", to_aws_gb)
    if options.egress == "endpoints":
        endpoints = _ENDPOINTS + (options.spans == "xray")
        yield Line("Network", "endpoints", "endpoint_hour", endpoints * zones * HOURS)
        yield Line("Network", "endpoints, traffic", "endpoint_gb", to_aws_gb)


def _archive(fleet: Fleet, options: Options, load: Load) -> Iterator[Line]:
    profile, kept = fleet.profile, options.retention
    frames, stations = _frames(load), _station_messages(fleet)
    # A batch of frames has a file of frames and one of samples, a batch of stations one.
    files = 2 * _batches(frames, FRAMES_WINDOW_S) + _batches(stations, STATIONS_WINDOW_S)
    yield Line("S3", "files", "s3_put", files)
    samples = (profile.meter_values + 2 * profile.sessions + profile.statuses) * fleet.charge_points * DAYS + stations
    held = _kept(frames, kept.frames_days) * _ARCHIVED_FRAME_BYTES
    held += _kept(samples, kept.samples_days) * _ARCHIVED_SAMPLE_BYTES
    # No file is as large as the 128 KB from which S3 moves objects to Glacier by itself.
    yield Line("S3", "archive after a year", "s3_gb_month", held / 2**30)


def _watching(options: Options, load: Load) -> Iterator[Line]:
    records = load.calls + load.commands + 2 * load.connects
    written = load.connects * 2 * _LOG_BYTES_PER_CONNECT + load.gateways * MINUTES * _EMF_BYTES
    if options.processors == "lambda":
        written += records / batch_of(load.per_s) * _LOG_BYTES_PER_INVOCATION
    yield Line("CloudWatch", "logs", "log_gb", written / 2**30)
    yield Line("CloudWatch", "logs kept", "log_gb_month", written / 2**30 * options.log_retention_days / DAYS)
    yield Line("CloudWatch", "metrics", "metric_month", METRICS)
    yield Line("CloudWatch", "alarms", "alarm_metric_month", ALARM_METRICS[options.alarms])
    yield Line("CloudWatch", "dashboard", "dashboard_month", 1)
    yield Line("Secrets Manager", "secrets", "secret_month", SECRETS)
    if options.domain is not None:
        yield Line("Route 53", "zone", "hosted_zone_month", 1)


def _http_api(options: Options, load: Load) -> Iterator[Line]:
    if not options.http_api:
        return
    # A command is asked for twice.
    yield Line("API Gateway", "requests", "rest_api_request", 3 * load.commands)
    if options.web_acl_arn is not None:
        yield Line("WAF", "a web ACL with two rules", "web_acl_month", 1)
        yield Line("WAF", "a web ACL with two rules", "web_acl_rule_month", 2)
        yield Line("WAF", "requests", "waf_request", 3 * load.commands)


def _canary(options: Options) -> Iterator[Line]:
    if not options.canary:
        return
    name, frames = "Canary", MINUTES * (_ROUND_CALLS + _ROUND_COMMANDS)
    yield Line(name, "its function", "lambda_request", MINUTES)
    yield Line(name, "its function", "lambda_arm_gb_second", MINUTES * _ROUND_S * _FUNCTION_GB)
    yield Line(name, "frames and presence", "iot_message", 3 * frames + 3 * MINUTES)
    yield Line(name, "rules and actions", "iot_rule", 2 * frames + 2 * MINUTES)
    yield Line(name, "rules and actions", "iot_rule_action", 3 * frames + 3 * MINUTES)
    yield Line(name, "records", "sqs_request", MINUTES * (3 * _ROUND_CALLS + 3 * _ROUND_COMMANDS + 9))
    yield Line(name, "writes", "dynamodb_write_unit", MINUTES * _ROUND_UNITS[0])
    yield Line(name, "reads", "dynamodb_read_unit", MINUTES * _ROUND_UNITS[1])
    yield Line(name, "metrics", "metric_month", 2)
    yield Line(name, "its alarm", "alarm_metric_month", 1)
    yield Line(name, "its password", "secret_month", 1)


def demands(fleet: Fleet, options: Options) -> dict[str, float]:
    """What the fleet wants of each quota at its peak."""
    load, peak = load_of(fleet, options), PEAK
    calls = load.per_s * peak
    statuses = fleet.profile.statuses * fleet.charge_points / 86_400
    # After an outage all connect again; two minutes are what operators bear.
    back = fleet.charge_points / 120
    lambdas = calls * _RECORD_S if options.processors == "lambda" else 0.0
    meter_values = fleet.profile.meter_values * fleet.charge_points / 86_400 * peak
    tasks = 2 * load.gateways  # while they are replaced
    return {
        "iot_connects_per_second": load.links / 120,
        "iot_subscribes_per_second": back,
        "iot_publishes_in_per_second": 2 * calls,
        "iot_publishes_out_per_second": calls,
        "iot_rule_evaluations_per_second": 2 * calls,
        "iot_shadow_requests_per_second": max(statuses * peak, back),
        "iot_connections": load.links + fleet.stations,
        "lambda_concurrency": lambdas + options.command_concurrency + _READERS * options.read_concurrency,
        "dynamodb_table_write_units_per_second": 2 * meter_values,
        "fargate_vcpus": tasks * options.task_cpu / 1024,
        "nlb_targets": tasks,
    }
