"""The emulator as we run it: on the loopback only, and with a memory."""

import os
import socket
import ssl
from pathlib import Path

import pytest

from infra.local.cloud import AWS, CloudError, free_port, running, start
from infra.local.emulator import LOG_STREAMS
from tests.infra.processes import LOOPBACKS, descendants, listening, wait_until

pytestmark = pytest.mark.e2e


def test_nothing_listens_beyond_the_loopback(aws: AWS) -> None:
    aws.client("iot").create_thing(thingName="CP-LISTEN")

    sockets = listening(descendants(os.getpid()) - {os.getpid()})

    assert {aws.port, aws.mqtt_port} <= {port for _, port in sockets}
    assert {address for address, _ in sockets} <= set(LOOPBACKS)


def test_the_broker_s_certificate_is_verified_by_the_ca_we_keep(aws: AWS) -> None:
    context = ssl.create_default_context(cafile=str(aws.ca))

    with (
        socket.create_connection(("127.0.0.1", aws.mqtt_port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        certificate = secure.getpeercert()

    assert certificate


def test_a_second_start_finds_things_rows_messages_and_objects(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        first.client("iot").create_thing(thingName="CP-001")
        first.client("s3").create_bucket(Bucket="kept")
        first.client("s3").put_object(Bucket="kept", Key="object", Body=b"kept")
        queue = first.client("sqs").create_queue(QueueName="kept")["QueueUrl"]
        first.client("sqs").send_message(QueueUrl=queue, MessageBody="kept")

    with running(tmp_path) as second:
        things = second.client("iot").list_things()["things"]
        body = second.client("s3").get_object(Bucket="kept", Key="object")["Body"].read()
        sqs = second.client("sqs")
        messages = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="kept")["QueueUrl"])["Messages"]

    assert [thing["thingName"] for thing in things] == ["CP-001"]
    assert body == b"kept"
    assert [message["Body"] for message in messages] == ["kept"]


def test_a_power_cut_loses_only_what_was_not_saved_yet(tmp_path: Path) -> None:
    aws = AWS(free_port(), free_port(), tmp_path)
    first = start(aws, save_every_s=0.1)
    aws.client("iot").create_thing(thingName="CP-001")
    wait_until(lambda: (saved := tmp_path / "aws" / "iot.json").exists() and "CP-001" in saved.read_text())

    first.kill()
    first.stop(0)
    second = start(aws)
    things = aws.client("iot").list_things()["things"]
    second.stop(5)

    assert [thing["thingName"] for thing in things] == ["CP-001"]


def test_the_logs_of_functions_don_t_grow_for_ever(tmp_path: Path) -> None:
    aws = AWS(free_port(), free_port(), tmp_path)
    emulator = start(aws, save_every_s=0.1)
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="log")
    for number in range(LOG_STREAMS + 5):
        logs.create_log_stream(logGroupName="log", logStreamName=f"{number:03}")

    def streams() -> list[str]:
        pages = logs.get_paginator("describe_log_streams").paginate(logGroupName="log")
        return sorted(stream["logStreamName"] for page in pages for stream in page["logStreams"])

    wait_until(lambda: len(streams()) == LOG_STREAMS)
    newest = streams()[-1]
    emulator.stop(5)

    assert newest == f"{LOG_STREAMS + 4:03}"


def test_the_ca_stays_the_same(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        before = first.ca.read_bytes()

    with running(tmp_path) as second:
        after = second.ca.read_bytes()

    assert before == after


def test_an_emulator_that_can_t_start_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        aws = AWS(taken.getsockname()[1], free_port(), tmp_path)

        with pytest.raises(CloudError, match=r"^The AWS emulator ended with code 3; see .*aws\.log\.$"):
            start(aws)


def test_processes_of_the_house_can_t_reach_the_real_aws(tmp_path: Path) -> None:
    aws = AWS(4566, 8883, tmp_path, "eu-west-1")

    environment = aws.environment()

    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["AWS_DEFAULT_REGION"] == environment["AWS_REGION"] == "eu-west-1"
    assert "AWS_PROFILE" not in environment
