"""SQL over the archive on this machine: DuckDB reads the files that Athena reads on AWS, under the same names."""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from domain import archive
from domain.archive import KINDS, Archive, Kind

# What Athena's tables have beside what is in the rows.
_PARTITIONS = ("year", "month", "day", "hour")
_TEXT, _WHOLE, _NUMBER, _FLAG = "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN"
COLUMNS = {
    "frames": {
        "id": _TEXT, "charge_point_id": _TEXT, "received_at": _TEXT, "direction": _TEXT, "ocpp": _TEXT,
        "epoch": _WHOLE, "message_type": _WHOLE, "message_id": _TEXT, "action": _TEXT, "message": _TEXT,
    },
    "samples": {
        "id": _TEXT, "charge_point_id": _TEXT, "connector": _TEXT, "transaction_id": _TEXT, "sampled_at": _TEXT,
        "received_at": _TEXT, "measurand": _TEXT, "value": _NUMBER, "unit": _TEXT, "phase": _TEXT,
        "context": _TEXT, "location": _TEXT, "status": _TEXT, "error_code": _TEXT,
    },
    "telemetry": {
        "id": _TEXT, "station_id": _TEXT, "battery_available": _WHOLE, "battery_charging": _WHOLE,
        "temperature": _NUMBER, "humidity": _NUMBER, "status": _TEXT, "timestamp": _TEXT, "received_at": _TEXT,
        "registered": _FLAG,
    },
}  # fmt: skip


class QueryError(ValueError):
    """A query that can't be answered; the text says why."""


def ask(
    sql: str, files: Archive, since: datetime, until: datetime, directory: Path
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The names of the columns, and the rows; `directory` is where the rows of that time are put for DuckDB.

    Raises:
        QueryError: DuckDB is not installed, or refuses the query.
    """
    try:
        import duckdb
    except ImportError as error:
        raise QueryError("DuckDB is not installed: pip install 'ocpp-gateway[local]'") from error
    with duckdb.connect() as database:
        for kind in KINDS.values():
            path = directory / f"{kind.name}.ndjson"
            _write(path, kind, files, since, until)
            database.execute(_view(kind, path))
        database.execute("SET enable_external_access = false")
        try:
            found = database.execute(sql)
        except duckdb.Error as error:
            raise QueryError(str(error).partition("\n")[0]) from error
        if not found:  # nor said that something is missing
            raise QueryError("Parser Error: there is no query")
        return tuple(column[0] for column in found.description or ()), found.fetchall()


def _write(path: Path, kind: Kind, files: Archive, since: datetime, until: datetime) -> None:
    with path.open("wb") as file:
        for row in archive.read(kind, since, until, files):
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def _view(kind: Kind, path: Path) -> str:
    columns = ", ".join(f"\"{name}\": '{type_}'" for name, type_ in COLUMNS[kind.name].items())
    at = f'"{kind.time}"'
    starts = {"year": (1, 4), "month": (6, 2), "day": (9, 2), "hour": (12, 2)}
    kept = [name for name in _PARTITIONS if name != "hour" or archive.is_hourly(kind)]
    partitions = ", ".join(f"substr({at}, {starts[name][0]}, {starts[name][1]}) AS {name}" for name in kept)
    source = f"read_json('{path}', format='newline_delimited', columns={{{columns}}})"
    return f"CREATE TABLE {kind.name} AS SELECT *, {partitions} FROM {source}"  # noqa: S608  our own names
