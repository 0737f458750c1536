"""The committed CloudFormation template says what the wire contract says, and is what the CDK code makes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.synthesised import Template

TEMPLATE = Path(__file__).parents[2] / "infra" / "template.json"
QUEUES = (
    "IncomingMessagesQueue",
    "DisconnectedChargePoints",
    "CreatedThings",
    "DeletedThings",
    "ShadowRepairs",
    "FramesToArchive",
    "StationTelemetry",
    "JobSteps",
)
LANES = tuple(f"Webhooks{number}" for number in range(1, 5))


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return dict(json.loads(TEMPLATE.read_text(encoding="utf-8")))


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    resources = template["Resources"].items()
    return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}


def rules(template: dict[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """SQL and queues of each rule."""
    found = {}
    for rule in of_type(template, "AWS::IoT::TopicRule").values():
        payload = rule["TopicRulePayload"]
        queues = [action["Sqs"]["QueueUrl"]["Ref"] for action in payload["Actions"]]
        found[rule["RuleName"]] = (payload["Sql"], queues)
    return found


def statements(template: dict[str, Any], function: str) -> list[dict[str, Any]]:
    role = template["Resources"][function]["Properties"]["Role"]["Fn::GetAtt"][0]
    policies = template["Resources"][role]["Properties"]["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def test_a_frame_goes_to_the_queue_with_what_the_wire_contract_promises(template: dict[str, Any]) -> None:
    sql, queues = rules(template)["IncomingFrames"]

    assert queues == ["IncomingMessagesQueue", "FramesToArchive"]
    assert sql == (
        "SELECT * AS message, topic(1) AS chargePointId, timestamp() AS receivedAt, "
        "get(get_user_properties('epoch'),0) AS epoch, get(get_user_properties('ocpp'),0) AS ocpp, "
        "get(get_user_properties('traceparent'),0) AS traceparent FROM '+/in'"
    )


def test_a_disconnect_goes_to_both_queues_and_the_other_events_to_one(template: dict[str, Any]) -> None:
    found = rules(template)

    assert found["GatewayConnected"] == ("SELECT * FROM 'gateways/+/connected'", ["IncomingMessagesQueue"])
    both = ["IncomingMessagesQueue", "DisconnectedChargePoints"]
    assert found["GatewayDisconnected"] == ("SELECT * FROM 'gateways/+/disconnected'", both)
    assert found["GatewayRefused"] == ("SELECT * FROM 'gateways/+/refused'", ["IncomingMessagesQueue"])
    assert found["GatewayDown"] == ("SELECT * FROM 'gateways/+/down'", ["DisconnectedChargePoints"])
    assert found["ThingCreated"] == ("SELECT * FROM '$aws/events/thing/+/created'", ["CreatedThings"])
    assert found["ThingDeleted"] == ("SELECT * FROM '$aws/events/thing/+/deleted'", ["DeletedThings"])


def test_no_rule_loses_a_message_when_its_queue_does_not_take_it(template: dict[str, Any]) -> None:
    for rule in of_type(template, "AWS::IoT::TopicRule").values():
        payload = rule["TopicRulePayload"]

        assert payload["ErrorAction"]["Sqs"]["QueueUrl"] == {"Ref": "RuleErrors"}
        assert payload["AwsIotSqlVersion"] == "2016-03-23"
        assert payload["RuleDisabled"] is False


def test_every_queue_has_its_name_encryption_and_dead_letters(template: dict[str, Any]) -> None:
    queues = of_type(template, "AWS::SQS::Queue")

    for name in QUEUES:
        dead_letters = queues[name]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        assert dead_letters == f"{name}DeadLetters"
        assert queues[name]["RedrivePolicy"]["maxReceiveCount"] == 5
        assert queues[dead_letters]["MessageRetentionPeriod"] == 14 * 86_400
    assert all(queue["QueueName"].removesuffix(".fifo") == name for name, queue in queues.items())
    assert all(queue["SqsManagedSseEnabled"] for queue in queues.values())
    assert set(queues) == {*QUEUES, *(f"{name}DeadLetters" for name in (*QUEUES, *LANES)), *LANES, "RuleErrors"}


def test_the_lanes_of_webhooks_keep_their_order_and_a_message_for_a_day(template: dict[str, Any]) -> None:
    queues = of_type(template, "AWS::SQS::Queue")

    for name in LANES:
        assert queues[name]["FifoQueue"] and queues[f"{name}DeadLetters"]["FifoQueue"]
        assert queues[name]["RedrivePolicy"]["maxReceiveCount"] == 1_000
        assert queues[name]["MessageRetentionPeriod"] > 86_400


def test_only_disconnects_are_delayed_by_a_minute(template: dict[str, Any]) -> None:
    queues = of_type(template, "AWS::SQS::Queue")

    delays = {name: queue["DelaySeconds"] for name, queue in queues.items() if "DelaySeconds" in queue}

    assert delays == {"DisconnectedChargePoints": {"Ref": "DisconnectDelaySeconds"}}
    assert template["Parameters"]["DisconnectDelaySeconds"]["Default"] == 60


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("ChargePointTable", ["chargePointId"]),
        ("TransactionTable", ["chargePointId", "transactionId"]),
        ("CommandTable", ["commandId"]),
        ("IdTokenTable", ["idToken"]),
        ("ReportTable", ["chargePointId", "reportKey"]),
        ("LatestSampleTable", ["chargePointId", "connector"]),
        ("StationTable", ["stationId"]),
        ("JobTable", ["jobId", "part"]),
    ],
)
def test_tables_keep_their_names_and_keys_and_outlive_the_stack(
    template: dict[str, Any], table: str, key: list[str]
) -> None:
    resource = template["Resources"][table]

    assert resource["Properties"]["TableName"] == table
    assert [attribute["AttributeName"] for attribute in resource["Properties"]["KeySchema"]] == key
    assert resource["DeletionPolicy"] == "Retain"
    assert resource["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]


def test_the_archive_is_private_outlives_the_stack_goes_to_glacier_and_expires(template: dict[str, Any]) -> None:
    bucket = template["Resources"]["ArchiveBucket"]

    whole, *folders = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert whole["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in folders}
    assert expiring == {"frames/": 30, "samples/": 3_653, "telemetry/": 3_653}
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["DeletionPolicy"] == "Retain"


def test_the_indexes_are_those_that_are_walked(template: dict[str, Any]) -> None:
    indexes = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for table in of_type(template, "AWS::DynamoDB::Table").values()
        for index in table.get("GlobalSecondaryIndexes", [])
    }

    assert indexes == {
        "byGatewayLink": ["gatewayLink", "chargePointId"],
        "byPartner": ["partner", "chargePointId"],
        "byKind": ["kind", "chargePointId"],
        "byOwner": ["owner", "idToken"],
        "byTime": ["chargePointId", "listedAt"],
        "byToken": ["tokenKey", "listedAt"],
        "byOpen": ["openKey", "listedAt"],
        "byEnd": ["endedKey", "listedAt"],
        "byOpenOfPartner": ["openOfPartner", "listedAt"],
        "byChargePoint": ["chargePointId", "createdAt"],
        "allStations": ["kind", "stationId"],
        "newest": ["kind", "createdAt"],
    }


def test_what_expires_is_all_but_id_tokens_tariffs_and_what_is_replaced(template: dict[str, Any]) -> None:
    tables = of_type(template, "AWS::DynamoDB::Table")

    expiring = {name for name, table in tables.items() if "TimeToLiveSpecification" in table}

    assert expiring == {"ChargePointTable", "CommandTable", "EventTable", "JobTable", "ReportTable", "TransactionTable"}
    assert {tables[name]["TimeToLiveSpecification"]["AttributeName"] for name in expiring} == {"expiresAt"}


def test_each_queue_feeds_its_function_and_takes_failed_records_back(template: dict[str, Any]) -> None:
    mappings = of_queues(template)

    fed = {mapping["EventSourceArn"]["Fn::GetAtt"][0]: mapping["FunctionName"]["Ref"] for mapping in mappings}

    others = {
        "FramesToArchive": "TelemetryFunction",
        "StationTelemetry": "TelemetryFunction",
        "JobSteps": "JobsFunction",
    } | dict.fromkeys(LANES, "WebhooksFunction")
    expected = dict.fromkeys(QUEUES, "HousekeepingFunction") | {"IncomingMessagesQueue": "MessagesFunction"}
    assert fed == expected | others
    assert all(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for mapping in mappings)


def of_queues(template: dict[str, Any]) -> list[dict[str, Any]]:
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping")
    return [mapping for name, mapping in mappings.items() if name != "EventsMapping"]


def test_stored_events_are_relayed_from_the_beginning_and_until_they_are(template: dict[str, Any]) -> None:
    mapping = of_type(template, "AWS::Lambda::EventSourceMapping")["EventsMapping"]

    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["EventTable", "StreamArn"]}
    assert mapping["FunctionName"] == {"Ref": "EventsFunction"}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert not mapping.keys() & {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds"}


def test_a_batch_that_times_out_is_not_delivered_twice(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Lambda::Function")
    queues = of_type(template, "AWS::SQS::Queue")

    for mapping in of_queues(template):
        timeout = functions[mapping["FunctionName"]["Ref"]]["Timeout"]
        window = mapping.get("MaximumBatchingWindowInSeconds", 0)
        assert queues[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["VisibilityTimeout"] >= 6 * timeout + window


def test_functions_run_our_handlers_from_the_code_given_as_parameters(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Lambda::Function")

    handlers = {name: function["Handler"] for name, function in functions.items()}

    assert handlers == {
        "MessagesFunction": "processors.lambda_handler.handler",
        "HousekeepingFunction": "processors.lambda_handler.handler",
        "CommandsFunction": "remote_commands.lambda_handler.handler",
        "CommandReadsFunction": "remote_commands.lambda_handler.reads",
        "FleetFunction": "fleet.lambda_handler.handler",
        "EventsFunction": "events.lambda_handler.relay",
        "WebhooksFunction": "events.lambda_handler.deliver",
        "TelemetryFunction": "telemetry.lambda_handler.handler",
        "TelemetryApiFunction": "telemetry.lambda_handler.api",
        "JobsFunction": "remote_commands.lambda_handler.work",
    }
    for function in functions.values():
        assert function["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}
        assert (function["Architectures"], function["Runtime"]) == (["arm64"], "python3.13")


def test_only_signed_requests_reach_the_functions(template: dict[str, Any]) -> None:
    urls = of_type(template, "AWS::Lambda::Url")

    expected = dict.fromkeys(("CommandsUrl", "CommandReadsUrl", "FleetUrl", "TelemetryUrl"), "AWS_IAM")
    assert {name: url["AuthType"] for name, url in urls.items()} == expected
    assert not of_type(template, "AWS::Lambda::Permission")


@pytest.mark.parametrize(
    "function",
    [
        "MessagesFunction",
        "HousekeepingFunction",
        "CommandsFunction",
        "CommandReadsFunction",
        "FleetFunction",
        "EventsFunction",
        "WebhooksFunction",
        "TelemetryFunction",
        "JobsFunction",
    ],
)
def test_no_function_may_do_everything_anywhere(template: dict[str, Any], function: str) -> None:
    for statement in statements(template, function):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]

        assert not any("*" in action for action in actions)
        assert statement["Resource"] != "*"
        assert "dynamodb:Scan" not in actions


def test_the_command_api_changes_no_table_but_its_own_and_tells_of_it(template: dict[str, Any]) -> None:
    written = {
        str(resource)
        for statement in statements(template, "CommandsFunction")
        if "dynamodb:PutItem" in statement["Action"]
        for resource in statement["Resource"]
    }

    assert written
    its_own = ("CommandTable", "JobTable", "EventTable")
    assert all(any(table in resource for table in its_own) for resource in written)


def test_the_function_of_reads_writes_only_that_a_command_s_time_is_over(template: dict[str, Any]) -> None:
    allowed = {
        (action, *re.findall(r"\w+Table", str(resource)))
        for statement in statements(template, "CommandReadsFunction")
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        for resource in ([statement["Resource"]] if isinstance(statement["Resource"], dict) else statement["Resource"])
    }

    reading = (
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    )
    assert {each for each in allowed if each[0] not in reading} == {
        ("dynamodb:UpdateItem", "CommandTable"), ("dynamodb:PutItem", "EventTable"),
    }  # fmt: skip


def test_the_template_is_small_enough_for_cloudformation() -> None:
    # From S3, as it is deployed; a request would hold 51,200 bytes.
    assert TEMPLATE.stat().st_size < 1_000_000


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_committed_template_is_what_the_code_makes(synthesised: dict[str, Template]) -> None:
    made = synthesised["local"].path.read_text(encoding="utf-8")

    assert made == TEMPLATE.read_text(encoding="utf-8"), "run `make synth` and commit it"
