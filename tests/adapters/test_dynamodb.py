"""What only DynamoDB does: hand out half a batch, crash between two writes, be named otherwise."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from adapters import dynamodb
from adapters.dynamodb import Tables, TableThrottledError
from adapters.dynamodb_items import attribute
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_transactions import DynamoTransactions, IdsUsedUpError
from domain.models import ChargePoint, Connection, Transaction, TransactionEvent
from domain.ports import RowChangedError
from domain.transactions import MAX_TRANSACTION_ID
from infra.local.cloud import AWS
from ocppj.versions import V16, V201
from tests.adapters.stores import create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def client() -> "DynamoDBClient":
    """A client that reaches nobody."""
    made: DynamoDBClient = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    return made


def batch(served: list[str], left: list[str]) -> dict[str, Any]:
    keys = [{"chargePointId": attribute(name)} for name in left]
    return {
        "Responses": {"ChargePointTable": [{"chargePointId": attribute(name)} for name in served]},
        "UnprocessedKeys": {"ChargePointTable": {"Keys": keys, "ConsistentRead": True}} if left else {},
    }


def test_what_a_batch_left_out_is_asked_for_again(client: "DynamoDBClient") -> None:
    with Stubber(client) as stub:
        stub.add_response("batch_get_item", batch(["CP-1"], ["CP-2", "CP-3"]))
        stub.add_response("batch_get_item", batch(["CP-3"], ["CP-2"]))
        stub.add_response("batch_get_item", batch(["CP-2"], []))

        rows = DynamoRegistry(client, Tables()).find_many(["CP-1", "CP-2", "CP-3"])

        stub.assert_no_pending_responses()
    assert rows == {name: ChargePoint(name) for name in ("CP-1", "CP-2", "CP-3")}


def test_a_table_that_hands_out_nothing_is_no_empty_table(client: "DynamoDBClient") -> None:
    with Stubber(client) as stub:
        for _ in range(dynamodb.ATTEMPTS):
            stub.add_response("batch_get_item", batch([], ["CP-1"]))

        with pytest.raises(TableThrottledError, match="ChargePointTable: 1 items"):
            DynamoRegistry(client, Tables()).find_many(["CP-1"])


def test_a_transaction_others_keep_changing_is_left_to_the_queue(client: "DynamoDBClient") -> None:
    with Stubber(client) as stub:
        for _ in range(dynamodb.ATTEMPTS):
            stub.add_response("get_item", {})
            stub.add_response("query", {"Items": []})  # signed meter values
            stub.add_response("query", {"Items": []})  # the last event
            reasons = {"CancellationReasons": [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}]}
            stub.add_client_error("transact_write_items", "TransactionCanceledException", modeled_fields=reasons)

        with pytest.raises(RowChangedError, match="CP-1: transaction 7"):
            DynamoTransactions(client, Tables()).finish(Transaction("CP-1", "7", V16, ended_at=NOON))


def test_ids_end_where_charge_points_can_not_follow(client: "DynamoDBClient") -> None:
    last = {"Attributes": {"lastId": {"N": str(MAX_TRANSACTION_ID + 16)}}}  # they are taken sixteen at a time
    with Stubber(client) as stub:
        stub.add_response("get_item", {})
        stub.add_response("update_item", last)

        with pytest.raises(IdsUsedUpError, match="2147483648"):
            DynamoTransactions(client, Tables()).begin(Transaction("CP-1", "", V16, started_at=NOON))


def test_tables_may_have_other_names() -> None:
    tables = dynamodb.tables({"OCPPGW_COMMAND_TABLE": "Commands-blue", "OCPPGW_REPORT_TABLE": ""})

    assert tables == replace(Tables(), commands="Commands-blue")


@pytest.mark.e2e
def test_an_event_stored_by_who_died_before_adding_it_up_is_added_up(
    dynamodb_client: "DynamoDBClient", tables: Tables
) -> None:
    store = DynamoTransactions(dynamodb_client, tables)
    about = Transaction("CP-crash", "T-1", V201, started_at=NOON)
    event = TransactionEvent(0, "Started", "Authorized", NOON, False, about, {"seqNo": 0})
    store.record(event)
    summary = {"chargePointId": attribute("CP-crash"), "transactionId": attribute("T-1")}
    dynamodb_client.delete_item(TableName=tables.transactions, Key=summary)

    again = store.record(event)

    assert again == replace(about, event_numbers="0")
    assert store.find("CP-crash", "T-1") == again


@pytest.mark.e2e
def test_events_are_kept_as_they_came_in_their_order(dynamodb_client: "DynamoDBClient", tables: Tables) -> None:
    store = DynamoTransactions(dynamodb_client, tables)
    for seq_no in (10, 9, 9):
        about = Transaction("CP-events", "T#1", V201)
        store.record(TransactionEvent(seq_no, "Updated", "Trigger", NOON, True, about, {"z": 1.5, "seqNo": seq_no}))

    found = dynamodb_client.query(
        TableName=tables.transactions,
        KeyConditionExpression="chargePointId = :its AND begins_with(transactionId, :event)",
        ExpressionAttributeValues={":its": {"S": "CP-events"}, ":event": {"S": "T%231#event#"}},
    )["Items"]

    assert [item["payload"] for item in found] == [{"S": '{"z":1.5,"seqNo":9}'}, {"S": '{"z":1.5,"seqNo":10}'}]
    assert found[0]["offline"] == {"BOOL": True}


@pytest.mark.e2e
def test_only_connected_charge_points_are_in_the_index(dynamodb_client: "DynamoDBClient", tables: Tables) -> None:
    registry = DynamoRegistry(dynamodb_client, tables)
    registry.add(ChargePoint("CP-index"))
    registry.connect("CP-index", Connection(V16, "gw-index", 0, 5, NOON), 0)
    request: Any = {
        "TableName": tables.charge_points,
        "IndexName": "byGatewayLink",
        "KeyConditionExpression": "gatewayLink = :link",
        "ExpressionAttributeValues": {":link": {"S": "gw-index#0"}},
    }
    while_connected = dynamodb_client.query(**request)["Count"]

    registry.disconnected("CP-index", 5, NOON)

    assert (while_connected, dynamodb_client.query(**request)["Count"]) == (1, 0)


@pytest.mark.e2e
def test_a_start_that_keeps_coming_again_costs_two_reads(aws: AWS) -> None:
    client = aws.client("dynamodb")
    create_tables(client)
    store = DynamoTransactions(client, Tables())
    start = Transaction("CP-AGAIN", "", V16, connector="1", id_token="ABC", started_at=NOON, meter_start_wh=10)
    begun = [store.begin(start), store.begin(start)]
    calls: list[str] = []
    client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))

    begun.append(store.begin(start))

    assert begun == [begun[0]] * 3
    assert calls == ["GetItem", "GetItem"]


@pytest.mark.e2e
def test_a_gateway_that_is_gone_costs_each_charge_point_a_read_a_query_and_a_transaction(
    aws: AWS, tables: Tables
) -> None:
    client = aws.client("dynamodb")
    registry = DynamoRegistry(client, tables)
    gateway, ids = "gw-that-died", [f"gone-{number}" for number in range(3)]
    for charge_point_id in ids:
        registry.add(ChargePoint(charge_point_id))
        registry.connect(charge_point_id, Connection(V16, gateway, 1, 5, NOON), 0)

    calls: list[str] = []
    client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    links = registry.links_of(gateway)
    rows = [row for link in range(links) for row in registry.connected_to(gateway, link)]
    of_links = [*calls]
    calls.clear()
    for row in rows:
        registry.disconnected(row.charge_point_id, 5, NOON)

    assert len(rows) == 3
    assert of_links == ["GetItem", "Query", "Query", "BatchGetItem"]  # the lease, two links, the rows of one
    assert calls == ["GetItem", "Query", "TransactWriteItems"] * 3
