"""`ocppgw dlq` on the emulator: what could not be processed is found, shown and put back."""

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from adapters.sqs import SqsQueue
from adapters.sqs_dead_letters import SqsDeadLetters
from domain import jobs
from infra.local.cloud import AWS
from processors import inbox
from processors.dlq import Queue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def client(aws: AWS) -> "SQSClient":
    client: SQSClient = aws.client("sqs")
    for name in Queue:
        for queue in (name, f"{name}DeadLetters"):
            client.create_queue(QueueName=queue)
            client.purge_queue(QueueUrl=client.get_queue_url(QueueName=queue)["QueueUrl"])
    return client


def dlq(aws: AWS, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"AWS_ENDPOINT_URL": aws.endpoint_url, "OCPPGW_CLOUD": "local"}
    return subprocess.run(
        [sys.executable, "-m", "processors.dlq", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def listed(aws: AWS) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dlq(aws, "list", "--output", "json").stdout)
    return found


def test_the_queues_are_those_of_the_inbox_and_of_jobs() -> None:
    assert {*inbox.QUEUES, jobs.QUEUE} <= set(Queue)


@pytest.mark.e2e
def test_a_dead_letter_is_listed_shown_and_put_back(aws: AWS, client: "SQSClient") -> None:
    record = json.dumps({"chargePointId": "CP-1", "message": [2, "1", "Heartbeat", {}], "receivedAt": 1})
    letters = SqsDeadLetters(client)
    letters.bury(inbox.INCOMING, record, "ValueError: no")
    letters.bury(inbox.CREATED, "{", "")

    [frame, unreadable] = listed(aws)
    shown = json.loads(dlq(aws, "show", inbox.INCOMING, frame["id"]).stdout)
    back = dlq(aws, "redrive", inbox.INCOMING, frame["id"])

    assert (frame["what"], frame["reason"]) == ("CP-1 Heartbeat", "ValueError: no")
    assert (unreadable["what"], unreadable["reason"]) == ("unreadable", "unknown")
    assert shown["record"] == json.loads(record)
    assert (back.returncode, back.stdout) == (0, "1 put back into IncomingMessagesQueue.\n")
    assert [message.body for message in SqsQueue(client, inbox.INCOMING).receive(0)] == [record]
    assert [left["id"] for left in listed(aws)] == [unreadable["id"]]


@pytest.mark.e2e
def test_all_of_a_queue_are_put_back_only_if_that_is_said(aws: AWS, client: "SQSClient") -> None:
    letters = SqsDeadLetters(client)
    for number in range(12):
        letters.bury(inbox.DELETED, str(number), "no")

    unsaid, unknown = dlq(aws, "redrive", inbox.DELETED), dlq(aws, "show", inbox.DELETED, "none")
    back = dlq(aws, "redrive", inbox.DELETED, "--all")

    assert (unsaid.returncode, unknown.returncode) == (2, 1)
    assert back.stdout == "12 put back into DeletedThings.\n"
    assert letters.letters(inbox.DELETED) == []
