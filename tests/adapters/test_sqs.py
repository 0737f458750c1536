"""Queues on the emulator: long polling, deleting, giving back."""

import json
from typing import TYPE_CHECKING

import pytest

from adapters.sqs import QueueMessage, SqsDeferrals, SqsLargeFrames, SqsQueue, SqsShadowRepairs
from infra.local.cloud import AWS

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.e2e


@pytest.fixture
def client(aws: AWS) -> "SQSClient":
    client: SQSClient = aws.client("sqs")
    return client


def queue(client: "SQSClient", name: str, messages: int = 0) -> SqsQueue:
    url = client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    for number in range(messages):
        client.send_message(QueueUrl=url, MessageBody=str(number))
    return SqsQueue(client, name)


def drain(queue: SqsQueue) -> list[QueueMessage]:
    messages: list[QueueMessage] = []
    while batch := queue.receive(0):
        messages += batch
    return messages


def test_what_is_deleted_is_gone_and_the_rest_comes_again(client: "SQSClient") -> None:
    polled = queue(client, "polled", messages=25)
    received = drain(polled)

    polled.delete(received[:23])
    polled.release(received[23:], in_s=0)

    again = drain(polled)
    assert {each.body for each in received} == {str(number) for number in range(25)}
    assert {each.body for each in again} == {each.body for each in received[23:]}
    assert {each.attempt for each in again} == {2}


def test_an_empty_queue_gives_nothing(client: "SQSClient") -> None:
    assert queue(client, "empty").receive(0) == []


def test_a_receipt_that_is_worth_nothing_spoils_nothing(client: "SQSClient") -> None:
    polled = queue(client, "spoilt", messages=1)
    received = list(polled.receive(0))

    polled.delete([QueueMessage("", "no such receipt"), *received])

    polled.release(received, in_s=0)
    assert polled.receive(0) == []


def test_a_shadow_to_be_written_again_waits_in_its_queue(client: "SQSClient") -> None:
    repairs = queue(client, "repairs")

    SqsShadowRepairs(client, "repairs").ask("CP-1")
    SqsShadowRepairs(client, "repairs").ask_link("g1", 7)

    first, second = sorted(repairs.receive(1), key=lambda message: "link" in message.body)
    assert json.loads(first.body) == {"event": "shadow", "chargePointId": "CP-1"}
    assert json.loads(second.body) == {"event": "down", "gateway": "g1", "link": 7}


def test_what_is_put_off_comes_later_however_large_and_many(client: "SQSClient") -> None:
    later = queue(client, "later")
    records = [(str(number), 0) for number in range(12)] + [("x" * 300_000, 0), ("not now", 900)]

    SqsDeferrals(client, "later").put_off(records)

    received = [message.body for _ in range(4) for message in later.receive(0)]
    assert sorted(received, key=len) == sorted((body for body, delay_s in records if not delay_s), key=len)


def test_a_frame_too_large_for_the_broker_arrives_as_it_is(client: "SQSClient") -> None:
    queues = [queue(client, name) for name in ("incoming", "archived")]
    record = '{"message":[2,"1","DataTransfer",{"data":"' + "x" * 900_000 + '"}]}'

    SqsLargeFrames(client, "incoming", "nowhere", "archived").send(record)

    assert [[message.body for message in each.receive(1)] for each in queues] == [[record], [record]]
