"""The way back after a disaster, on a house whose tables were damaged while charge points were connected."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from infra.copy_back import copy_back
from infra.drill import Drill, go, tables_of
from infra.local.cloud import AWS
from tests.e2e.operator import Operator
from tests.house import House

pytestmark = pytest.mark.e2e

NOW = "2026-11-21T12:00:00Z"


def call(socket: ClientConnection, action: str, **payload: Any) -> dict[str, Any]:
    socket.send(json.dumps([2, "1", action, payload]))
    answer = json.loads(socket.recv(60))
    assert answer[0] == 3, answer
    return dict(answer[2])


def connected(house: House, charge_point_id: str) -> ClientConnection:
    return connect(f"{house.ws_url}/{charge_point_id}", subprotocols=[Subprotocol("ocpp1.6")])


def drill_of(house: House, said: list[str], path: Path, *, is_executed: bool = True) -> Drill:
    to = datetime.now(UTC) - timedelta(seconds=1)
    notes = path / "notes.json"
    return Drill(house.aws.client, to, "-drill", is_executed, said.append, tables_of(), notes, poll_s=0.2)


def damage(house: House, charge_point_id: str) -> None:
    """What somebody may do at three in the morning: lose rows, change others, and drop a table."""
    tables: Callable[[str], Any] = house.aws.resource("dynamodb").Table
    tables("ChargePointTable").delete_item(Key={"chargePointId": charge_point_id})
    tables("ChargePointTable").put_item(Item={"chargePointId": "NOBODY", "epoch": 1})
    token = tables("IdTokenTable").scan()["Items"][0] | {"status": "Blocked"}
    tables("IdTokenTable").put_item(Item=token)
    tables("ReportTable").delete()


def test_after_the_drill_charge_points_are_back_with_what_was_stored_before(house: House, tmp_path: Path) -> None:
    said: list[str] = []
    operator, dynamodb = Operator(house), house.aws.client("dynamodb")
    charge_point_id = operator.register()
    with connected(house, charge_point_id) as socket:
        call(socket, "BootNotification", chargePointVendor="V", chargePointModel="M")
        begun = {"connectorId": 1, "idTag": "DEMO-TAG-1", "meterStart": 0, "timestamp": NOW}
        started = call(socket, "StartTransaction", **begun)
        dynamodb.create_backup(TableName="ReportTable", BackupName="nightly")
        before = rows(house.aws)
        # The emulator restores a table as it is, not as it was: so its copies are made before the damage.
        drill_of(house, said, tmp_path).restore()
        damage(house, charge_point_id)
        assert is_refused(house, charge_point_id)

    drill = drill_of(house, said, tmp_path)
    all_tables, drill.tables = drill.tables, [table for table in drill.tables if table.name == "ReportTable"]
    drill.restore()  # what is gone comes back under its own name
    drill.tables = all_tables
    with ThreadPoolExecutor(1) as somewhere:
        coming = somewhere.submit(come_back, house, charge_point_id)
        go(drill, has_copies=True, wait_s=60)
        with coming.result() as socket:
            ended = {"transactionId": started["transactionId"], "meterStop": 9, "timestamp": NOW}
            assert "idTagInfo" not in call(socket, "StopTransaction", **ended)
    after, states = rows(house.aws), {mapping["State"] for mapping in mappings(house.aws)}
    ttl = dynamodb.describe_time_to_live(TableName="ReportTable")["TimeToLiveDescription"]

    assert (after["IdTokenTable"], after["TariffTable"]) == (before["IdTokenTable"], before["TariffTable"])
    assert set(before["ReportTable"]) <= set(after["ReportTable"])
    assert not [row for row in after["ChargePointTable"] if "NOBODY" in row]
    assert len(after["TransactionTable"]) == len(before["TransactionTable"])
    assert (ttl["TimeToLiveStatus"], states) == ("ENABLED", {"Enabled"})
    calls = [line.split()[1] for line in said if line.startswith("lambda update_event")]
    assert len(calls) == 2 * len(drill_mappings(said))
    assert [line.partition(" s (aim ")[0].split()[0] for line in said[-2:]] == ["RTO", "RPO"]
    assert "no charge point is back" not in said[-2]
    assert not (tmp_path / "notes.json").exists()


def come_back(house: House, charge_point_id: str) -> ClientConnection:
    """As charge points do: again and again."""
    for _ in range(300):
        with suppress(InvalidStatus, OSError):
            return connected(house, charge_point_id)
        time.sleep(0.2)
    raise AssertionError("it never came back")


def drill_mappings(said: list[str]) -> set[str]:
    return {line.split('"UUID": "')[1][:36] for line in said if "update_event_source_mapping" in line}


def is_refused(house: House, charge_point_id: str) -> bool:
    try:
        connected(house, charge_point_id).close()
    except InvalidStatus as refused:
        return refused.response.status_code == 404
    except ConnectionClosed:
        pass
    return False


def rows(aws: AWS) -> dict[str, list[str]]:
    """All that is in the tables, but for leases, which are renewed all the time."""
    found = {}
    for table in tables_of():
        items = aws.client("dynamodb").scan(TableName=table.name)["Items"]
        found[table.name] = sorted(json.dumps(item, sort_keys=True) for item in items if "gateway#" not in str(item))
    return found


def mappings(aws: AWS) -> list[dict[str, Any]]:
    listed = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return [dict(each) for each in listed]


def test_without_execute_the_calls_are_printed_and_none_is_made(house: House, tmp_path: Path) -> None:
    said: list[str] = []
    drill = drill_of(house, said, tmp_path, is_executed=False)
    before = house.aws.client("dynamodb").list_tables()["TableNames"]

    assert go(drill, has_copies=False, wait_s=0)

    assert house.aws.client("dynamodb").list_tables()["TableNames"] == before
    assert {mapping["State"] for mapping in mappings(house.aws)} == {"Enabled"}
    calls = [" ".join(line.split()[:2]) for line in said]
    assert calls.count("dynamodb restore_table_to_point_in_time") == len(tables_of())
    assert calls.count("lambda update_event_source_mapping") == 2 * len(mappings(house.aws))
    assert calls.index("lambda update_event_source_mapping") < calls.index("dynamodb restore_table_to_point_in_time")
    assert said[-1] == "Nothing was done: --execute does it."


def test_a_copy_back_writes_what_differs_and_nothing_else(aws: AWS) -> None:
    dynamodb = aws.client("dynamodb")
    key = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
    for name in ("CopySource", "CopyTarget"):
        attributes = [{"AttributeName": "id", "AttributeType": "S"}]
        dynamodb.create_table(TableName=name, AttributeDefinitions=attributes, **key)
    for number in range(60):
        same = {"id": {"S": f"{number}"}, "n": {"N": "1"}}
        dynamodb.put_item(TableName="CopySource", Item=same)
        if number >= 30:
            dynamodb.put_item(TableName="CopyTarget", Item=same if number >= 40 else same | {"n": {"N": "2"}})
    for number in range(100, 105):
        dynamodb.put_item(TableName="CopyTarget", Item={"id": {"S": f"{number}"}})

    copied = copy_back(dynamodb, "CopySource", "CopyTarget")
    again = copy_back(dynamodb, "CopySource", "CopyTarget")

    assert (copied.read, copied.put, copied.deleted) == (60, 40, 5)
    assert (again.put, again.deleted) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "yesterday"], "'yesterday' is no moment"),
        (["--to", "2999-01-01T00:00:00Z"], "is yet to come."),
        (["--to", "2026-11-20T00:00:00Z", "--table", "Chairs"], "There is no table Chairs"),
        (["--to", "2026-11-20T00:00:00Z"], "Nothing more was done"),
    ],
)
def test_what_can_t_be_is_one_sentence(arguments: list[str], said: str) -> None:
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": ""}
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_MAX_ATTEMPTS": "1"}
    command = [sys.executable, "-m", "infra.drill", *arguments]
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | nobody | keys)

    assert run.returncode
    assert said in run.stderr
    assert "Traceback" not in run.stderr
