"""What leaves the house: a bus for events, lanes for webhooks, and the functions that fill and empty them."""

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from infra.data import Data
from infra.messaging import PROCESSING_TIMEOUT_S, Messaging, allow
from infra.options import Options
from infra.processing import CONSUME, READ, SEND, Processing, on_tables

BUS = "ocppgw.events"
BATCH = 3  # posts, each of which may take five seconds
READ_STREAM = (
    "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream", "dynamodb:ListStreams",
)  # fmt: skip


def add_events(processing: Processing, data: Data, messaging: Messaging, options: Options) -> None:
    """Add them. A lane of its own for each webhook: one that is slow has nobody else wait."""
    bus = events.EventBus(processing, "EventBus", event_bus_name=BUS)
    lanes = [messaging.queue(f"Webhooks{number}", is_fifo=True) for number in range(1, options.webhooks + 1)]
    arns = [lane.queue_arn for lane in lanes]
    stream = data.events.table_stream_arn or ""
    relay = processing.function(
        "EventsFunction",
        "events.lambda_handler.relay",
        PROCESSING_TIMEOUT_S,
        [
            *on_tables(READ, data.events),
            allow(READ_STREAM, [stream]),
            allow(SEND, arns),
            allow(["events:PutEvents"], [bus.event_bus_arn]),
        ],
    )
    mapping = lambda_.CfnEventSourceMapping(
        processing,
        "EventsMapping",
        event_source_arn=stream,
        function_name=relay.ref,
        batch_size=100,
        # Nothing is given up: a batch that fails comes again until the stream forgets it, after 24 hours.
        starting_position="TRIM_HORIZON",
        bisect_batch_on_function_error=True,
        filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
            filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern='{"eventName": ["INSERT"]}')]
        ),
    )
    mapping.override_logical_id("EventsMapping")
    deliver = processing.function(
        "WebhooksFunction",
        "events.lambda_handler.deliver",
        PROCESSING_TIMEOUT_S,
        [*on_tables((*READ, "dynamodb:UpdateItem", "dynamodb:PutItem"), data.events), allow(CONSUME, arns)],
    )
    for lane in lanes:
        _empty(lane, deliver, processing)


def _empty(lane: sqs.Queue, deliver: lambda_.CfnFunction, processing: Processing) -> None:
    mapping = lambda_.CfnEventSourceMapping(
        processing,
        f"{lane.node.id}Mapping",
        event_source_arn=lane.queue_arn,
        function_name=deliver.ref,
        batch_size=BATCH,
        function_response_types=["ReportBatchItemFailures"],
        # So that one webhook takes no more than its share of the functions of the account.
        scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=10),
    )
    mapping.override_logical_id(f"{lane.node.id}Mapping")
