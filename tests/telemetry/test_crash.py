"""The handler's process is killed between its two writes, on the emulator: nothing is missing, nothing is doubled."""

import signal
import subprocess
import sys
from datetime import timedelta
from itertools import count

import pytest

from adapters.dynamodb import Tables
from adapters.dynamodb_telemetry import DynamoLatestSamples, DynamoStations
from adapters.s3_archive import S3Archive
from domain import archive
from domain.archive import FRAMES, SAMPLES, STATIONS, Kind
from infra.local.cloud import AWS
from telemetry.inbox import FRAME_QUEUE, STATION_QUEUE, Message
from tests.adapters.stores import dynamodb_client, tables
from tests.telemetry.house import NOW, frame, meter_values, payload, published

__all__ = ["dynamodb_client", "tables"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

_names = count(1)


class Site:
    """A queue with messages, an archive of its own, and processes that take the messages."""

    def __init__(self, aws: AWS, tables: Tables, kind: str, messages: list[Message]) -> None:
        self.name = f"crash-{next(_names)}"
        self._environment = aws.environment() | {
            "OCPPGW_ARCHIVE_BUCKET": self.name,
            "OCPPGW_CHARGE_POINT_TABLE": tables.charge_points,
            "OCPPGW_TRANSACTION_TABLE": tables.transactions,
            "OCPPGW_LATEST_SAMPLE_TABLE": tables.latest_samples,
            "OCPPGW_STATION_TABLE": tables.stations,
        }
        self._kind = kind
        aws.client("s3").create_bucket(Bucket=self.name)
        self.archive = S3Archive(aws.client("s3"), self.name)
        sqs = aws.client("sqs")
        url = sqs.create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
        entries = [{"Id": str(number), "MessageBody": each.body} for number, each in enumerate(messages)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
        self._sqs, self._url = sqs, url

    def take(self, moment: str) -> int:
        """Have a process take the batch; returns how it ended."""
        command = [sys.executable, "-m", "tests.telemetry.dying", self.name, self._kind, moment]
        return subprocess.run(command, env=self._environment, check=False, timeout=30).returncode

    def ids(self, kind: Kind) -> list[str]:
        """The ids of all rows that lie there, repeats included."""
        return sorted(
            row["id"]
            for body in self.archive.get_many(list(self.archive.keys(f"{kind.name}/")))
            for row in archive.rows_of(body)
        )

    def waiting(self) -> int:
        """How many messages are still in the queue."""
        told = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])["Attributes"]
        return int(told["ApproximateNumberOfMessages"]) + int(told["ApproximateNumberOfMessagesNotVisible"])


def test_a_handler_killed_between_its_two_writes_doubles_no_station(aws: AWS, tables: Tables) -> None:
    said = [("C-S1", NOW - timedelta(seconds=5)), ("C-S1", NOW), ("C-S2", NOW)]
    site = Site(aws, tables, STATION_QUEUE, [published(payload(name, at), name, at) for name, at in said])
    latest = DynamoStations(aws.client("dynamodb"), tables)

    killed = site.take("before")
    kept, rows = latest.find("C-S1"), site.ids(STATIONS)
    finished = site.take("never")

    assert (killed, finished) == (-signal.SIGKILL, 0)
    assert kept is not None
    assert kept.timestamp == NOW
    assert rows == []
    assert len(site.ids(STATIONS)) == len(set(site.ids(STATIONS))) == 3
    assert latest.find("C-S1") == kept
    assert site.waiting() == 0


def test_a_handler_killed_between_frames_and_samples_doubles_neither(aws: AWS, tables: Tables) -> None:
    site = Site(aws, tables, FRAME_QUEUE, [frame(meter_values("1500"), "CRASH-CP")])
    latest = DynamoLatestSamples(aws.client("dynamodb"), tables)

    killed = site.take("after")
    first = site.ids(FRAMES), site.ids(SAMPLES)
    finished = site.take("never")

    assert (killed, finished) == (-signal.SIGKILL, 0)
    assert (len(first[0]), first[1]) == (1, [])
    assert (len(site.ids(FRAMES)), len(site.ids(SAMPLES))) == (1, 2)
    assert [row["value"] for row in latest.of_charge_point("CRASH-CP")] == [1500, 7400]
