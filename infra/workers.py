"""Processors that run all the time instead of by invocation: `ocppgw worker` on Fargate, from the same image."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra import certificates, traces
from infra.gateway import Gateways, Inputs, execution_role, task_role
from infra.logs import log_group
from infra.nag import answer_for
from infra.network import Network
from infra.options import Options

CPU, MEMORY_MIB, THREADS = 512, 1_024, 16
CPU_PERCENT = 60
STOP_S = 60  # what was received is finished


class Workers(Construct):
    """A service that polls the queues of the processors; it may what their functions may."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        options: Options,
        inputs: Inputs,
        network: Network,
        gateways: Gateways,
        permissions: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, construct_id)
        self.log = log_group(self, "Log", options)
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=CPU,
            memory_limit_mib=MEMORY_MIB,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
            execution_role=execution_role(self),
            task_role=task_role(self, [*permissions, *traces.permissions(options)]),
        )
        traces.answer(self, options)
        task.add_container(
            "worker",
            image=ecs.ContainerImage.from_registry(inputs.image.value_as_string),
            command=["worker"],
            environment={
                "OCPPGW_CLOUD": "aws",
                "OCPPGW_IOT_ENDPOINT": inputs.iot_endpoint.value_as_string,
                "OCPPGW_WORKER_THREADS": str(THREADS),
            }
            | certificates.settings(options, with_contracts=True)
            | traces.settings(options)
            | options.retention.kept.environment(),
            logging=ecs.LogDriver.aws_logs(stream_prefix="worker", log_group=self.log),
            stop_timeout=Duration.seconds(STOP_S),
        )
        answer_for(task, "AwsSolutions-ECS2", "these settings are no secrets")
        service = ecs.FargateService(
            self,
            "Service",
            cluster=gateways.cluster,
            task_definition=task,
            desired_count=options.availability_zones,
            assign_public_ip=network.has_public_addresses,
            vpc_subnets=network.tasks,
            security_groups=[network.group("WorkerGroup", "Workers: nobody comes in")],
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
        )
        count = service.auto_scale_task_count(min_capacity=options.availability_zones, max_capacity=options.max_workers)
        count.scale_on_cpu_utilization("Cpu", target_utilization_percent=CPU_PERCENT)
