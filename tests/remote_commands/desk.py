"""The command API on stores in memory, asked with Function URL events; time passes only when somebody sleeps."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from adapters.memory import MemoryCommands, MemoryOutbound, MemoryRegistry, MemoryReports
from adapters.memory_commands import (
    MemoryCommandGuards,
    MemoryCommandLines,
    MemoryJobQueue,
    MemoryJobs,
)
from domain.models import ChargePoint, Command, Connection
from domain.ports import Outbound
from ocppj.versions import V16, Version
from remote_commands import api
from remote_commands.issue import Ports
from remote_commands.jobs import JobPorts
from remote_commands.settings import Settings
from web.access import Access

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
EPOCH = 1
ARN = "arn:aws:iam::123456789012:user/olga"


@dataclass
class Clock:
    """A clock that only sleeping moves; `on_sleep` is what happens meanwhile."""

    now: datetime = NOON
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)
        self.on_sleep()


class Context:
    """What Lambda tells of the invocation."""

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left_s * 1000)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class BrokenOutbound:
    """A broker that is away; `meanwhile` is what happens before that turns out."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def publish(self, *_: object, **__: object) -> None:
        self.meanwhile()
        raise ConnectionResetError("the broker went away")

    def evict(self, *_: object) -> None:
        raise ConnectionResetError("the broker went away")


class Lines(MemoryCommandLines):
    """Lines in memory; `on_put` is what happens right after a command was put into one."""

    def __init__(self) -> None:
        super().__init__()
        self.on_put: Callable[[], object] = lambda: None

    def put(self, line: str, command: Command) -> None:
        super().put(line, command)
        self.on_put()


class Desk:
    """The API with everything it needs, and a charge point or two."""

    def __init__(
        self, outbound: Outbound | None = None, draws: Iterator[int] | None = None, access: Access | None = None
    ) -> None:
        self.clock = Clock()
        self.registry = MemoryRegistry()
        self.commands = MemoryCommands()
        self.lines = Lines()
        self.sent = MemoryOutbound()
        self.reports = MemoryReports()
        numbers, draws = count(1), draws or count(6)
        self.ports = Ports(
            registry=self.registry,
            passwords=self.registry,
            commands=self.commands,
            lines=self.lines,
            guards=MemoryCommandGuards(),
            reports=self.reports,
            outbound=outbound or self.sent,
            broker_errors=(OSError,),
            now=lambda: self.clock.now,
            new_id=lambda: f"cmd-{next(numbers)}",
            draw=lambda below: next(draws) % below,
            sleep=self.clock.sleep,
        )
        self.jobs, self.steps = MemoryJobs(), MemoryJobQueue()
        self.work = JobPorts(self.jobs, self.jobs, self.steps, self.registry)
        self.resolver = api.resolver(self.ports, self.work, Settings(), access)

    def connect(self, charge_point_id: str, version: Version = V16, **facts: Any) -> ChargePoint:
        """A connected charge point whose gateway is alive."""
        connection = Connection(version, "gw1", 3, EPOCH, NOON)
        row = replace(ChargePoint(charge_point_id, connection=connection), **facts)
        self.registry.add(row)
        self.registry.renew_lease("gw1", NOON + timedelta(days=1))
        return row

    def row(self, charge_point_id: str) -> ChargePoint:
        """The registry row now."""
        return self.registry.find_many([charge_point_id])[charge_point_id]

    def post(self, path: str, body: object, **more: Any) -> Reply:
        return self.ask("POST", path, body if isinstance(body, str) else json.dumps(body), **more)

    def get(self, path: str, **more: Any) -> Reply:
        return self.ask("GET", path, None, **more)

    def ask(
        self,
        method: str,
        path: str,
        body: str | None,
        prefer: str | None = None,
        key: str | None = None,
        token: str | None = None,
        left_s: float = 60,
        **more: Any,
    ) -> Reply:
        """What the API answers to a Function URL event."""
        headers = {"prefer": prefer, "idempotency-key": key, "authorization": token and f"Bearer {token}"}
        event = url_event(method, path, body, {name: value for name, value in headers.items() if value}) | more
        answer = self.resolver.resolve(event, Context(left_s))  # type: ignore[arg-type]
        return Reply(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


def url_event(method: str, path: str, body: str | None, headers: dict[str, str]) -> dict[str, Any]:
    """A Function URL event, payload version 2.0, as AWS sends it to a function with AuthType AWS_IAM."""
    path, _, query = path.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", "host": "abc.lambda-url.us-east-1.on.aws", **headers},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "authentication": None,
            "authorizer": {"iam": {"accountId": "123456789012", "userArn": ARN, "userId": "AIDA"}},
            "domainName": "abc.lambda-url.us-east-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "r-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795262400000,
        },
        "isBase64Encoded": False,
    }
    if parameters:
        event["queryStringParameters"] = parameters
    if body is not None:
        event["body"] = body
    return event
