"""The function that makes the steps of jobs, and what feeds it."""

from infra.data import Data
from infra.messaging import Messaging
from infra.processing import Processing, commanding


def add_jobs(processing: Processing, data: Data, messaging: Messaging) -> None:
    """Add a function of its own: it may command, and nobody calls it but its queue."""
    handler = "remote_commands.lambda_handler.work"
    processing.processor("JobsFunction", handler, commanding(data, messaging), [messaging.job_steps])
