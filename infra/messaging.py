"""Topics to queues: the IoT rules, the queues they fill, and what a gateway may do on the broker."""

from collections.abc import Sequence

from aws_cdk import Aws, CfnParameter, Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as events_targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.nag import answer_for
from infra.options import Options
from infra.windows import FRAMES_WINDOW_S
from ocppj import topics

SQL_VERSION = "2016-03-23"
# The wire contract. Publishers without the properties leave 0: then the registry row knows.
FRAMES_SQL = (
    "SELECT * AS message, topic(1) AS chargePointId, timestamp() AS receivedAt, "
    "get(get_user_properties('epoch'),0) AS epoch, get(get_user_properties('ocpp'),0) AS ocpp, "
    "get(get_user_properties('traceparent'),0) AS traceparent FROM '+/in'"
)
OUTGOING_SQL = (
    "SELECT * AS message, topic(1) AS chargePointId, timestamp() AS receivedAt, "
    "get(get_user_properties('epoch'),0) AS epoch, 'out' AS direction FROM '+/out'"
)
BASIC_INGEST_RULE = "IncomingFrames"  # a gateway may publish to it directly: $aws/rules/IncomingFrames/<id>/in
PROCESSING_TIMEOUT_S = 20
# Lambda's advice: six times the function's time-out, and the window, so that a throttled batch isn't delivered twice.
VISIBILITY_S = 6 * PROCESSING_TIMEOUT_S
ATTEMPTS = 5
MOST_ATTEMPTS = 1_000  # SQS's own limit
LARGEST_RECORD = 1_048_576  # SQS's own limit


class Messaging(Construct):
    """Queues with their dead letters, rules with their error action, the gateways' IoT policy."""

    def __init__(self, scope: Construct, construct_id: str, disconnect_delay: CfnParameter, options: Options) -> None:
        super().__init__(scope, construct_id)
        self.all: list[sqs.Queue] = []
        self.rule_errors = self._dead_letters("RuleErrors")
        answer_for(self.rule_errors, "AwsSolutions-SQS3", "it is where what rules can't deliver ends")
        # What rules may do: it grows with each.
        self._send = allow(["sqs:SendMessage"], [self.rule_errors.queue_arn])
        self._role = self._rule_role()
        self.incoming = self.queue("IncomingMessagesQueue")
        # Delayed, so that a deploy of the gateways doesn't take the shadows of their charge points down and up again.
        self.disconnected = self.queue("DisconnectedChargePoints", Duration.seconds(disconnect_delay.value_as_number))
        self.created_things = self.queue("CreatedThings")
        self.deleted_things = self.queue("DeletedThings")
        self.shadow_repairs = self.queue("ShadowRepairs")
        # A queue of its own: a slow archive delays no answer to a charge point.
        self.frames_to_archive = self.queue("FramesToArchive", window_s=FRAMES_WINDOW_S)
        self.job_steps = self.queue("JobSteps")
        self._rules(options.thing_type)
        self.gateway_policy = self._gateway_policy(options.basic_ingest)

    def queue(self, name: str, delay: Duration | None = None, *, is_fifo: bool = False, window_s: int = 0) -> sqs.Queue:
        """A queue with its dead letters; alarms and outputs of both come by themselves.

        In a FIFO one a message may come back for a day, and keeps back what follows it in its group. `window_s` is how
        long a function has messages gathered for it.
        """
        queue = sqs.Queue(
            self,
            name,
            queue_name=_queue_name(name, is_fifo),
            fifo=is_fifo or None,  # CloudFormation takes no false
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            delivery_delay=delay,
            visibility_timeout=Duration.seconds(VISIBILITY_S + window_s),
            retention_period=Duration.days(4),
            max_message_size_bytes=LARGEST_RECORD,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self._dead_letters(f"{name}DeadLetters", is_fifo=is_fifo),
                max_receive_count=MOST_ATTEMPTS if is_fifo else ATTEMPTS,
            ),
            removal_policy=RemovalPolicy.RETAIN,
        )
        _called(queue, name)
        self.all.append(queue)
        return queue

    def rule(self, name: str, sql: str, *queues: sqs.Queue) -> None:
        """A rule that fills queues; what a queue does not take goes to RuleErrors."""
        self._send.add_resources(*[queue.queue_arn for queue in queues])
        payload = iot.CfnTopicRule.TopicRulePayloadProperty(
            sql=sql,
            aws_iot_sql_version=SQL_VERSION,
            actions=[self._send_to(queue) for queue in queues],
            error_action=self._send_to(self.rule_errors),
            rule_disabled=False,
        )
        rule = iot.CfnTopicRule(self, name, rule_name=name, topic_rule_payload=payload)
        rule.override_logical_id(f"{name}Rule")

    def _rules(self, thing_type: str | None) -> None:
        self.rule(BASIC_INGEST_RULE, FRAMES_SQL, self.incoming, self.frames_to_archive)
        self.rule("OutgoingFrames", OUTGOING_SQL, self.frames_to_archive)
        self.rule("GatewayConnected", "SELECT * FROM 'gateways/+/connected'", self.incoming)
        # Twice: the row is marked at once, the shadow is written when the delay is over.
        disconnected = (self.incoming, self.disconnected)
        self.rule("GatewayDisconnected", "SELECT * FROM 'gateways/+/disconnected'", *disconnected)
        self.rule("GatewayRefused", "SELECT * FROM 'gateways/+/refused'", self.incoming)
        self.rule("GatewayDown", "SELECT * FROM 'gateways/+/down'", self.disconnected)
        # AWS IoT publishes these once thing events are switched on, which is a setting of the account.
        of_type = f" WHERE thingTypeName = '{thing_type}'" if thing_type else ""
        for name, event, queue in (
            ("ThingCreated", "created", self.created_things),
            ("ThingDeleted", "deleted", self.deleted_things),
        ):
            self.rule(name, f"SELECT * FROM '$aws/events/thing/+/{event}'{of_type}", queue)  # noqa: S608  validated
        if thing_type:
            kept = iot.CfnThingType(self, "ChargePointType", thing_type_name=thing_type)
            kept.apply_removal_policy(RemovalPolicy.RETAIN)  # things are of it
        self._daily({"event": "sweep"}, self.disconnected)

    def _daily(self, record: dict[str, str], queue: sqs.Queue) -> None:
        """Put this record on a queue once a day."""
        said = events.RuleTargetInput.from_object(record)
        rule = events.Rule(self, "Daily", schedule=events.Schedule.rate(Duration.days(1)))
        rule.add_target(events_targets.SqsQueue(queue, message=said))

    def _dead_letters(self, name: str, *, is_fifo: bool = False) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            name,
            queue_name=_queue_name(name, is_fifo),
            fifo=is_fifo or None,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            max_message_size_bytes=LARGEST_RECORD,
            removal_policy=RemovalPolicy.RETAIN,
        )
        _called(queue, name)
        return queue

    def _rule_role(self) -> iam.Role:
        return iam.Role(
            self,
            "RuleRole",
            assumed_by=iam.ServicePrincipal("iot.amazonaws.com"),
            # Inline: AWS IoT tries the role when a rule is made, and the policy must be there by then.
            inline_policies={"Permissions": iam.PolicyDocument(statements=[self._send])},
        )

    def _send_to(self, queue: sqs.Queue) -> iot.CfnTopicRule.ActionProperty:
        action = iot.CfnTopicRule.SqsActionProperty(
            queue_url=queue.queue_url, role_arn=self._role.role_arn, use_base64=False
        )
        return iot.CfnTopicRule.ActionProperty(sqs=action)

    def _gateway_policy(self, basic_ingest: bool) -> iot.CfnPolicy:
        heard = ("*/out", "gateways/*/evict", *([topics.WATCH] if basic_ingest else []))
        ingest = [f"topic/$aws/rules/{BASIC_INGEST_RULE}/*/in"] if basic_ingest else []
        statements = [
            allow(["iot:Connect"], iot_arns("client/gw-*")),
            allow(["iot:Publish"], iot_arns("topic/*/in", "topic/gateways/*", *ingest)),
            allow(["iot:Subscribe"], iot_arns(*[f"topicfilter/{topic}" for topic in heard])),
            allow(["iot:Receive"], iot_arns(*[f"topic/{topic}" for topic in heard])),
        ]
        policy = iot.CfnPolicy(self, "GatewayPolicy", policy_document=iam.PolicyDocument(statements=statements))
        policy.override_logical_id("GatewayPolicy")
        return policy


def iot_arns(*resources: str) -> list[str]:
    """ARNs of AWS IoT resources of this account and region, such as `topic/*/in`."""
    return [f"arn:{Aws.PARTITION}:iot:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}" for resource in resources]


def allow(actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    """A statement of a policy."""
    return iam.PolicyStatement(actions=list(actions), resources=list(resources))


def _queue_name(name: str, is_fifo: bool) -> str:
    return f"{name}.fifo" if is_fifo else name


def _called(queue: sqs.Queue, name: str) -> None:
    resource = queue.node.default_child
    assert isinstance(resource, sqs.CfnQueue)  # noqa: S101  that is what CDK makes of a Queue
    resource.override_logical_id(name)
