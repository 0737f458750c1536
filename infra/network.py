"""The network of the tasks: where they stand, how they reach AWS, and who reaches them (the load balancer only)."""

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from infra.logs import log_group
from infra.nag import answer_for
from infra.options import Options

CIDR = "10.0.0.0/16"
# What a task needs: its image, its log, its secrets, the broker and the queue of large frames.
_ENDPOINTS = {
    "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
    "EcrImages": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
}
_MQTT_PORT = 8883
_TASKS = {
    "public": ec2.SubnetType.PUBLIC,
    "nat": ec2.SubnetType.PRIVATE_WITH_EGRESS,
    "endpoints": ec2.SubnetType.PRIVATE_ISOLATED,
}


class Network(Construct):
    """A VPC with public subnets for the load balancer, and with `egress` nat or endpoints private ones for tasks."""

    def __init__(self, scope: Construct, construct_id: str, options: Options, iot_endpoint: str) -> None:
        super().__init__(scope, construct_id)
        kinds = {"Public": ec2.SubnetType.PUBLIC}
        if options.egress != "public":
            kinds["Tasks"] = _TASKS[options.egress]
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(CIDR),
            max_azs=options.availability_zones,
            nat_gateways=options.availability_zones if options.egress == "nat" else 0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=20, map_public_ip_on_launch=False)
                if kind == ec2.SubnetType.PUBLIC
                else ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=20)
                for name, kind in kinds.items()
            ],
            restrict_default_security_group=False,  # it would take a function of CDK's; nothing of ours uses that group
            gateway_endpoints={
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
        )
        self.tasks = ec2.SubnetSelection(subnet_type=_TASKS[options.egress])
        self.has_public_addresses = options.egress == "public"
        self._log_flows(options)
        if options.egress == "endpoints":
            self._endpoints(iot_endpoint, options)

    def group(self, name: str, description: str) -> ec2.SecurityGroup:
        """A security group that lets nobody in yet and everything out."""
        return ec2.SecurityGroup(self, name, vpc=self.vpc, description=description, allow_all_outbound=True)

    def _log_flows(self, options: Options) -> None:
        if not options.flow_logs:
            answer_for(
                self.vpc,
                "AwsSolutions-VPC7",
                "flow_logs is off; the gateways log every connection",
            )
            return
        log = log_group(self, "FlowLog", options)
        self.vpc.add_flow_log(
            "Flows",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

    def _endpoints(self, iot_endpoint: str, options: Options) -> None:
        group = ec2.SecurityGroup(
            self, "EndpointsGroup", vpc=self.vpc, description="Endpoints of AWS services", allow_all_outbound=False
        )
        for port in (443, _MQTT_PORT):
            group.add_ingress_rule(ec2.Peer.ipv4(CIDR), ec2.Port.tcp(port), "From the tasks")
        answer_for(
            group,
            "CdkNagValidationFailure[AwsSolutions-EC23]",
            "it can't read the range",
        )
        xray = {"XRay": ec2.InterfaceVpcEndpointAwsService.XRAY} if options.spans == "xray" else {}
        for name, service in (_ENDPOINTS | xray).items():
            self.vpc.add_interface_endpoint(
                name, service=service, subnets=self.tasks, security_groups=[group], open=False
            )
        # AWS IoT names its endpoint by account, so the name is ours to resolve.
        iot = self.vpc.add_interface_endpoint(
            "Iot",
            service=ec2.InterfaceVpcEndpointAwsService("iot.data"),
            subnets=self.tasks,
            security_groups=[group],
            private_dns_enabled=False,
            open=False,
        )
        zone = route53.PrivateHostedZone(self, "IotZone", zone_name=iot_endpoint, vpc=self.vpc)
        target = route53.RecordTarget.from_alias(targets.InterfaceVpcEndpointTarget(iot))
        route53.ARecord(self, "IotAddress", zone=zone, target=target)


def zones(count: int) -> list[str]:
    """The first availability zones of whatever region the stack is deployed to."""
    return [Fn.select(index, Fn.get_azs()) for index in range(count)]
