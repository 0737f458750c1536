"""The Lambda functions: what feeds them, what they may touch, where they log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import CfnParameter
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import certificates, traces
from infra.data import Data
from infra.logs import log_group
from infra.messaging import PROCESSING_TIMEOUT_S, Messaging, allow, iot_arns
from infra.options import Options

BATCH = 10
CONCURRENCY = 50  # invocations that one queue may have running: so many tables and topics can be written at a time
COMMANDS_TIMEOUT_S = 30  # five seconds more than the longest `Prefer: wait`
READS_TIMEOUT_S = 10
READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
WRITE = (
    "dynamodb:PutItem", "dynamodb:BatchWriteItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
)  # fmt: skip
# A queue is known by its name: whoever uses one has to look for it.
CONSUME = (
    "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
)  # fmt: skip
SEND = ("sqs:SendMessage", "sqs:GetQueueUrl")


@dataclass(frozen=True, slots=True)
class Code:
    """Where the zip with the code of every function is."""

    bucket: CfnParameter
    key: CfnParameter


class Processing(Construct):
    """Four functions: one answers charge points, one follows things and shadows, two serve operators.

    `iot_endpoint` is the broker of the account; nothing on the emulator, which is known by AWS_ENDPOINT_URL.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        code: Code,
        data: Data,
        messaging: Messaging,
        options: Options,
        iot_endpoint: str = "",
    ) -> None:
        super().__init__(scope, construct_id)
        self._code = code
        # Else each would ask for it when it starts, and need the permission.
        self._broker = {"OCPPGW_IOT_ENDPOINT": iot_endpoint} if iot_endpoint else {}
        self._traces = traces.settings(options)
        self._options = options
        self.all: list[lambda_.CfnFunction] = []
        self.urls: list[lambda_.CfnUrl] = []
        self.with_urls: list[lambda_.CfnFunction] = []
        self.of_workers: list[iam.PolicyStatement] = []  # what `ocppgw worker` may, which does what processors do
        self._operator_may = self._operator_policy()
        self.messages = self._messages(data, messaging)
        self.housekeeping = self._housekeeping(data, messaging)
        self.commands = self._commands(data, messaging)
        self.commands_url = self.url("CommandsUrl", self.commands, options.command_concurrency)
        self._add_command_reads(data)

    def processor(
        self,
        name: str,
        handler: str,
        permissions: Sequence[iam.PolicyStatement],
        queues: Sequence[sqs.Queue],
        *,
        batch: int = BATCH,
        windows_s: Sequence[int] = (),
        in_workers: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> lambda_.CfnFunction:
        """A function that queues feed, and that may bury what it gives up; `in_workers`: workers can take its place.

        Batches of more than ten need a window for each queue: how long, at most, a message waits for others.
        """
        consume = allow(CONSUME, [queue.queue_arn for queue in queues])
        # What it gives up goes there with the reason, which the queue itself would not know.
        given_up = [queue.dead_letter_queue.queue.queue_arn for queue in queues if queue.dead_letter_queue]
        bury = allow(SEND, given_up)
        allowed = [*permissions, consume, bury]
        self.of_workers += allowed if in_workers else []
        function = self.function(name, handler, PROCESSING_TIMEOUT_S, allowed, **(environment or {}))
        is_on = not (in_workers and self._options.processors == "workers")
        for queue, window_s in zip(queues, windows_s or [0] * len(queues), strict=True):
            self._mapping(queue, function, batch, window_s, is_on)
        return function

    def function(
        self,
        name: str,
        handler: str,
        timeout_s: int,
        permissions: Sequence[iam.PolicyStatement],
        **environment: str,
    ) -> lambda_.CfnFunction:
        """A function of the zip, with its log, and a role that allows nothing but `permissions` and logging."""
        log = log_group(self, f"{name}Log", self._options)
        function = lambda_.CfnFunction(
            self,
            name,
            runtime="python3.13",
            architectures=["arm64"],
            code=lambda_.CfnFunction.CodeProperty(
                s3_bucket=self._code.bucket.value_as_string, s3_key=self._code.key.value_as_string
            ),
            handler=handler,
            timeout=timeout_s,
            memory_size=512,
            role=self._role(name, log, permissions).role_arn,
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log.log_group_name),
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables={
                    "POWERTOOLS_SERVICE_NAME": name,
                    **self._broker,
                    **self._traces,
                    **self._options.retention.kept.environment(),
                    **environment,
                }
            ),
        )
        if self._options.tracing:
            function.tracing_config = lambda_.CfnFunction.TracingConfigProperty(mode="Active")
        function.override_logical_id(name)
        self.all.append(function)
        return function

    def url(self, name: str, function: lambda_.CfnFunction, reserved: int) -> lambda_.CfnUrl:
        """The URL of a function; callers sign their requests (SigV4) and need `OperatorPolicy` or the like.

        So many requests at a time are `reserved` for it, and no more are let in; 0: as many as the account has left.
        """
        function.reserved_concurrent_executions = reserved or None
        url = lambda_.CfnUrl(self, name, auth_type="AWS_IAM", target_function_arn=function.attr_arn)
        url.override_logical_id(name)
        self.urls.append(url)
        self.with_urls.append(function)
        for statement in self._operator_may:
            statement.add_resources(function.attr_arn)
        return url

    def _messages(self, data: Data, messaging: Messaging) -> lambda_.CfnFunction:
        permissions = [
            *on_tables(READ, *data.all),
            *on_tables(WRITE, data.charge_points, data.transactions, data.commands, data.reports, data.events),
            allow(["iot:Publish"], iot_arns("topic/*/out", "topic/gateways/*/evict")),
            allow(SEND, [messaging.incoming.queue_arn]),  # what may wait
            *write_shadows(messaging),
            *certificates.permissions(self._options, with_contracts=True),
        ]
        return self.processor(
            "MessagesFunction",
            "processors.lambda_handler.handler",
            permissions,
            [messaging.incoming],
            in_workers=True,
            environment=certificates.settings(self._options, with_contracts=True),
        )

    def _housekeeping(self, data: Data, messaging: Messaging) -> lambda_.CfnFunction:
        permissions = [
            *on_tables((*READ, *WRITE), data.charge_points, data.transactions, data.events),
            *on_tables(READ, data.tariffs),
            allow(["iot:Publish"], iot_arns("topic/gateways/*/evict")),
            *write_shadows(messaging),
        ]
        queues = [messaging.disconnected, messaging.created_things, messaging.deleted_things, messaging.shadow_repairs]
        return self.processor(
            "HousekeepingFunction", "processors.lambda_handler.handler", permissions, queues, in_workers=True
        )

    def _commands(self, data: Data, messaging: Messaging) -> lambda_.CfnFunction:
        handler = "remote_commands.lambda_handler.handler"
        return self.function("CommandsFunction", handler, COMMANDS_TIMEOUT_S, commanding(data, messaging))

    def _add_command_reads(self, data: Data) -> None:
        # It reads. But a command whose time is over is written to have timed out by who sees that first, and told.
        may = [
            *on_tables(READ, data.charge_points, data.commands, data.jobs, data.events),
            *on_tables(("dynamodb:UpdateItem",), data.commands),
            *on_tables(("dynamodb:PutItem",), data.events),
        ]
        handler = "remote_commands.lambda_handler.reads"
        function = self.function("CommandReadsFunction", handler, READS_TIMEOUT_S, may)
        self.url("CommandReadsUrl", function, self._options.read_concurrency)

    def _operator_policy(self) -> list[iam.PolicyStatement]:
        # AWS asks for both, and the second only by way of a URL.
        is_url = {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}
        by_url = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
        statements = [
            iam.PolicyStatement(actions=["lambda:InvokeFunctionUrl"], conditions=is_url),
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], conditions=by_url),
        ]
        policy = iam.ManagedPolicy(self, "OperatorPolicy", description="May call the HTTP API", statements=statements)
        resource = policy.node.default_child
        assert isinstance(resource, iam.CfnManagedPolicy)  # noqa: S101  that is what CDK makes of a ManagedPolicy
        resource.override_logical_id("OperatorPolicy")
        return statements

    def _role(self, name: str, log: logs.LogGroup, permissions: Sequence[iam.PolicyStatement]) -> iam.Role:
        own = [allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log.log_group_arn])]
        own += traces.permissions(self._options)
        role = iam.Role(
            self,
            f"{name}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"Permissions": iam.PolicyDocument(statements=[*own, *permissions])},
        )
        traces.answer(role, self._options)
        return role

    def _mapping(self, queue: sqs.Queue, function: lambda_.CfnFunction, batch: int, window_s: int, is_on: bool) -> None:
        mapping = lambda_.CfnEventSourceMapping(
            self,
            f"{queue.node.id}Mapping",
            event_source_arn=queue.queue_arn,
            function_name=function.ref,
            batch_size=batch,
            maximum_batching_window_in_seconds=window_s or None,
            enabled=None if is_on else False,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=CONCURRENCY),
        )
        mapping.override_logical_id(f"{queue.node.id}Mapping")


def on_tables(actions: Sequence[str], *tables: dynamodb.Table) -> list[iam.PolicyStatement]:
    """Actions on tables and their indexes."""
    arns = [arn for table in tables for arn in (table.table_arn, f"{table.table_arn}/index/*")]
    return [allow(actions, arns)]


def commanding(data: Data, messaging: Messaging) -> list[iam.PolicyStatement]:
    """What it takes to send commands and to have jobs done."""
    return [
        *on_tables(READ, data.charge_points, data.transactions, data.commands, data.jobs, data.reports),
        *on_tables(WRITE, data.commands, data.jobs),
        *on_tables((*READ, *WRITE), data.events),
        *on_tables(("dynamodb:UpdateItem",), data.charge_points),  # a password that is on its way
        allow(["iot:Publish"], iot_arns("topic/*/out")),
        allow(SEND, [messaging.job_steps.queue_arn]),
    ]


def write_shadows(messaging: Messaging) -> list[iam.PolicyStatement]:
    """Shadows of all things, and the queue of those that could not be written."""
    return [
        allow(["iot:UpdateThingShadow"], iot_arns("thing/*")),
        allow(SEND, [messaging.shadow_repairs.queue_arn]),
    ]
