"""SQL over the archive, as Athena is asked on AWS."""

import importlib.util
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.archive import KINDS
from telemetry import query
from telemetry.inbox import FRAME_QUEUE, STATION_QUEUE
from telemetry.query import QueryError
from tests.telemetry.house import NOW, House, frame, meter_values, payload, published

TEMPLATE = Path(__file__).parents[2] / "infra" / "template.json"
SINCE, UNTIL = NOW - timedelta(hours=1), NOW + timedelta(hours=1)

# What Athena and Python call DuckDB's types.
_DUCKDB = {"string": "VARCHAR", "bigint": "BIGINT", "int": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN"}
_PYTHON: dict[str, Any] = {"VARCHAR": str, "BIGINT": int, "DOUBLE": int | float, "BOOLEAN": bool}

pytestmark = pytest.mark.skipif(importlib.util.find_spec("duckdb") is None, reason="duckdb is not installed (local)")


def test_the_three_tables_answer_sql_and_repeats_count_once(tmp_path: Path) -> None:
    house = House()
    again = frame(meter_values("1500"))
    house.inbox.take(FRAME_QUEUE, [again])
    house.inbox.take(FRAME_QUEUE, [again, frame([2, "9", "Heartbeat", {}])])
    house.inbox.take(STATION_QUEUE, [published(payload())])

    sql = "select (select count(*) from frames) f, (select avg(value) from samples) v, humidity, year from telemetry"
    columns, rows = query.ask(sql, house.archive, SINCE, UNTIL, tmp_path)

    assert columns == ("f", "v", "humidity", "year")
    assert rows == [(2, 4450.0, 60.0, "2026")]


def test_an_empty_archive_has_empty_tables(tmp_path: Path) -> None:
    assert query.ask("select * from samples", House().archive, SINCE, UNTIL, tmp_path)[1] == []


@pytest.mark.parametrize(
    "sql", ["select nothing from frames", "selec", "", "-- nothing", "select * from read_csv('/etc/passwd')"]
)
def test_a_query_that_can_not_be_answered_says_why(sql: str, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="Error"):
        query.ask(sql, House().archive, SINCE, UNTIL, tmp_path)


def test_what_is_written_has_the_columns_of_the_tables_and_no_others() -> None:
    house = House()
    house.inbox.take(FRAME_QUEUE, [frame(meter_values("1500"))])
    house.inbox.take(STATION_QUEUE, [published(payload())])

    for kind in KINDS.values():
        for row in house.raw_rows(kind):
            assert list(row) == list(query.COLUMNS[kind.name])
            for name, value in row.items():
                assert value is None or isinstance(value, _PYTHON[query.COLUMNS[kind.name][name]]), name


def test_athena_has_the_same_columns_and_types() -> None:
    resources = json.loads(TEMPLATE.read_text())["Resources"].values()
    tables = [each["Properties"]["TableInput"] for each in resources if each["Type"] == "AWS::Glue::Table"]

    on_aws = {
        table["Name"]: {each["Name"]: _DUCKDB[each["Type"]] for each in table["StorageDescriptor"]["Columns"]}
        for table in tables
    }

    assert on_aws == query.COLUMNS
