"""Who is told when something is wrong, and one page that shows how it goes.

An alarm's kind is the heading of its paragraph in docs/operate.md: what it means, where to look first, what helps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.gateway import Gateways
from infra.messaging import Messaging
from infra.options import Options
from infra.processing import Processing
from infra.scaling import metric

MINUTE_S = 60
OLDEST_S = 300
OLDEST_FRAME_S = 30  # by then charge points have been told that nobody answers
SLOW_DURATION = 0.8  # of a function's time-out
FULL = 0.9  # of `connections_per_task`, which more tasks should have prevented
REFUSED, LINKS_LOST, TIMEOUTS, UNANSWERED = 100, 5, 20, 20  # in five minutes
SLOW_PERCENT = 1  # of the answers may take longer than a second
ERROR_PERCENT = 1
# What says that something is broken, with `alarms: few`; the rest says that it may soon be.
FEW = {
    "dead-letters", "function-errors", "http-5xx", "refused-handshakes", "links-lost", "command-timeouts",
    "unanswered-calls", "links-up", "gateways-healthy", "webhook-disabled", "canary",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alarm:
    """More than `threshold` in each of so many `periods`; `of` tells alarms of a kind apart."""

    kind: str
    of: str
    metric: cloudwatch.IMetric
    threshold: float
    periods: int = 1
    silence_is_bad: bool = False
    is_below: bool = False


class Observability(Construct):
    """Alarms for every queue, function, URL and the gateways; a dashboard; a budget."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        options: Options,
        messaging: Messaging,
        processing: Processing,
        gateways: Gateways,
    ) -> None:
        super().__init__(scope, construct_id)
        self._runbook = options.runbook
        self.topic = self._topic(options)
        self._action = actions.SnsAction(self.topic)
        alarms = [
            *of_queues(messaging),
            *of_functions(processing),
            *of_urls(processing),
            *of_gateways(options, gateways),
            Alarm("webhook-disabled", "webhooks", metric("webhooks_disabled_total", "Sum", period_s=5 * MINUTE_S), 0),
        ]
        if options.canary:
            # Two rounds: a deployment of the gateways may well cost one. Silence too: then nobody looks.
            passed = metric("CanaryPassed", "Minimum")
            alarms.append(Alarm("canary", "round", passed, 1, periods=2, silence_is_bad=True, is_below=True))
        for alarm in alarms:
            if options.alarms == "all" or alarm.kind in FEW:
                self.alarm(alarm)
        self._dashboard(messaging, processing, gateways)
        self._budget(options)

    def alarm(self, alarm: Alarm) -> cloudwatch.Alarm:
        """An alarm that tells the topic when it begins and when it is over, with the way to its paragraph."""
        below, above = (
            cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        )
        treat = cloudwatch.TreatMissingData
        made = cloudwatch.Alarm(
            self,
            f"{alarm.kind}-{alarm.of}",
            alarm_name=f"ocpp-gateway {alarm.kind} {alarm.of}",
            alarm_description=f"What it means and what helps: {self._runbook}#{alarm.kind}",
            metric=alarm.metric,
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            comparison_operator=below if alarm.is_below else above,
            treat_missing_data=treat.BREACHING if alarm.silence_is_bad else treat.NOT_BREACHING,
        )
        made.add_alarm_action(self._action)
        made.add_ok_action(self._action)
        return made

    def _topic(self, options: Options) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        # With a policy of its own a topic loses the one that lets in these.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("cloudwatch", "budgets")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if options.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(options.alarm_email))
        return topic

    def _budget(self, options: Options) -> None:
        def told(kind: str, percent: int) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
            return budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN", notification_type=kind, threshold=percent
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=self.topic.topic_arn)
                ],
            )

        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=options.budget_usd, unit="USD"),
            ),
            notifications_with_subscribers=[told("ACTUAL", 80), told("FORECASTED", 100)],
        )

    def _dashboard(self, messaging: Messaging, processing: Processing, gateways: Gateways) -> None:
        service = gateways.service
        graphs: dict[str, list[cloudwatch.IMetric]] = {
            "Charge points": [metric("Connections", "Sum"), metric("Connections", "Maximum")],
            "Handshakes refused, links lost": [metric("HandshakesRefused", "Sum"), metric("LinksLost", "Sum")],
            "Answers": [metric(name, "Sum") for name in ("CallsAnswered", "CallsSlow", "CallsUnanswered")],
            "Commands without an answer": [metric("CommandTimeouts", "Sum")],
            "CPU and memory, percent": [service.metric_cpu_utilization(), service.metric_memory_utilization()],
            "Oldest record, seconds": [_age(queue) for queue in messaging.all],
            "Dead letters": [_visible(queue) for queue in dead_letters(messaging)],
            "Functions: errors": [_of_function(function, "Errors", "Sum") for function in processing.all],
            "Functions: milliseconds": [_of_function(function, "Duration", "p99") for function in processing.all],
        }
        widgets = [cloudwatch.GraphWidget(title=title, left=left, width=8) for title, left in graphs.items()]
        rows = [widgets[start : start + 3] for start in range(0, len(widgets), 3)]
        cloudwatch.Dashboard(self, "Dashboard", dashboard_name="ocpp-gateway", widgets=rows)


def dead_letters(messaging: Messaging) -> list[sqs.IQueue]:
    """Where records end that nobody could process, and messages that no queue took."""
    redriven = [queue.dead_letter_queue.queue for queue in messaging.all if queue.dead_letter_queue]
    return [*redriven, messaging.rule_errors]


def of_queues(messaging: Messaging) -> Iterator[Alarm]:
    """Nothing in dead letters; nothing waits for long."""
    for queue in dead_letters(messaging):
        yield Alarm("dead-letters", queue.node.id, _visible(queue), 0)
    for queue in messaging.all:
        if queue.fifo:
            continue  # a webhook may be down for a day; webhook-disabled tells when it is given up
        oldest = OLDEST_FRAME_S if queue is messaging.incoming else OLDEST_S
        yield Alarm("queue-age", queue.node.id, _age(queue), oldest, periods=3)


def of_functions(processing: Processing) -> Iterator[Alarm]:
    """Functions end well, in time, and none waits for another."""
    for function in processing.all:
        name = function.node.id
        share = cloudwatch.MathExpression(
            expression="100 * errors / invocations",
            using_metrics={
                "errors": _of_function(function, "Errors", "Sum"),
                "invocations": _of_function(function, "Invocations", "Sum"),
            },
            period=Duration.minutes(5),
        )
        yield Alarm("function-errors", name, share, ERROR_PERCENT)
        limit_ms = (function.timeout or 3) * 1000 * SLOW_DURATION
        yield Alarm("function-duration", name, _of_function(function, "Duration", "p99"), limit_ms, periods=3)
        yield Alarm("function-throttles", name, _of_function(function, "Throttles", "Sum"), 0, periods=2)


def of_urls(processing: Processing) -> Iterator[Alarm]:
    """HTTP requests are answered, and soon, but for commands that wait for a charge point."""
    for function in processing.with_urls:
        name = function.node.id
        yield Alarm("http-5xx", name, _of_function(function, "Url5xxCount", "Sum"), 0)
        if function is not processing.commands:
            yield Alarm("http-latency", name, _of_function(function, "UrlRequestLatency", "p99"), 1_000, periods=3)


def of_gateways(options: Options, gateways: Gateways) -> Iterator[Alarm]:
    """What each gateway logs once a minute, and what the load balancer thinks of it."""
    for kind, name, limit in (
        ("refused-handshakes", "HandshakesRefused", REFUSED),
        ("links-lost", "LinksLost", LINKS_LOST),
        ("command-timeouts", "CommandTimeouts", TIMEOUTS),
        ("unanswered-calls", "CallsUnanswered", UNANSWERED),
    ):
        yield Alarm(kind, "gateways", metric(name, "Sum", period_s=5 * MINUTE_S), limit)
    slow = cloudwatch.MathExpression(
        expression="100 * slow / answered",
        using_metrics={"slow": metric("CallsSlow", "Sum"), "answered": metric("CallsAnswered", "Sum")},
        period=Duration.minutes(5),
    )
    yield Alarm("slow-answers", "gateways", slow, SLOW_PERCENT, periods=2)
    most = metric("Connections", "Maximum")
    yield Alarm("connections-per-task", "gateways", most, options.connections_per_task * FULL, periods=5)
    # Silence too: no gateway at all says nothing.
    yield Alarm("links-up", "gateways", metric("LinksUp", "Minimum"), 1, 2, silence_is_bad=True, is_below=True)
    for group in gateways.balancer.target_groups:
        healthy = group.metrics.healthy_host_count(statistic="Maximum", period=Duration.minutes(1))
        yield Alarm(
            "gateways-healthy", group.node.id, healthy, options.min_tasks, 5, silence_is_bad=True, is_below=True
        )


def _age(queue: sqs.Queue) -> cloudwatch.Metric:
    return queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum")


def _visible(queue: sqs.IQueue) -> cloudwatch.Metric:
    return queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum")


def _of_function(function: lambda_.CfnFunction, name: str, statistic: str) -> cloudwatch.Metric:
    dimensions: dict[str, Any] = {"FunctionName": function.ref}
    return cloudwatch.Metric(
        namespace="AWS/Lambda", metric_name=name, dimensions_map=dimensions, statistic=statistic,
        period=Duration.minutes(5),
    )  # fmt: skip
