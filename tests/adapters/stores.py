"""Every store of every kind, for the contract tests: in memory, and DynamoDB as infra/template.json makes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from adapters.dynamodb import Tables
from adapters.dynamodb_administration import DynamoAdministration
from adapters.dynamodb_command_jobs import DynamoJobs
from adapters.dynamodb_command_lines import DynamoCommandGuards, DynamoCommandLines
from adapters.dynamodb_commands import DynamoCommands
from adapters.dynamodb_events import DynamoEvents
from adapters.dynamodb_id_tokens import DynamoIdTokens
from adapters.dynamodb_pages import DynamoReportPages, DynamoTransactionPages
from adapters.dynamodb_parking import DynamoParking
from adapters.dynamodb_registrations import DynamoRegistrations
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_reports import DynamoReports
from adapters.dynamodb_tariffs import DynamoTariffs
from adapters.dynamodb_transactions import DynamoTransactions
from adapters.memory import (
    MemoryCommands,
    MemoryIdTokens,
    MemoryRegistry,
    MemoryReports,
    MemoryTariffs,
    MemoryTransactions,
)
from adapters.memory_commands import MemoryCommandGuards, MemoryCommandLines, MemoryJobs
from adapters.memory_events import MemoryEvents, MemoryParking
from adapters.memory_pages import MemoryReportPages, MemoryTransactionPages
from adapters.memory_registrations import MemoryRegistrations
from domain.administration import Administration, IdTokenLists, Registrations
from domain.events import Events
from domain.jobs import Jobs, Targets
from domain.pages import ReportPages, TransactionPages
from domain.parking import Parking
from domain.ports import (
    Admissions,
    CommandGuards,
    CommandLines,
    Commands,
    Observations,
    Passwords,
    Registry,
    Reports,
    Tariffs,
    TransactionHistory,
    Transactions,
)
from infra.local.cloud import AWS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOON = datetime(2026, 11, 21, 12, 0, 0, 123000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


TEMPLATE = Path(__file__).parents[2] / "infra" / "template.json"

_names = count(1)


class WholeRegistry(Admissions, Registry, Passwords, Observations, Protocol):
    """All that a row can be asked and told."""


class WholeTransactions(Transactions, TransactionHistory, Protocol):
    """All about transactions."""


class WholeJobs(Jobs, Targets, Protocol):
    """All about jobs."""


@dataclass(frozen=True)
class Stores:
    """The stores of one kind. They may hold what other tests left: `name` is nobody else's."""

    registry: WholeRegistry
    transactions: WholeTransactions
    commands: Commands
    lines: CommandLines
    guards: CommandGuards
    id_tokens: IdTokenLists
    reports: Reports
    transaction_pages: TransactionPages
    report_pages: ReportPages
    tariffs: Tariffs
    administration: Administration
    registrations: Registrations
    jobs: WholeJobs
    events: Events
    parking: Parking
    rules: list[str] = field(default_factory=list)  # that the transactions' store told of
    name: str = field(default_factory=lambda: f"CP-{next(_names)}")


def in_memory() -> Stores:
    rules: list[str] = []
    events = MemoryEvents()
    transactions, reports = MemoryTransactions(rules.append, told=events), MemoryReports(events)
    return Stores(
        registry := MemoryRegistry(told=events),
        transactions,
        MemoryCommands(events),
        MemoryCommandLines(),
        MemoryCommandGuards(),
        MemoryIdTokens(),
        reports,
        MemoryTransactionPages(transactions),
        MemoryReportPages(reports),
        MemoryTariffs(),
        registry,
        MemoryRegistrations(registry),
        MemoryJobs(),
        events,
        MemoryParking(),
        rules,
    )


def on_dynamodb(client: "DynamoDBClient", tables: Tables) -> Stores:
    rules: list[str] = []
    return Stores(
        DynamoRegistry(client, tables),
        DynamoTransactions(client, tables, rules.append),
        DynamoCommands(client, tables),
        DynamoCommandLines(client, tables),
        DynamoCommandGuards(client, tables),
        DynamoIdTokens(client, tables),
        DynamoReports(client, tables),
        DynamoTransactionPages(client, tables),
        DynamoReportPages(client, tables),
        DynamoTariffs(client, tables),
        DynamoAdministration(client, tables),
        DynamoRegistrations(client, tables),
        DynamoJobs(client, tables),
        DynamoEvents(client, tables),
        DynamoParking(client, tables),
        rules,
    )


@pytest.fixture(scope="session")
def dynamodb_client(aws: AWS) -> "DynamoDBClient":
    client: DynamoDBClient = aws.client("dynamodb")
    return client


@pytest.fixture(scope="session")
def tables(dynamodb_client: "DynamoDBClient") -> Tables:
    """The template's tables, under names that no other test uses."""
    create_tables(dynamodb_client, "Contract")
    return named("Contract")


@pytest.fixture(params=["memory", pytest.param("dynamodb", marks=pytest.mark.e2e)])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """The stores a contract test is run against."""
    if request.param == "memory":
        yield in_memory()
    else:
        yield on_dynamodb(request.getfixturevalue("dynamodb_client"), request.getfixturevalue("tables"))


def named(prefix: str) -> Tables:
    """The tables, with this before their names."""
    usual = asdict(Tables())
    names: dict[str, Any] = {field: f"{prefix}{name}" for field, name in usual.items() if isinstance(name, str)}
    return Tables(**names)


@contextmanager
def calls(client: "DynamoDBClient") -> Iterator[list[str]]:
    """The operations that a client is used for meanwhile."""
    asked: list[str] = []

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    client.meta.events.register("before-call.dynamodb", note)
    try:
        yield asked
    finally:
        client.meta.events.unregister("before-call.dynamodb", note)


def create_tables(client: "DynamoDBClient", prefix: str = "") -> None:
    """The template's tables, with this before their names."""
    resources = json.loads(TEMPLATE.read_text())["Resources"].values()
    for table in (each["Properties"] for each in resources if each["Type"] == "AWS::DynamoDB::Table"):
        with suppress(client.exceptions.ResourceInUseException):  # another package's tests made it
            client.create_table(**_request(table, prefix))


def _request(table: dict[str, Any], prefix: str) -> dict[str, Any]:
    taken = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    return {name: table[name] for name in taken if name in table} | {"TableName": f"{prefix}{table['TableName']}"}
