"""What the stack promises, a line each, on templates for production; what takes more words is in test_production.py."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.infra.synthesised import Template, container, environment
from tests.infra.test_alarms import told
from tests.infra.test_gateway_service import listeners, target_ports
from tests.infra.test_production import statements

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ELB, IOT = "AWS::ElasticLoadBalancingV2", "AWS::IoT"


def of(template: Template, kind: str) -> list[dict[str, Any]]:
    return list(template.of_type(kind).values())


def kept(template: Template, kind: str) -> bool:
    resources = [each for each in template.body["Resources"].values() if each["Type"] == kind]
    return bool(resources) and all(each["DeletionPolicy"] == "Retain" for each in resources)


def alarms(template: Template, kind: str) -> int:
    return sum(each["AlarmName"].split()[1] == kind for each in told(template).values())


def attributes(group: dict[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}


def ours(template: Template) -> list[dict[str, Any]]:
    return [each for each in of(template, "AWS::Lambda::Function") if "S3Bucket" in each["Code"]]


def of_queues(template: Template) -> list[dict[str, Any]]:
    return [each for each in of(template, "AWS::Lambda::EventSourceMapping") if "StartingPosition" not in each]


def rules(template: Template) -> list[dict[str, Any]]:
    return [each["TopicRulePayload"] for each in of(template, f"{IOT}::TopicRule")]


def service(template: Template) -> dict[str, Any]:
    return next(each for each in of(template, "AWS::ECS::Service") if "LoadBalancers" in each)


def metrics_of_scaling(template: Template) -> set[str]:
    text = json.dumps(of(template, "AWS::ApplicationAutoScaling::ScalingPolicy"))
    return {name for name in ("AverageCPUUtilization", "AverageMemoryUtilization", "Connections") if name in text}


def an_alarm_for(kind: str) -> Callable[[Template], object]:
    return lambda template: alarms(template, kind)


PROMISES: dict[str, Callable[[Template], object]] = {
    # Network
    "a VPC 10.0.0.0/16": lambda t: t.only("AWS::EC2::VPC")["CidrBlock"] == "10.0.0.0/16",
    "public and private subnets in two or three zones": lambda t: len(of(t, "AWS::EC2::Subnet")) in (4, 6),
    "tasks without public addresses behind NAT or endpoints": lambda t: (
        service(t)["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    ),
    "ingress to tasks from the load balancer only": lambda t: all(
        "SourceSecurityGroupId" in each for each in of(t, "AWS::EC2::SecurityGroupIngress")
    ),
    # Data
    "tables with point-in-time recovery": lambda t: all(
        each["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] for each in of(t, "AWS::DynamoDB::Table")
    ),
    "tables on demand": lambda t: all(
        each["BillingMode"] == "PAY_PER_REQUEST" for each in of(t, "AWS::DynamoDB::Table")
    ),
    # No SSESpecification is the key that AWS owns: encrypted at rest, at no charge.
    "tables encrypted": lambda t: all(
        each.get("SSESpecification", {"SSEEnabled": True})["SSEEnabled"] for each in of(t, "AWS::DynamoDB::Table")
    ),
    "what expires has a TTL": lambda t: (
        t.of_type("AWS::DynamoDB::Table")["CommandTable"]["TimeToLiveSpecification"]["Enabled"]
    ),
    "tables kept on delete": lambda t: kept(t, "AWS::DynamoDB::Table"),
    "the archive kept, private, encrypted": lambda t: (
        kept(t, "AWS::S3::Bucket")
        and set(t.only("AWS::S3::Bucket")["PublicAccessBlockConfiguration"].values()) == {True}
        and "BucketEncryption" in t.only("AWS::S3::Bucket")
    ),
    "the archive to Glacier": lambda t: (
        "GLACIER" in json.dumps(t.only("AWS::S3::Bucket")["LifecycleConfiguration"])
    ),
    # Messaging
    "rules with error actions": lambda t: all("Sqs" in each["ErrorAction"] for each in rules(t)),
    "queues with SSE": lambda t: all(each["SqsManagedSseEnabled"] for each in of(t, "AWS::SQS::Queue")),
    "queues by TLS only": lambda t: len(of(t, "AWS::SQS::QueuePolicy")) == len(of(t, "AWS::SQS::Queue")),
    "an alarm for every queue of dead letters": lambda t: (
        alarms(t, "dead-letters")
        == 1 + sum("RedrivePolicy" in queue for queue in of(t, "AWS::SQS::Queue"))
    ),
    "only gateways publish on +/in and subscribe to +/out": lambda t: [
        name for name, each in t.of_type(f"{IOT}::Policy").items() if ":topic/*/in" in json.dumps(each)
    ] == ["GatewayPolicy"],
    "certificates of charge points carry no policy": lambda t: len(of(t, f"{IOT}::PolicyPrincipalAttachment")) == 1,
    "thing events switched on": lambda t: len(of(t, "Custom::ThingEvents")) == 1,
    # Processing
    "functions on arm64": lambda t: all(each["Architectures"] == ["arm64"] for each in of(t, "AWS::Lambda::Function")),
    "partial failures": lambda t: all(
        each["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for each in of_queues(t)
    ),
    "maximum concurrency": lambda t: all(
        each["ScalingConfig"]["MaximumConcurrency"] >= 2 for each in of_queues(t)
    ),
    "Function URLs of AWS_IAM": lambda t: {each["AuthType"] for each in of(t, "AWS::Lambda::Url")} == {"AWS_IAM"},
    "log retention": lambda t: all(each["RetentionInDays"] for each in of(t, "AWS::Logs::LogGroup")),
    "concurrency reserved for commands and for reads": lambda t: all(
        t.of_type("AWS::Lambda::Function")[name]["ReservedConcurrentExecutions"]
        for name in ("CommandsFunction", "CommandReadsFunction", "FleetFunction", "TelemetryApiFunction")
    ),
    # Gateways
    "Fargate on arm64": lambda t: all(
        each["RuntimePlatform"]["CpuArchitecture"] == "ARM64" for each in of(t, "AWS::ECS::TaskDefinition")
    ),
    "nofile 1,048,576": lambda t: container(t)["Ulimits"][0]["HardLimit"] == 1_048_576,
    "PROXY v2 at two target ports": lambda t: (
        {9000, 9002} <= target_ports(t)
        and {attributes(each)["proxy_protocol_v2.enabled"] for each in of(t, f"{ELB}::TargetGroup")} == {"true"}
    ),
    "an own domain": lambda t: "ocpp.example.com." in {str(each["Name"]) for each in of(t, "AWS::Route53::RecordSet")},
    "wss": lambda t: 443 in listeners(t),
    "health checks on /readyz": lambda t: {
        each["HealthCheckPath"] for each in of(t, f"{ELB}::TargetGroup")
    } == {"/readyz"},
    "a stop time-out of 120 s": lambda t: container(t)["StopTimeout"] == 120,
    "deregistration as long as a drain": lambda t: all(
        int(attributes(each)["deregistration_delay.timeout_seconds"]) >= 120 for each in of(t, f"{ELB}::TargetGroup")
    ),
    "rolling deploys at 100 % minimum healthy": lambda t: all(
        each["DeploymentConfiguration"]["MinimumHealthyPercent"] == 100 for each in of(t, "AWS::ECS::Service")
    ),
    "scaling from 2 to 20": lambda t: (2, 20) in {
        (each["MinCapacity"], each["MaxCapacity"]) for each in of(t, "AWS::ApplicationAutoScaling::ScalableTarget")
    },
    "scaling by CPU, memory and connections": lambda t: len(metrics_of_scaling(t)) == 3,
    "one task in per 15 minutes": lambda t: '"Cooldown": 900' in json.dumps(
        of(t, "AWS::ApplicationAutoScaling::ScalingPolicy")
    ),
    "the certificate from a secret": lambda t: "OCPPGW_MQTT_KEY" in {each["Name"] for each in container(t)["Secrets"]},
    "metrics once a minute": lambda t: environment(t)["OCPPGW_EMF_INTERVAL_S"] == "60",
    # Observability
    "a dashboard": lambda t: t.only("AWS::CloudWatch::Dashboard"),
    "a budget": lambda t: t.only("AWS::Budgets::Budget"),
    "a canary": lambda t: t.of_type("AWS::Lambda::Function")["CanaryFunction"],
    **{
        f"an alarm for {kind}": an_alarm_for(kind)
        for kind in (
            "dead-letters", "queue-age", "refused-handshakes", "links-lost", "command-timeouts", "function-errors",
            "function-duration", "function-throttles", "connections-per-task", "http-5xx", "http-latency",
            "slow-answers", "canary",
        )
    },
    "alarms tell a topic": lambda t: all(each["AlarmActions"] for each in told(t).values()),
    # All of it
    "no * in any action": lambda t: "*" not in "".join(
        action for _, statement in statements(t) for action in many(statement["Action"])
    ),
    "less than 500 resources": lambda t: len(t.body["Resources"]) < 500,
}  # fmt: skip


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("way", ["passthrough", "balanced"])
@pytest.mark.parametrize("promise", PROMISES)
def test_what_is_promised_is_in_the_template(promise: str, way: str, synthesised: dict[str, Template]) -> None:
    assert PROMISES[promise](synthesised[way]), f"{promise}: not in {way}"
