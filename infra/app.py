"""The CloudFormation stack: `python -m infra.app` writes infra/template.json, the part that the emulator takes.

`python -m infra.app prod` (or dev, or a YAML file with options) writes build/prod.template.json: the same, and the
network, the gateways and what watches them. It also fails for what cdk-nag finds. One stack per account and region:
tables, queues and rules have fixed names. Code, image and certificate come by parameters, so a template
changes only when infrastructure does.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from aws_cdk import App, CfnOutput, CfnParameter, DefaultStackSynthesizer, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.canary import Canary
from infra.data import Data
from infra.events import add_events
from infra.fleet import add_fleet
from infra.gateway import SHORTEST_DISCONNECT_DELAY_S, Gateways, Inputs, add_pepper
from infra.http_api import HttpApi
from infra.jobs import add_jobs
from infra.messaging import Messaging
from infra.nag import check
from infra.network import Network, zones
from infra.observability import Observability
from infra.options import Options, OptionsError, load
from infra.processing import Code, Processing
from infra.telemetry import Telemetry
from infra.thing_events import ThingEvents
from infra.workers import Workers

STACK = "ocpp-gateway"
TEMPLATE = Path(__file__).with_name("template.json")
BUILD = Path(__file__).parents[1] / "build"


class OcppGateway(Stack):
    """Tables, queues, rules and functions; but for the emulator also network, gateways, alarms."""

    def __init__(self, scope: Construct, construct_id: str, options: Options) -> None:
        super().__init__(
            scope,
            construct_id,
            description="OCPP gateway for AWS IoT Core",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        code = Code(
            bucket=CfnParameter(self, "CodeBucket", description="S3 bucket of the Lambda code"),
            key=CfnParameter(self, "CodeKey", description="S3 key of the Lambda code, a zip"),
        )
        self.data = Data(self, "Data", options)
        self.messaging = Messaging(self, "Messaging", self._disconnect_delay(options), options)
        inputs = None if options.is_local else self._inputs()
        broker = inputs.iot_endpoint.value_as_string if inputs else ""
        self.processing = Processing(self, "Processing", code, self.data, self.messaging, options, broker)
        pepper = None if options.is_local else add_pepper(self)
        add_fleet(self.processing, self.data, options, pepper)
        self.telemetry = Telemetry(self, "Telemetry", self.data, self.messaging, self.processing, options)
        add_jobs(self.processing, self.data, self.messaging)
        add_events(self.processing, self.data, self.messaging, options)
        if inputs is not None and pepper is not None:
            self._on_aws(options, inputs, pepper)
        self._outputs()

    @property
    def availability_zones(self) -> list[str]:
        """Those of any region: which one is known when it is deployed."""
        return zones(3)

    def _on_aws(self, options: Options, inputs: Inputs, pepper: secretsmanager.Secret) -> None:
        ThingEvents(self, "ThingEvents", options)
        network = Network(self, "Network", options, inputs.iot_endpoint.value_as_string)
        gateways = Gateways(self, "Gateways", options, inputs, network, self.data, self.messaging, pepper)
        if options.processors == "workers":
            Workers(self, "Workers", options, inputs, network, gateways, self.processing.of_workers)
        if options.http_api and options.api_domain is not None:
            HttpApi(self, "HttpApi", options, options.api_domain, self.processing)
            self._output("HttpApi", f"https://{options.api_domain.name}")
        if options.canary:
            canary = Canary(self, "Canary", self.processing, gateways)
            self._output("CanarySecret", canary.password.secret_arn)
        Observability(self, "Observability", options, self.messaging, self.processing, gateways)
        self._output("GatewayAddress", gateways.balancer.balancer.load_balancer_dns_name)
        self._output("GatewayCluster", gateways.cluster.cluster_name)
        self._output("GatewayService", gateways.service.service_name)
        self._output("PepperSecret", pepper.secret_arn)

    def _inputs(self) -> Inputs:
        return Inputs(
            image=CfnParameter(self, "Image", description="The image, in the ECR repository ocpp-gateway"),
            iot_endpoint=CfnParameter(
                self, "IotEndpoint", description="aws iot describe-endpoint --endpoint-type iot:Data-ATS"
            ),
            certificate_arn=CfnParameter(
                self, "GatewayCertificateArn", description="The certificate in AWS IoT that gateways connect with"
            ),
            secret_arn=CfnParameter(
                self, "GatewayIdentityArn", description="The secret with that certificate and its key: PEM in JSON"
            ),
        )  # fmt: skip

    def _disconnect_delay(self, options: Options) -> CfnParameter:
        return CfnParameter(
            self,
            "DisconnectDelaySeconds",
            type="Number",
            default=60,
            min_value=0 if options.is_local else SHORTEST_DISCONNECT_DELAY_S,
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


def synthesise(options: Options) -> str:
    """The template as JSON, keys sorted.

    Raises:
        RuntimeError: cdk-nag finds something that nobody has answered for.
    """
    app = App(analytics_reporting=False)
    stack = OcppGateway(app, STACK, options)
    if not options.is_local:
        check(app, stack, stack.data)
    template: dict[str, Any] = app.synth().get_stack_by_name(stack.stack_name).template
    return json.dumps(template, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write the templates of the options named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("options", nargs="*", default=["local"], help="local, dev, prod or a YAML file; %(default)s")
    parser.add_argument("--into", type=Path, help="the directory for all of them")
    arguments = parser.parse_args()
    for name in arguments.options:
        try:
            template = synthesise(load(name))
        except (OptionsError, RuntimeError) as error:  # cdk-nag has said above what it found
            sys.exit(str(error))
        is_local = name == "local" and arguments.into is None
        target = TEMPLATE if is_local else (arguments.into or BUILD) / f"{Path(name).stem}.template.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(template, encoding="utf-8")


if __name__ == "__main__":
    main()
