"""The canary: a function that a schedule calls every minute, what it may do, and its password."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.gateway import Gateways
from infra.messaging import allow
from infra.nag import answer_for
from infra.processing import Processing

IDENTITY = "ocppgw-canary"
TIMEOUT_S = 55  # less than a minute: rounds don't meet


class Canary(Construct):
    """It comes from outside, by the public name, as charge points and operators do."""

    def __init__(self, scope: Construct, construct_id: str, processing: Processing, gateways: Gateways) -> None:
        super().__init__(scope, construct_id)
        self.password = self._password()
        commands = processing.commands.attr_arn
        by_url = iam.PolicyStatement(
            actions=["lambda:InvokeFunction"],
            resources=[commands],
            conditions={"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        )
        function = processing.function(
            "CanaryFunction",
            "canary.lambda_handler.handler",
            TIMEOUT_S,
            [
                allow(["secretsmanager:GetSecretValue"], [self.password.secret_arn]),
                allow(["lambda:InvokeFunctionUrl"], [commands]),
                by_url,
            ],
            OCPPGW_CANARY_URL=f"{gateways.balancer.public_url}/ocpp",
            OCPPGW_CANARY_ID=IDENTITY,
            OCPPGW_CANARY_API=processing.commands_url.attr_function_url,
            OCPPGW_CANARY_SECRET=self.password.secret_arn,
        )
        function.reserved_concurrent_executions = 1  # there is one charge point for it
        self._every_minute(function)

    def _password(self) -> secretsmanager.Secret:
        password = secretsmanager.Secret(
            self,
            "Password",
            description=f"With which the charge point {IDENTITY} connects",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=32, exclude_punctuation=True),
            removal_policy=RemovalPolicy.RETAIN,
        )
        answer_for(password, "AwsSolutions-SMG4", "the registry has its hash: both change together, by hand")
        return password

    def _every_minute(self, function: lambda_.CfnFunction) -> None:
        rule = events.CfnRule(
            self,
            "EveryMinute",
            schedule_expression="rate(1 minute)",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Canary",
                    arn=function.attr_arn,
                    # The next round is as good as this one again.
                    retry_policy=events.CfnRule.RetryPolicyProperty(maximum_retry_attempts=0),
                )
            ],
        )
        lambda_.CfnPermission(
            self,
            "ScheduleMay",
            action="lambda:InvokeFunction",
            function_name=function.ref,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )
        lambda_.CfnEventInvokeConfig(
            self,
            "Once",
            function_name=function.ref,
            qualifier="$LATEST",
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=int(Duration.minutes(1).to_seconds()),
        )
