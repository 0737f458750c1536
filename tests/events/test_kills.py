"""Every event arrives, once by its id and in its order, whichever part of the chain is killed at whichever step."""

import logging
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from adapters.dynamodb import Tables
from adapters.dynamodb_commands import DynamoCommands
from adapters.dynamodb_events import DynamoEvents
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_reports import DynamoReports
from adapters.dynamodb_transactions import DynamoTransactions
from bench.events import DOWN, EVERYBODY, Chain
from bench.killing import Steps
from domain.events import Event
from infra.local.cloud import AWS
from tests.adapters.stores import create_tables, named

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EVERY = 9  # write of some sixty: with 1 it takes minutes
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def test_whichever_step_is_the_last_of_its_process_nothing_is_lost_or_out_of_order() -> None:
    calm = Chain(2, Steps(), repeats=0)
    calm.run()

    for number in range(1, calm.steps.count + 1):
        chain = Chain(2, Steps(killed_at=number), repeats=0)
        chain.run()
        assert list(chain.wrongs()) == [], f"killed at step {number}"
        assert chain.steps.kills == 1


def test_under_load_each_gets_its_own_events_once_and_in_order_and_one_that_is_down_holds_up_nobody() -> None:
    steps = Steps(share=0.02, chance=random.Random(1))  # noqa: S311  no secret
    chain = Chain(60, steps, charge_points=12)

    chain.run()

    assert list(chain.wrongs()) == []
    assert steps.kills > 50
    assert len(chain.receivers[EVERYBODY].taken) == len(chain.events.all())
    assert chain.receivers[DOWN].posts > 0
    assert chain.receivers[DOWN].taken == {}


class StreamedTable(DynamoEvents):
    """Events of these charge points in a table, and the stream of them."""

    def __init__(self, client: "DynamoDBClient", tables: Tables, names: list[str]) -> None:
        super().__init__(client, tables)
        self._names = names
        self._streamed: dict[str, int] = {}
        self._stream: deque[Event] = deque()
        self.is_written = True  # since it was last looked at

    @property
    def stream(self) -> deque[Event]:
        new = self.all() if self.is_written else []
        self.is_written = False
        for event in new:
            if event.sequence > self._streamed.get(event.charge_point_id, 0):
                self._streamed[event.charge_point_id] = event.sequence
                self._stream.append(event)
        return self._stream

    def all(self) -> list[Event]:
        return [event for name in self._names for event in self.of_charge_point(name)]


class ChainOnTables(Chain):
    """The chain with its stores on DynamoDB: each write there is a step, whatever made it."""

    def __init__(self, aws: AWS, tables: Tables, steps: Steps, prefix: str) -> None:
        super().__init__(2, steps, repeats=0)
        client = aws.client("dynamodb")
        for number, driver in enumerate(self.drivers):
            driver.name = f"{prefix}-{number}"
        seen = StreamedTable(aws.client("dynamodb"), tables, [driver.name for driver in self.drivers])
        self.events = self._seen = seen  # type: ignore[assignment]
        registry, transactions = DynamoRegistry(client, tables), DynamoTransactions(client, tables)
        for row in self._rows():
            registry.add(replace(row, connection=None))
            if row.connection is not None:
                registry.connect(row.charge_point_id, row.connection, 0)
        self._processing = replace(
            self._processors(), registry=registry, observations=registry, passwords=registry,
            transactions=transactions, history=transactions, commands=DynamoCommands(client, tables),
            reports=DynamoReports(client, tables),
        )  # fmt: skip
        self._delivering = replace(self._delivery(), events=DynamoEvents(client, tables))
        client.meta.events.register("after-call.dynamodb", self._after)

    def _after(self, model: Any, **_: Any) -> None:
        if model.name in WRITES:
            self._seen.is_written = True
            self.steps.take()


@pytest.mark.e2e
def test_the_processor_may_be_killed_between_its_writes_to_the_tables(aws: AWS) -> None:
    create_tables(aws.client("dynamodb"), "Kill")
    tables = named("Kill")
    calm = ChainOnTables(aws, tables, Steps(), "K-0")
    calm.run()
    assert list(calm.wrongs()) == []

    for number in range(1, calm.steps.count + 1, EVERY):
        chain = ChainOnTables(aws, tables, Steps(killed_at=number), f"K-{number}")
        chain.run()
        assert list(chain.wrongs()) == [], f"killed after write {number}"
        assert chain.steps.kills == 1
