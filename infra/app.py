"""The CloudFormation stack; `python -m infra.app` writes infra/template.json (or the file given) from it.

Lambda code comes by parameters, so the template changes only when infrastructure does. One stack per account and
region: tables, queues and rules have fixed names. Thing events are a setting of the account and not of a stack
(two stacks would fight over it); switch them on once:

    aws iot update-event-configurations --event-configurations '{"THING": {"Enabled": true}}'
"""

import json
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnOutput, CfnParameter, DefaultStackSynthesizer, Stack
from constructs import Construct

from infra.data import Data
from infra.fleet import add_fleet
from infra.jobs import add_jobs
from infra.messaging import Messaging
from infra.processing import Code, Processing
from infra.telemetry import Telemetry

STACK = "ocpp-gateway"
TEMPLATE = Path(__file__).with_name("template.json")


class OcppGateway(Stack):
    """Everything but the gateway itself: tables, queues, rules, functions."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description="OCPP gateway for AWS IoT Core: registry, queues, rules and functions",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        code = Code(
            bucket=CfnParameter(self, "CodeBucket", description="S3 bucket of the Lambda code"),
            key=CfnParameter(self, "CodeKey", description="S3 key of the Lambda code, a zip"),
        )
        self.data = Data(self, "Data")
        self.messaging = Messaging(self, "Messaging", self._disconnect_delay())
        self.processing = Processing(self, "Processing", code, self.data, self.messaging)
        add_fleet(self.processing, self.data)
        self.telemetry = Telemetry(self, "Telemetry", self.data, self.messaging, self.processing)
        add_jobs(self.processing, self.data, self.messaging)
        self._outputs()

    def _disconnect_delay(self) -> CfnParameter:
        return CfnParameter(
            self,
            "DisconnectDelaySeconds",
            type="Number",
            default=60,
            min_value=0,
            max_value=900,
            description="How long a charge point may be away before its shadow says so",
        )

    def _outputs(self) -> None:
        for table in self.data.all:
            self._output(table.node.id, table.table_name)
        self._output("ArchiveBucketName", self.data.archive.bucket_name)
        for queue in (*self.messaging.all, self.messaging.rule_errors):
            self._output(f"{queue.node.id}Url", queue.queue_url)
        for function in self.processing.all:
            self._output(f"{function.node.id}Name", function.ref)
        for url in self.processing.urls:
            self._output(f"{url.node.id.removesuffix('Url')}FunctionUrl", url.attr_function_url)
        self._output("GatewayPolicyName", self.messaging.gateway_policy.ref)
        self._output("StationPolicyName", self.telemetry.station_policy.ref)

    def _output(self, name: str, value: str) -> None:
        # Outputs share their names with resources otherwise, which CDK does not allow.
        CfnOutput(self, f"{name}Output", value=value).override_logical_id(f"{name}Output")


def synthesise() -> str:
    """The template as JSON, keys sorted."""
    app = App(analytics_reporting=False)
    stack = OcppGateway(app, STACK)
    template: dict[str, Any] = app.synth().get_stack_by_name(stack.stack_name).template
    return json.dumps(template, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TEMPLATE
    target.write_text(synthesise(), encoding="utf-8")
