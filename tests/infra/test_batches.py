"""Functions that want large batches of a queue get them from our emulator."""

import io
import json
import time
import zipfile
from pathlib import Path

import pytest

from infra.local.batches import PORTION, visible
from infra.local.cloud import AWS

# Puts how many messages each batch had into the queue `batches`.
CODE = """
import boto3, json

def handler(event, context):
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="batches")["QueueUrl"],
                     MessageBody=str(len(event["Records"])))
"""


@pytest.mark.e2e
def test_a_batch_is_as_large_as_the_mapping_wants_and_nothing_is_lost(aws: AWS, tmp_path: Path) -> None:
    sqs, functions = aws.client("sqs"), aws.client("lambda")
    told = sqs.create_queue(QueueName="batches")["QueueUrl"]
    source = sqs.create_queue(QueueName="batched")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    count = PORTION + 30
    for start in range(0, count, 10):
        entries = [{"Id": str(number), "MessageBody": str(start + number)} for number in range(10)]
        sqs.send_message_batch(QueueUrl=source, Entries=entries)
    functions.create_function(
        FunctionName="batches", Runtime="python3.13", Role="arn:aws:iam::000000000000:role/any",
        Handler="code.handler", Code={"ZipFile": _zip()},
    )  # fmt: skip

    functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="batches", BatchSize=1_000, MaximumBatchingWindowInSeconds=60
    )
    sizes: list[int] = []
    deadline = time.monotonic() + 20
    while sum(sizes) < count and time.monotonic() < deadline:
        received = sqs.receive_message(QueueUrl=told, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", ())
        sizes += [json.loads(message["Body"]) for message in received]

    assert sizes == [count]


def test_what_waits_behind_the_messages_that_are_handed_out_is_not_looked_at() -> None:
    hidden, first, second, behind = ({"visible_at": at} for at in (8.0, 1.0, 7.0, 2.0))
    messages = iter([hidden, first, second, behind])

    assert visible(messages, 2, now=7.5) == [first, second]
    assert list(messages) == [behind]


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("code.py", CODE)
    return file.getvalue()
