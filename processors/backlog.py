"""What comes too late for an answer, after an outage say: some of it may wait until those are served who wait for one.

A charge point repeats what belongs to a transaction until it is answered (S16 3.7.1), and each repetition stands in
line. To store it takes a dozen requests, so ten minutes of it would keep everybody waiting for longer than they wait.
It is put off by minutes, once, evenly spread; what is told only once is stored at once.
"""

import zlib
from collections.abc import Sequence

import orjson
import structlog

from processors import inbox
from processors.errors import RecordError
from processors.ports import Ports

SOONEST_S, LATEST_S = 60, 600
REPEATED = frozenset({"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"})

log = structlog.get_logger(__name__)


def may_wait(body: str, attempt: int, ports: Ports) -> bool:
    """Whether nobody waits for this record, and it was not put off before; `attempt` counts from 1."""
    if ports.deferrals is None or attempt > 1:
        return False
    try:
        record = inbox.read(body)
    except RecordError:
        return False
    match record:
        case {"message": [2, _, str(action), *_], "receivedAt": int() | float() as received_ms}:
            age_s = ports.clock().timestamp() - received_ms / 1000
            return action in REPEATED and age_s >= ports.settings.call_timeout_s and "putOff" not in record
    return False


def put_off(bodies: Sequence[str], ports: Ports) -> None:
    """Have these records come again later."""
    if ports.deferrals is None or not bodies:
        return
    ports.deferrals.put_off([(_marked(body), _delay_s(body)) for body in bodies])
    log.info("late records put off", records=len(bodies))


def _marked(body: str) -> str:
    return orjson.dumps(inbox.read(body) | {"putOff": True}).decode()


def _delay_s(body: str) -> int:
    return SOONEST_S + zlib.crc32(body.encode()) % (LATEST_S - SOONEST_S)
