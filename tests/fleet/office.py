"""The fleet API on stores in memory, asked with Function URL events."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from adapters.memory import (
    MemoryCommands,
    MemoryIdTokens,
    MemoryOutbound,
    MemoryRegistry,
    MemoryReports,
    MemoryTransactions,
)
from adapters.memory_pages import MemoryReportPages, MemoryTransactionPages
from adapters.memory_registrations import MemoryRegistrations
from adapters.memory_things import MemoryThings
from domain.models import ChargePoint
from fleet import api
from fleet.ports import Ports
from fleet.reading import Reading
from tests.remote_commands.desk import Context, url_event
from web.access import Access

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class Office:
    """The API with everything it needs."""

    def __init__(self, access: Access | None = None, **more: Any) -> None:
        self.registry = MemoryRegistry()
        self.things = MemoryThings()
        self.id_tokens = MemoryIdTokens()
        self.sent = MemoryOutbound()
        self.now = NOON
        self.reports, self.commands, self.transactions = MemoryReports(), MemoryCommands(), MemoryTransactions()
        self.reading = Reading(
            rows=self.registry,
            commands=self.commands,
            sessions=self.transactions,
            reports=self.reports,
            transaction_pages=MemoryTransactionPages(self.transactions),
            report_pages=MemoryReportPages(self.reports),
            now=lambda: self.now,
        )
        numbers = count()
        self.ports = Ports(
            reading=self.reading,
            registry=self.registry,
            administration=self.registry,
            registrations=MemoryRegistrations(self.registry),
            things=self.things,
            id_tokens=self.id_tokens,
            reports=self.reports,
            outbound=self.sent,
            now=lambda: self.now,
            random_bytes=lambda size: next(numbers).to_bytes(size, "big"),
            pepper=b"pepper",
            **more,
        )
        self.resolver = api.resolver(self.ports, access)

    def row(self, charge_point_id: str) -> ChargePoint:
        """The registry row now."""
        return self.registry.find_many([charge_point_id])[charge_point_id]

    def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> Reply:
        """What the API answers to a Function URL event."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        text = body if isinstance(body, str | None) else json.dumps(body)
        answer = self.resolver.resolve(url_event(method, path, text, headers), Context(60))  # type: ignore[arg-type]
        return Reply(answer["statusCode"], answer["headers"], json.loads(answer["body"] or "{}"))
