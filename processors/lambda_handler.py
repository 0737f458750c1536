"""The Lambda way to feed the inbox: one function for all queues, partial batch failures by Powertools."""

from typing import Any

import structlog
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from processors import inbox
from processors.ports import Ports

log = structlog.get_logger(__name__)


def handle(event: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """Process a batch of SQS records; returns the ids of those that must come again."""
    records = event.get("Records") or []
    if not records:  # Powertools raises on an empty batch; a warm-up call sends one
        return {"batchItemFailures": []}
    rows = inbox.rows_of((record["body"] for record in records), ports)

    def one(record: SQSRecord) -> None:
        queue = record.event_source_arn.rpartition(":")[2]
        try:
            inbox.process(inbox.read(record.body), ports, queue=queue, rows=rows)
        except Exception:
            # The outermost loop; Powertools takes it from here and reports the record as failed.
            log.exception("record not processed", queue=queue, record=record.message_id)
            raise

    # All failed is no different from some failed: every one is reported, none is hidden behind an exception.
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event, one, processor))
