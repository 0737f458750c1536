"""The gateways on Fargate: what a task runs and may do, how many there are, and how one replaces another."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Aws, CfnParameter, Duration, RemovalPolicy
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra import traces
from infra.balancer import ADMIN_PORT, PLAIN_PORT, PORT, SECOND_PORT, Balancer
from infra.data import Data
from infra.logs import log_group
from infra.messaging import BASIC_INGEST_RULE, Messaging, allow
from infra.nag import answer_for
from infra.network import Network
from infra.options import Options
from infra.scaling import scale

REPOSITORY = "ocpp-gateway"
NOFILE = 1_048_576
STOP_S = 120  # the longest that Fargate allows
DRAIN_S = 110  # of it; links are flushed in the rest
EMF_S = 60
LEASE_S = 30
# A last will that is looked at while the lease runs is taken for a lost link: the gateway's charge points stay online.
SHORTEST_DISCONNECT_DELAY_S = LEASE_S + 10  # clocks differ
_TABLE_ACTIONS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
# In the secret, as JSON: PEM texts.
_MQTT_SECRETS = {"OCPPGW_MQTT_CERT": "certificate", "OCPPGW_MQTT_KEY": "key"}
_TLS_SECRETS = {"OCPPGW_TLS_CERT": "tlsCertificate", "OCPPGW_TLS_KEY": "tlsKey"}
_CLIENT_SECRETS = {"OCPPGW_TLS_CLIENT_CA": "clientCa"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What only the account knows, as parameters: the image, the broker, the gateways' certificate and its secret."""

    image: CfnParameter
    iot_endpoint: CfnParameter
    certificate_arn: CfnParameter
    secret_arn: CfnParameter


class Gateways(Construct):
    """The service and all that it needs. `service` scales, `log` has its metrics."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        options: Options,
        inputs: Inputs,
        network: Network,
        data: Data,
        messaging: Messaging,
        pepper: secretsmanager.Secret,
    ) -> None:
        super().__init__(scope, construct_id)
        self._pepper = pepper
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.DISABLED,
        )
        answer_for(self.cluster, "AwsSolutions-ECS4", "the gateways write metrics of their own")
        attachment = iot.CfnPolicyPrincipalAttachment(
            self,
            "CertificateMay",
            policy_name=messaging.gateway_policy.ref,
            principal=inputs.certificate_arn.value_as_string,
        )
        group = network.group("GatewayGroup", "Gateways: only the load balancer comes in")
        self.balancer = Balancer(self, "Balancer", options, network, group)
        self.log = log_group(self, "Log", options)
        task = self._task(options, inputs, data, messaging)
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=self.cluster,
            task_definition=task,
            desired_count=options.min_tasks,
            assign_public_ip=network.has_public_addresses,
            vpc_subnets=network.tasks,
            security_groups=[group],
            # A new task takes charge points before an old one closes its own.
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            health_check_grace_period=Duration.seconds(60),
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        self.service.node.add_dependency(attachment)
        self.balancer.serve(self.service)
        scale(self.service, options)

    def _task(self, options: Options, inputs: Inputs, data: Data, messaging: Messaging) -> ecs.FargateTaskDefinition:
        large_frames = [messaging.incoming.queue_arn, messaging.frames_to_archive.queue_arn]
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=options.task_cpu,
            memory_limit_mib=options.task_memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
            execution_role=execution_role(self),
            task_role=task_role(
                self,
                [
                    allow(_TABLE_ACTIONS, [data.charge_points.table_arn]),
                    allow(["sqs:GetQueueUrl", "sqs:SendMessage"], large_frames),
                    *traces.permissions(options),
                ],
            ),
        )
        traces.answer(self, options)
        container = task.add_container(
            "gateway",
            image=ecs.ContainerImage.from_registry(inputs.image.value_as_string),
            command=["gateway"],
            environment=_environment(options, inputs),
            secrets=self._secrets(options, inputs),
            logging=ecs.LogDriver.aws_logs(stream_prefix="gateway", log_group=self.log),
            stop_timeout=Duration.seconds(STOP_S),
            port_mappings=[ecs.PortMapping(container_port=port) for port in (*self.balancer.target_ports, ADMIN_PORT)],
        )
        container.add_ulimits(ecs.Ulimit(name=ecs.UlimitName.NOFILE, soft_limit=NOFILE, hard_limit=NOFILE))
        answer_for(task, "AwsSolutions-ECS2", "settings are no secrets; what is one comes from Secrets Manager")
        return task

    def _secrets(self, options: Options, inputs: Inputs) -> dict[str, ecs.Secret]:
        held = secretsmanager.Secret.from_secret_complete_arn(self, "Held", inputs.secret_arn.value_as_string)
        names = _MQTT_SECRETS | (_TLS_SECRETS if options.tls == "gateway" else {})
        names |= _CLIENT_SECRETS if options.client_certificates else {}
        secrets = {name: ecs.Secret.from_secrets_manager(held, field) for name, field in names.items()}
        return secrets | {"OCPPGW_PEPPER": ecs.Secret.from_secrets_manager(self._pepper)}


def add_pepper(scope: Construct) -> secretsmanager.Secret:
    """What keys the hashes of generated passwords, here and where they are made."""
    pepper = secretsmanager.Secret(
        scope,
        "Pepper",
        description="Keys the hashes of generated passwords: another one makes all of them void",
        generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
        removal_policy=RemovalPolicy.RETAIN,
    )
    answer_for(pepper, "AwsSolutions-SMG4", "a new pepper makes every password void")
    return pepper


def task_role(scope: Construct, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
    """What the program in a task may do."""
    role = _role(scope, "TaskRole")
    iam.Policy(scope, "TaskMay", roles=[role], statements=list(statements))
    return role


def execution_role(scope: Construct) -> iam.Role:
    """What it takes to start a task; CDK adds its log and its secrets."""
    role = _role(scope, "ExecutionRole")
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    repository = f"arn:{Aws.PARTITION}:ecr:{Aws.REGION}:{Aws.ACCOUNT_ID}:repository/{REPOSITORY}"
    role.add_to_policy(allow(pull, [repository]))
    role.add_to_policy(allow(["ecr:GetAuthorizationToken"], ["*"]))
    answer_for(role, "AwsSolutions-IAM5[Resource::*]", "ecr:GetAuthorizationToken knows no resources")
    return role


def _role(scope: Construct, name: str) -> iam.Role:
    return iam.Role(scope, name, assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))


def _environment(options: Options, inputs: Inputs) -> dict[str, str]:
    chosen = {
        "OCPPGW_ADMIN_HOST": "0.0.0.0",  # noqa: S104  for the health checks; the group lets in the load balancer only
        "OCPPGW_ADMIN_PORT": str(ADMIN_PORT),
        "OCPPGW_WS_PORT": str(PORT),
        "OCPPGW_PROXY_PROTOCOL": "1",
        "OCPPGW_MQTT": f"mqtts://{inputs.iot_endpoint.value_as_string}:8883",
        # While tasks are replaced there are twice as many, and all share what the account may subscribe a second.
        "OCPPGW_MQTT_PACE": "1",
        "OCPPGW_MQTT_SHARERS": str(2 * options.min_tasks),
        "OCPPGW_CHARGE_POINTS_PER_LINK": str(options.charge_points_per_link),
        "OCPPGW_MIN_PROFILE": str(options.min_profile),
        "OCPPGW_HEARTBEATS": options.heartbeats,
        "OCPPGW_LEASE_S": str(LEASE_S),
        "OCPPGW_DRAIN_SECONDS": str(DRAIN_S),
        "OCPPGW_EMF_INTERVAL_S": str(EMF_S),
    }
    if options.basic_ingest:
        chosen["OCPPGW_BASIC_INGEST"] = BASIC_INGEST_RULE
    if options.tracing:
        chosen["OCPPGW_TRACING"] = f"{options.tracing:g}"
    if options.target_ports > 1:
        chosen["OCPPGW_SECOND_PORT"] = str(SECOND_PORT)
    if options.tls == "load_balancer":
        chosen["OCPPGW_TLS_OFFLOADED"] = "1"
    if options.tls != "none" and options.plain:
        chosen["OCPPGW_PLAIN_PORT"] = str(PLAIN_PORT)
    return chosen | traces.settings(options) | options.retention.kept.environment()
