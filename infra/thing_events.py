"""AWS IoT tells of things that come and go only when told to, which is a setting of the account and no resource.

So a function switches it on when the stack is made. Nothing switches it off: whoever else in the account counts on
these events keeps them when the stack is deleted.
"""

from aws_cdk import CustomResource
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.logs import log_group
from infra.messaging import allow
from infra.nag import answer_for
from infra.options import Options

# `cfnresponse` is there for code that stands in a template, and tells CloudFormation how it went.
CODE = """
import boto3, cfnresponse

def handler(event, context):
    try:
        if event["RequestType"] != "Delete":
            boto3.client("iot").update_event_configurations(eventConfigurations={"THING": {"Enabled": True}})
        cfnresponse.send(event, context, cfnresponse.SUCCESS, {}, "thing-events")
    except Exception as error:  # CloudFormation waits an hour for whoever does not answer
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, "thing-events", reason=str(error))
"""


class ThingEvents(Construct):
    """Thing events, switched on."""

    def __init__(self, scope: Construct, construct_id: str, options: Options) -> None:
        super().__init__(scope, construct_id)
        log = log_group(self, "Log", options)
        # This action knows no resources.
        switch = allow(["iot:UpdateEventConfigurations"], ["*"])
        log_it = allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn])
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Permissions": iam.PolicyDocument(statements=[switch, log_it])},
        )
        function = lambda_.CfnFunction(
            self,
            "Function",
            runtime="python3.13",
            architectures=["arm64"],
            handler="index.handler",
            code=lambda_.CfnFunction.CodeProperty(zip_file=CODE.strip()),
            timeout=30,
            role=role.role_arn,
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log.log_group_name),
        )
        CustomResource(self, "Switch", service_token=function.attr_arn, resource_type="Custom::ThingEvents")
        answer_for(role, "AwsSolutions-IAM5[Resource::*]", "iot:UpdateEventConfigurations knows no resources")
