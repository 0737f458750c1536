"""The whole stack, with network, gateways and alarms: each promise, in each way it can be deployed.

That cdk-nag has nothing to say needs no test of its own: nothing is synthesised otherwise.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.tracing import ENDPOINT
from infra.local.cloud import running
from infra.local.function_urls import ROUTES
from tests.infra.synthesised import WAYS, Template, container, environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
X_RAY = ("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:PutSpans", "xray:PutSpansForIndexing")


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every role and policy, with the resource it belongs to."""
    for kind in ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for name, properties in template.of_type(kind).items():
            inline = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            own = [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
            for document in [*inline, *own]:
                for statement in document["Statement"]:
                    yield name, statement


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_who_makes_passwords_has_the_pepper_of_the_gateways_and_the_type_of_things(
    dev: Template, passthrough: Template
) -> None:
    (pepper,) = (name for name in dev.of_type("AWS::SecretsManager::Secret") if "Pepper" in name)
    variables = dev.of_type("AWS::Lambda::Function")["FleetFunction"]["Environment"]["Variables"]
    of_gateways = {each["Name"]: each["ValueFrom"] for each in container(dev)["Secrets"]}

    assert variables["OCPPGW_PEPPER_SECRET"] == of_gateways["OCPPGW_PEPPER"] == {"Ref": pepper}
    assert variables["OCPPGW_THING_TYPE"] == "ocpp-charge-point"
    functions = passthrough.of_type("AWS::Lambda::Function")
    assert functions["FleetFunction"]["Environment"]["Variables"]["OCPPGW_THING_TYPE"] == ""


def test_who_signs_may_read_its_secret_or_issue_certificates_for_clients_and_nothing_else(
    dev: Template, passthrough: Template, balanced: Template
) -> None:
    def told(template: Template, name: str) -> tuple[Any, Any]:
        variables = template.of_type("AWS::Lambda::Function")[name]["Environment"]["Variables"]
        return variables.get("OCPPGW_SIGNER"), variables.get("OCPPGW_CONTRACT_ROOTS")

    authority, roots = told(passthrough, "MessagesFunction")
    secret, _ = told(balanced, "MessagesFunction")

    assert told(dev, "MessagesFunction") == told(dev, "FleetFunction") == (None, None)
    assert told(passthrough, "FleetFunction") == (authority, None)
    assert told(balanced, "FleetFunction") == (secret, None)
    of_worker = {each["Name"]: each["Value"] for each in container(passthrough, "worker")["Environment"]}
    assert (of_worker["OCPPGW_SIGNER"], of_worker["OCPPGW_CONTRACT_ROOTS"]) == (authority, roots)
    assert of_worker["OCPPGW_OCSP_RESPONDERS"] == '["http://ocsp.example/"]'
    may = [json.dumps(statement) for _, statement in statements(passthrough) if "acm-pca" in json.dumps(statement)]
    assert {json.loads(one)["Resource"] for one in may} == {authority}
    assert all("EndEntityClientAuthCertificate/V1" in one for one in may if "IssueCertificate" in one)
    assert "acm-pca" not in json.dumps(balanced.body) + json.dumps(dev.body)
    assert secret in json.dumps([one for _, one in statements(balanced) if "GetSecretValue" in json.dumps(one)])


def test_the_emulator_s_template_is_part_of_every_other(synthesised: dict[str, Template]) -> None:
    local = synthesised["local"].body["Resources"]
    for name in WAYS:
        resources = synthesised[name].body["Resources"]

        assert set(local) <= set(resources)
        assert {kind["Type"] for kind in resources.values()} > {kind["Type"] for kind in local.values()}


def test_cfn_lint_finds_nothing(synthesised: dict[str, Template]) -> None:
    paths = [str(template.path) for template in synthesised.values()]
    command = [str(Path(sys.executable).with_name("cfn-lint")), *paths]
    found = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (found.stdout, found.returncode) == ("", 0)


def test_nobody_may_do_everything_and_two_actions_know_no_resources(template: Template) -> None:
    everywhere = set()
    for _, statement in statements(template):
        assert statement["Effect"] == "Allow"
        assert not [action for action in many(statement["Action"]) if "*" in action]
        if "*" in many(statement["Resource"]):
            everywhere |= set(many(statement["Action"]))

    assert everywhere <= {"ecr:GetAuthorizationToken", "iot:UpdateEventConfigurations", *X_RAY}


def test_only_gateways_publish_frames_and_hear_what_charge_points_are_told(template: Template) -> None:
    policies = template.of_type("AWS::IoT::Policy")
    gateways = policies.pop("GatewayPolicy")["PolicyDocument"]["Statement"]
    may = {many(each["Action"])[0]: json.dumps(each["Resource"]) for each in gateways}

    assert not re.search(r'/(in|out)"', json.dumps(policies))
    assert set(may) == {"iot:Connect", "iot:Publish", "iot:Subscribe", "iot:Receive"}
    assert ":client/gw-*" in may["iot:Connect"]
    assert ":topic/*/in" in may["iot:Publish"]
    assert "/out" not in may["iot:Publish"]
    assert ":topicfilter/*/out" in may["iot:Subscribe"]
    assert "/in" not in may["iot:Subscribe"] + may["iot:Receive"]
    (attached,) = template.of_type("AWS::IoT::PolicyPrincipalAttachment").values()
    assert attached["Principal"] == {"Ref": "GatewayCertificateArn"}


def test_every_queue_is_encrypted_speaks_tls_and_has_dead_letters_with_an_alarm(template: Template) -> None:
    queues = template.of_type("AWS::SQS::Queue")
    dead = {queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for queue in queues.values() if
            "RedrivePolicy" in queue}  # fmt: skip
    tls_only = {
        each["Ref"] for policy in template.of_type("AWS::SQS::QueuePolicy").values() for each in policy["Queues"]
    }
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    }

    assert set(queues) == {name for name, queue in queues.items() if "RedrivePolicy" in queue} | dead | {"RuleErrors"}
    assert watched == dead | {"RuleErrors"}
    assert tls_only == set(queues)
    assert all(queue["SqsManagedSseEnabled"] for queue in queues.values())


def test_tables_and_the_archive_are_kept_and_tables_can_go_back_in_time(template: Template) -> None:
    for kind in ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"):
        for name in template.of_type(kind):
            assert template.body["Resources"][name]["DeletionPolicy"] == "Retain", name
    recovery = [
        table["PointInTimeRecoverySpecification"] for table in template.of_type("AWS::DynamoDB::Table").values()
    ]
    assert all(each["PointInTimeRecoveryEnabled"] for each in recovery)


def test_options_say_how_long_what_is_kept(dev: Template, passthrough: Template) -> None:
    table = passthrough.of_type("AWS::DynamoDB::Table")["ChargePointTable"]
    assert table["PointInTimeRecoverySpecification"]["RecoveryPeriodInDays"] == 7
    rules = passthrough.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert [rule["Transitions"][0]["TransitionInDays"] for rule in rules if "Transitions" in rule] == [30]
    for template, days in ((dev, 7), (passthrough, 30)):
        assert {log["RetentionInDays"] for log in template.of_type("AWS::Logs::LogGroup").values()} == {days}


def test_no_index_holds_what_a_connect_writes_but_the_sparse_one(template: Template) -> None:
    for table in template.of_type("AWS::DynamoDB::Table").values():
        for index in table.get("GlobalSecondaryIndexes", []):
            keys = {key["AttributeName"] for key in index["KeySchema"]}
            written_at_connect = {
                "gateway",
                "link",
                "epoch",
                "connectedAt",
                "disconnectedAt",
                "ocppVersion",
                "lastSeen",
            }

            assert not keys & written_at_connect
            assert ("gatewayLink" in keys) == (index["IndexName"] == "byGatewayLink")


def test_thing_events_are_switched_on_and_never_off(dev: Template, tmp_path: Path) -> None:
    (switch,) = [each for each in dev.body["Resources"].values() if each["Type"] == "Custom::ThingEvents"]
    function = dev.of_type("AWS::Lambda::Function")[switch["Properties"]["ServiceToken"]["Fn::GetAtt"][0]]
    (tmp_path / "switch.py").write_text(function["Code"]["ZipFile"])
    # On AWS it comes with the runtime, and tells CloudFormation.
    says = "SUCCESS, FAILED = 'SUCCESS', 'FAILED'\ndef send(event, context, status, *_, **__): print(status)\n"
    (tmp_path / "cfnresponse.py").write_text(says)

    with running(tmp_path / "aws") as aws:

        def told(request: str) -> tuple[str, bool]:
            code = f"import switch; switch.handler({{'RequestType': '{request}'}}, None)"
            run = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path,
                env=aws.environment(),
            )  # fmt: skip
            events = aws.client("iot").describe_event_configurations()["eventConfigurations"]
            return run.stdout.strip(), bool(events.get("THING", {}).get("Enabled"))

        assert told("Create") == ("SUCCESS", True)
        assert told("Delete") == ("SUCCESS", True)


def test_only_things_of_the_type_become_charge_points_unless_switched_off(dev: Template, passthrough: Template) -> None:
    def sql(template: Template) -> str:
        return str(template.of_type("AWS::IoT::TopicRule")["ThingCreatedRule"]["TopicRulePayload"]["Sql"])

    assert sql(dev).endswith(" WHERE thingTypeName = 'ocpp-charge-point'")
    assert dev.only("AWS::IoT::ThingType")["ThingTypeName"] == "ocpp-charge-point"
    assert "WHERE" not in sql(passthrough)
    assert not passthrough.of_type("AWS::IoT::ThingType")


def test_basic_ingest_is_a_switch_of_setting_and_permission(dev: Template, passthrough: Template) -> None:
    assert environment(dev)["OCPPGW_BASIC_INGEST"] == "IncomingFrames"
    assert ":topic/$aws/rules/IncomingFrames/*/in" in json.dumps(dev.of_type("AWS::IoT::Policy"))
    assert ":topicfilter/gateways/all/watch" in json.dumps(dev.of_type("AWS::IoT::Policy"))
    assert "OCPPGW_BASIC_INGEST" not in environment(passthrough)
    assert "$aws/rules" not in json.dumps(passthrough.of_type("AWS::IoT::Policy"))


def test_functions_are_arm64_and_report_what_failed_of_a_batch(template: Template) -> None:
    for function in template.of_type("AWS::Lambda::Function").values():
        assert (function["Architectures"], function["Runtime"]) == (["arm64"], "python3.13")
        assert "LogGroup" in function["LoggingConfig"]
    mappings = template.of_type("AWS::Lambda::EventSourceMapping").values()
    for mapping in (each for each in mappings if "StartingPosition" not in each):  # a stream's batch comes again whole
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_urls_are_signed_and_operators_have_a_policy_with_both_permissions(template: Template) -> None:
    urls = template.of_type("AWS::Lambda::Url").values()
    assert {url["AuthType"] for url in urls} == {"AWS_IAM"}

    policy = template.of_type("AWS::IAM::ManagedPolicy")["OperatorPolicy"]["PolicyDocument"]["Statement"]

    assert [each["Action"] for each in policy] == ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]
    for each in policy:
        assert {json.dumps(arn) for arn in many(each["Resource"])} == {
            json.dumps(url["TargetFunctionArn"]) for url in urls
        }
    assert policy[0]["Condition"] == {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}
    assert policy[1]["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}


def test_all_of_the_http_api_has_one_name_that_takes_signed_requests_and_a_firewall(balanced: Template) -> None:
    methods = balanced.of_type("AWS::ApiGateway::Method").values()
    name = balanced.only("AWS::ApiGateway::DomainName")
    firewall = balanced.only("AWS::WAFv2::WebACLAssociation")
    parts = {name: each["PathPart"] for name, each in balanced.of_type("AWS::ApiGateway::Resource").items()}
    reached = {
        parts[each["ResourceId"]["Ref"]]: next(
            name for name in ("CommandsFunction", "CommandReadsFunction", "FleetFunction", "TelemetryApiFunction")
            if name in json.dumps(each["Integration"]["Uri"])
        )
        for each in methods
        if parts[each["ResourceId"]["Ref"]] != "{proxy+}" and each["HttpMethod"] == "ANY"
    }  # fmt: skip
    read = {
        parts[each["ResourceId"]["Ref"]]: json.dumps(each["Integration"]["Uri"])
        for each in methods
        if each["HttpMethod"] == "GET"
    }

    assert {(each["AuthorizationType"], each["Integration"]["Type"]) for each in methods} == {("AWS_IAM", "AWS_PROXY")}
    assert (name["DomainName"], name["SecurityPolicy"]) == ("api.example.com", "TLS_1_2")
    assert balanced.only("AWS::ApiGateway::RestApi")["DisableExecuteApiEndpoint"] is True
    assert firewall["WebACLArn"].endswith(":regional/webacl/ocpp/0123")
    assert "/restapis/" in json.dumps(firewall["ResourceArn"])
    assert set(ROUTES) <= set(reached)
    assert (reached["charge-points"], reached["{chargePointId}"]) == ("FleetFunction", "FleetFunction")
    assert (reached["commands"], reached["samples"]) == ("CommandsFunction", "TelemetryApiFunction")
    assert {"commands", "jobs", "openapi.json", "{proxy+}"} <= set(read)
    assert all("CommandReadsFunction" in uri for uri in read.values())


def test_spans_go_to_x_ray_and_functions_are_in_it_only_where_that_is_wanted(
    dev: Template, passthrough: Template
) -> None:
    for template, is_traced in ((dev, False), (passthrough, True)):
        functions = [each for each in template.of_type("AWS::Lambda::Function").values() if "S3Bucket" in each["Code"]]
        modes = {each.get("TracingConfig", {}).get("Mode") for each in functions}
        assert modes == ({"Active"} if is_traced else {None})
        assert environment(template).get("OCPPGW_TRACING") == ("0.01" if is_traced else None)
        told = [environment(template), *(each["Environment"]["Variables"] for each in functions)]
        assert all((json.dumps(each.get(ENDPOINT, "")).count("xray.") == 1) is is_traced for each in told)
        roles = [*template.of_type("AWS::IAM::Role").values(), *template.of_type("AWS::IAM::Policy").values()]
        may = ["xray:PutSpans" in json.dumps(each) for each in roles]
        assert sum(may) == (len(functions) + 2 if is_traced else 0)  # gateways, workers


def test_commands_that_wait_take_no_concurrency_from_others(balanced: Template) -> None:
    functions = balanced.of_type("AWS::Lambda::Function")

    reserved = {
        name: each["ReservedConcurrentExecutions"] for name, each in functions.items() if
        "ReservedConcurrentExecutions" in each
    }  # fmt: skip
    assert reserved == {
        "CanaryFunction": 1, "CommandsFunction": 50, "CommandReadsFunction": 20, "FleetFunction": 20,
        "TelemetryApiFunction": 20,
    }  # fmt: skip


def test_every_function_is_told_the_broker_and_need_not_ask_for_it(dev: Template) -> None:
    functions = [each for each in dev.of_type("AWS::Lambda::Function").values() if "S3Bucket" in each["Code"]]

    endpoints = [each["Environment"]["Variables"].get("OCPPGW_IOT_ENDPOINT") for each in functions]
    assert functions
    assert all(endpoint == {"Ref": "IotEndpoint"} for endpoint in endpoints)
    assert "iot:DescribeEndpoint" not in json.dumps(dev.of_type("AWS::IAM::Role"))


def test_workers_take_the_place_of_the_functions_that_queues_feed(dev: Template, passthrough: Template) -> None:
    def fed(template: Template) -> dict[str, bool]:
        mappings = template.of_type("AWS::Lambda::EventSourceMapping").values()
        return {each["EventSourceArn"]["Fn::GetAtt"][0]: each.get("Enabled", True) for each in mappings}

    assert fed(dev)["IncomingMessagesQueue"]
    assert not fed(passthrough)["IncomingMessagesQueue"]
    assert container(passthrough, "worker")["Command"] == ["worker"]


def test_cloudformation_takes_it(template: Template) -> None:
    assert len(template.path.read_bytes()) < 1_000_000
    assert len(template.body["Resources"]) < 500


def test_how_long_data_is_kept_is_told_to_every_process_that_writes_it(passthrough: Template, dev: Template) -> None:
    told = {"OCPPGW_TRANSACTIONS_KEPT_DAYS": "400", "OCPPGW_FRAMES_KEPT_DAYS": "7"}
    functions = passthrough.of_type("AWS::Lambda::Function")
    tasks = passthrough.of_type("AWS::ECS::TaskDefinition")

    for name in ("MessagesFunction", "HousekeepingFunction", "CommandsFunction", "WebhooksFunction"):
        assert told.items() <= functions[name]["Environment"]["Variables"].items()
    for task in tasks.values():
        (container,) = task["ContainerDefinitions"]
        assert told.items() <= {each["Name"]: each["Value"] for each in container["Environment"]}.items()
    rules = passthrough.of_type("AWS::S3::Bucket")["ArchiveBucket"]["LifecycleConfiguration"]["Rules"]
    assert {rule.get("Prefix"): rule.get("ExpirationInDays") for rule in rules}["frames/"] == 7
    assert "KEPT_DAYS" not in str(dev.body)


def test_there_are_as_many_queues_for_webhooks_as_there_may_be_webhooks(passthrough: Template, dev: Template) -> None:
    def lanes(template: Template) -> int:
        names = [str(queue["QueueName"]) for queue in template.of_type("AWS::SQS::Queue").values()]
        return sum(name.startswith("Webhooks") and name.endswith(".fifo") and "Dead" not in name for name in names)

    assert (lanes(passthrough), lanes(dev)) == (5, 4)
