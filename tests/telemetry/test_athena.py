"""The example queries of docs/telemetry.md: Athena, as the emulator has it, and DuckDB give the same rows."""

import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.s3_archive import S3Archive
from infra.local.cloud import AWS
from ocppj import timestamps
from telemetry import query
from telemetry.inbox import FRAME_QUEUE, STATION_QUEUE, Inbox
from tests.telemetry.house import NOW, House, frame, meter_values, payload, published

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]

REPO = Path(__file__).parents[2]
BUCKET = DATABASE = "athena-examples"


def examples() -> list[str]:
    """The queries of the page, those of views left out.

    Without the times they show: the emulator makes timestamps of them, although the table says text.
    """
    blocks = re.findall(r"```sql\n(.*?)```", (REPO / "docs" / "telemetry.md").read_text(), re.DOTALL)
    queries = [text.strip() for block in blocks for text in block.split(";")]
    return [sql.replace("sampled_at, ", "") for sql in queries if "SELECT" in sql and "VIEW" not in sql]


@pytest.fixture(scope="module")
def archive(aws: AWS) -> S3Archive:
    """An archive in which each example finds something, and the tables of the template on it."""
    s3, glue = aws.client("s3"), aws.client("glue")
    s3.create_bucket(Bucket=BUCKET)
    archive = S3Archive(s3, BUCKET)
    inbox = Inbox(House().ports(archive=archive))
    fault = {"connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted", "timestamp": timestamps.write(NOW)}
    later = meter_values("2500", NOW + timedelta(seconds=10), "8")
    inbox.take(
        FRAME_QUEUE, [frame(each) for each in (meter_values("1500"), later, [2, "9", "StatusNotification", fault])]
    )
    inbox.take(FRAME_QUEUE, [frame(meter_values("10", message_id="7"), "CP002"), frame([3, "7", {}], direction="out")])
    inbox.take(STATION_QUEUE, [published(payload("S1", battery_available=1)), published(payload("S2"), "S2")])
    glue.create_database(DatabaseInput={"Name": DATABASE})
    for resource in json.loads((REPO / "infra" / "template.json").read_text())["Resources"].values():
        if resource["Type"] == "AWS::Glue::Table":
            table = resource["Properties"]["TableInput"]
            table["StorageDescriptor"]["Location"] = f"s3://{BUCKET}/{table['Name']}/"
            glue.create_table(DatabaseName=DATABASE, TableInput=table)
    return archive


def ask_athena(aws: AWS, sql: str) -> list[list[str | None]]:
    athena = aws.client("athena")
    asked = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": DATABASE},
        ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
    )
    status: dict[str, Any] = {}
    for _ in range(200):
        status = athena.get_query_execution(QueryExecutionId=asked["QueryExecutionId"])["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.05)
    assert status["State"] == "SUCCEEDED", status
    rows = athena.get_query_results(QueryExecutionId=asked["QueryExecutionId"])["ResultSet"]["Rows"]
    return [[column.get("VarCharValue") for column in row["Data"]] for row in rows]


@pytest.mark.parametrize("sql", examples(), ids=lambda sql: sql.splitlines()[0])
def test_athena_and_duckdb_answer_alike(aws: AWS, archive: S3Archive, sql: str, tmp_path: Path) -> None:
    columns, rows = query.ask(sql, archive, NOW - timedelta(hours=1), NOW + timedelta(hours=1), tmp_path)

    names, *answered = ask_athena(aws, sql)

    assert rows
    assert tuple(names) == columns
    assert answered == [[None if value is None else str(value) for value in row] for row in rows]
