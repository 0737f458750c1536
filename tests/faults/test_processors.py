"""Processors that stand still while charge points go on, and a record that no processor can bear."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from boto3.dynamodb.conditions import Key

from ocppj import timestamps
from tests.faults.chargers import Charger, connected
from tests.faults.scene import CALL_TIMEOUT_S, Site, time_passes, until
from tests.faults.sizes import charge_points, measured, seconds, size
from tests.gateway.test_main import Process

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

IN_TIME_S = 5.0
BACK_S = 60.0
RETRY_S = 60.0  # TransactionMessageRetryInterval


class Outage:
    """The Lambda that answers frames, and whether it is fed."""

    def __init__(self, site: Site) -> None:
        self._lambda = site.aws.client("lambda")
        mappings = self._lambda.list_event_source_mappings()["EventSourceMappings"]
        (self._id,) = (each["UUID"] for each in mappings if each["EventSourceArn"].endswith(":IncomingMessagesQueue"))

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """Nothing is processed meanwhile."""
        self._lambda.update_event_source_mapping(UUID=self._id, Enabled=False)
        try:
            yield
        finally:
            self._lambda.update_event_source_mapping(UUID=self._id, Enabled=True)


class Session:
    """A charging session that a charge point reports as the specification says (S16 3.7.1): again until it is
    answered, after TransactionMessageRetryInterval times the attempts there were."""

    def __init__(self, charger: Charger, number: int, begins_in_s: float) -> None:
        self._charger = charger
        self._begins_in_s = begins_in_s
        self.transaction_id: int | None = None
        self.tag = f"TAG-{number}"
        self.is_over = False

    async def run(self) -> None:
        """Start and stop."""
        await asyncio.sleep(self._begins_in_s)
        now = timestamps.write(datetime.now(UTC))
        start = {"connectorId": 1, "idTag": self.tag, "meterStart": 0, "timestamp": now}
        self.transaction_id = (await self._insist("StartTransaction", start))["transactionId"]
        stop = {
            "transactionId": self.transaction_id,
            "meterStop": 100,
            "timestamp": timestamps.write(datetime.now(UTC)),
        }
        await self._insist("StopTransaction", stop)
        self.is_over = True

    async def _insist(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        for attempt in itertools.count(1):
            answer = await self._charger.ask(action, payload)
            if answer is not None:
                return answer
            await asyncio.sleep(attempt * size(0.05, RETRY_S))
        raise AssertionError("count() doesn't end")


@pytest.mark.timeout(1_800)
async def test_after_an_outage_of_the_processors_answers_are_in_time_again_and_no_transaction_is_missing(
    site: Site, start_in_house: Callable[..., Process]
) -> None:
    """20 charge points with a frame every 2 s, 15 s without processors; the full size is 500 and 10 minutes.

    Nobody waits longer than 6 s for an answer, 30 s in full size: so all CALLs of the outage end as errors. Drivers
    come one by one throughout: if all came in one moment, so would all they say again, minutes after the outage.
    """
    process = start_in_house("--call-timeout-s", str(size(CALL_TIMEOUT_S, 30.0)))
    await process.ready()
    ids = site.register("outage", charge_points(20, 500))
    async with connected(f"ws://127.0.0.1:{process.port}", ids, size(2.0, 30.0)) as chargers:
        await until(lambda: all(charger.answered_at for charger in chargers), 120)
        lasts_s = seconds(15.0, 600.0)
        with Outage(site).lasting():
            sessions = [
                Session(charger, number, lasts_s * number / len(chargers)) for number, charger in enumerate(chargers)
            ]
            running = [asyncio.create_task(session.run()) for session in sessions]
            await time_passes(lasts_s)
            assert not any(session.is_over for session in sessions)
        failed = sum(len(charger.errors) for charger in chargers)
        began = time.monotonic()
        since = asyncio.get_running_loop().time()
        heard_s = await until(lambda: all(each.is_in_time(since, IN_TIME_S) for each in chargers), 300)
        await until(lambda: all(session.is_over for session in sessions), 600)
        await asyncio.gather(*running)
        over_s = time.monotonic() - began
    in_time_s = max(each.troubled_until(IN_TIME_S) for each in chargers) - since  # from then on all CALLs

    table = site.aws.resource("dynamodb").Table("TransactionTable")
    stored = {charge_point_id: _transactions(table, charge_point_id) for charge_point_id in ids}
    measured(
        "processors stopped",
        charge_points=len(ids),
        errors=failed,
        in_time_s=round(in_time_s, 1),
        heard_s=round(heard_s, 1),
        told_s=round(over_s, 1),
    )
    assert failed >= len(ids)
    assert all(len(transactions) == 1 for transactions in stored.values())
    assert all("endedAt" in transactions[0] for transactions in stored.values())
    assert [int(stored[each][0]["transactionId"]) for each in ids] == [session.transaction_id for session in sessions]
    assert in_time_s <= BACK_S


def _transactions(table: Any, charge_point_id: str) -> list[dict[str, Any]]:
    condition = Key("chargePointId").eq(charge_point_id)
    items = table.query(KeyConditionExpression=condition, ConsistentRead=True)["Items"]
    return [item for item in items if "startedAt" in item]


async def test_a_poison_record_ends_in_the_dead_letters_with_its_reason_and_an_internal_error_at_the_charge_point(
    site: Site,
) -> None:
    """A transaction nobody can read; its attempts follow each other at once rather than in two minutes."""
    poisoned, healthy = site.register("poison", 2)
    stop = {"transactionId": 77, "meterStop": 5, "timestamp": timestamps.write(datetime.now(UTC))}
    _spoil_transaction(site, poisoned, "77")

    with _impatient(site):
        async with connected(site.house.ws_url, [poisoned, healthy], interval_s=60) as (charger, other):
            answer = await charger.ask("StopTransaction", stop)
            letter = await _dead_letter(site, poisoned)
            beat = await other.ask("Heartbeat", {})

    assert answer is None
    assert set(charger.errors.values()) == {"InternalError"}
    assert orjson.loads(letter["Body"])["message"][2] == "StopTransaction"
    assert "ValueError" in letter["MessageAttributes"]["reason"]["StringValue"]
    assert beat is not None


async def test_a_row_that_cannot_be_read_costs_its_own_charge_point_only(site: Site) -> None:
    spoilt, *healthy = site.register("row", 6)
    table = site.aws.resource("dynamodb").Table("ChargePointTable")

    async with connected(site.house.ws_url, [spoilt, *healthy], interval_s=60) as chargers:
        with Outage(site).lasting():  # so that they share a batch
            table.update_item(
                Key={"chargePointId": spoilt}, UpdateExpression="SET registration = :nonsense",
                ExpressionAttributeValues={":nonsense": "Nonsense"},
            )  # fmt: skip
            asked = [asyncio.create_task(charger.ask("Heartbeat", {})) for charger in chargers]
            await time_passes(1)
        answers = await asyncio.gather(*asked[1:])
        asked[0].cancel()

    assert [answer for answer in answers if answer is None] == []


def _spoil_transaction(site: Site, charge_point_id: str, transaction_id: str) -> None:
    item = {"chargePointId": charge_point_id, "transactionId": transaction_id, "startedAt": "a fine day"}
    site.aws.resource("dynamodb").Table("TransactionTable").put_item(Item=item)


@contextmanager
def _impatient(site: Site) -> Iterator[None]:
    """What failed comes again after a second."""
    sqs = site.aws.client("sqs")
    queue = sqs.get_queue_url(QueueName="IncomingMessagesQueue")["QueueUrl"]
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)


async def _dead_letter(site: Site, charge_point_id: str) -> dict[str, Any]:
    sqs = site.aws.client("sqs")
    queue = sqs.get_queue_url(QueueName="IncomingMessagesQueueDeadLetters")["QueueUrl"]
    found: list[dict[str, Any]] = []

    def look() -> bool:
        received = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
        )  # fmt: skip
        found.extend(each for each in received.get("Messages", ()) if charge_point_id in each["Body"])
        return bool(found)

    await until(look, 60)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
    return found[0]
