"""Records that can't be processed: after the last attempt they go to the dead letters, with the reason."""

import structlog

from processors.ports import Ports

log = structlog.get_logger(__name__)


def bury(queue: str, body: str, attempt: int, error: Exception, ports: Ports) -> bool:
    """Put a record that failed once more to the dead letters, if this was its last attempt; whether it went there.

    What can't be put there is left to the queue's own redrive policy, which knows no reason.
    """
    if ports.dead_letters is None or attempt < ports.settings.attempts:
        return False
    try:
        ports.dead_letters.bury(queue, body, f"{type(error).__name__}: {error}")
    except Exception:
        # Broad on purpose: this is the outermost loop's last resort, and there is another after it.
        log.exception("dead letter not sent, left to the queue", queue=queue)
        return False
    log.error("record given up", queue=queue, attempt=attempt, reason=type(error).__name__)
    return True
