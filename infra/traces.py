"""Where programs send spans, and what that takes."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from domain.tracing import ENDPOINT
from infra.messaging import allow
from infra.nag import answer_for
from infra.options import Options

XRAY = "xray"
# X-Ray's own of an invocation, and spans by OTLP, as in AWS's policy AWSXrayWriteOnlyPolicy.
_SEGMENTS = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
_SPANS = ["xray:PutSpans", "xray:PutSpansForIndexing"]


def settings(options: Options) -> dict[str, str]:
    """Environment variables."""
    if options.spans == "off":
        return {}
    of_aws = f"https://xray.{Aws.REGION}.amazonaws.com/v1/traces"
    return {ENDPOINT: of_aws if options.spans == XRAY else options.spans}


def permissions(options: Options) -> list[iam.PolicyStatement]:
    """What a program may that sends spans; a function that is in X-Ray may the same."""
    if not options.tracing:
        return []
    return [allow([*_SEGMENTS, *(_SPANS if options.spans == XRAY else [])], ["*"])]


def answer(role: Construct, options: Options) -> None:
    """Say why its permissions name no resource."""
    if options.tracing:
        answer_for(role, "AwsSolutions-IAM5[Resource::*]", "X-Ray knows no resources")
