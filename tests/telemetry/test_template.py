"""The committed template archives what devices say, and lets stations say no more than that."""

import json
from pathlib import Path
from typing import Any

import pytest

TEMPLATE = Path(__file__).parents[2] / "infra" / "template.json"


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    return dict(json.loads(TEMPLATE.read_text(encoding="utf-8"))["Resources"])


@pytest.mark.parametrize(
    ("rule", "sql", "queue"),
    [
        ("OutgoingFrames", "'out' AS direction FROM '+/out'", "FramesToArchive"),
        ("StationMessages", "FROM 'ev/station/+/telemetry'", "StationTelemetry"),
    ],
)
def test_both_directions_of_frames_and_every_station_are_archived(
    resources: dict[str, Any], rule: str, sql: str, queue: str
) -> None:
    payload = resources[f"{rule}Rule"]["Properties"]["TopicRulePayload"]

    assert payload["Sql"].endswith(sql)
    assert [action["Sqs"]["QueueUrl"]["Ref"] for action in payload["Actions"]] == [queue]


def test_frames_wait_for_large_batches_and_a_bad_payload_of_a_station_not_ten_seconds(
    resources: dict[str, Any],
) -> None:
    mappings = [resources[f"{queue}Mapping"]["Properties"] for queue in ("FramesToArchive", "StationTelemetry")]

    assert [each["BatchSize"] for each in mappings] == [1_000, 1_000]
    assert mappings[0]["MaximumBatchingWindowInSeconds"] == 120
    assert mappings[1]["MaximumBatchingWindowInSeconds"] <= 5


def test_a_station_publishes_as_its_own_thing_only(resources: dict[str, Any]) -> None:
    policy = json.dumps(resources["StationPolicy"]["Properties"]["PolicyDocument"])

    assert "topic/ev/station/${iot:Connection.Thing.ThingName}/telemetry" in policy
    assert "client/${iot:Connection.Thing.ThingName}" in policy
    assert "*" not in policy


def test_athena_finds_what_is_archived_without_a_crawler(resources: dict[str, Any]) -> None:
    inputs = [each["Properties"]["TableInput"] for each in resources.values() if each["Type"] == "AWS::Glue::Table"]

    partitions = {table["Name"]: [key["Name"] for key in table["PartitionKeys"]] for table in inputs}

    assert partitions == {
        "frames": ["year", "month", "day", "hour"],
        "samples": ["year", "month", "day", "hour"],
        "telemetry": ["year", "month", "day"],
    }
    assert all(table["Parameters"]["projection.enabled"] == "true" for table in inputs)
