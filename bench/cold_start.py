"""What a cold start of the processors' Lambda costs: `python -m bench.cold_start`.

Each run is a new process that imports the handler and answers one Heartbeat, with tables and topics of the emulator.
Counted is the processor time of that process, from the start of the interpreter to the answer; modules that the
package for AWS leaves out can't be imported. "Uncompiled" is without bytecode, as from a zip that has none.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from adapters import dynamodb
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import Boot, ChargePoint, Connection
from infra.local import cloud
from infra.package import LEFT_OUT, ROOT
from ocppj.versions import V16
from tests.adapters.stores import create_tables

STARTS = """
import sys, time
sys.modules.update(dict.fromkeys(sys.argv[2].split()))
from processors.lambda_handler import handler
imported = time.process_time()
response = handler(__import__("json").loads(sys.argv[1]), None)
assert response == {"batchItemFailures": []}, response
print(f"{imported * 1000} {time.process_time() * 1000}")
"""
CHARGE_POINT = "COLD-001"


def event() -> str:
    """A batch with one Heartbeat."""
    now = datetime.now(UTC)
    frame = {"chargePointId": CHARGE_POINT, "message": [2, "1", "Heartbeat", {}], "receivedAt": now.timestamp() * 1000}
    record = {
        "messageId": "r-1",
        "body": orjson.dumps(frame).decode(),
        "attributes": {},
        "eventSourceARN": "a:b:IncomingMessagesQueue",
    }
    return orjson.dumps({"Records": [record]}).decode()


def start(environment: Mapping[str, str]) -> tuple[float, float]:
    """CPU ms until the handler is imported, and until it has answered."""
    command = [sys.executable, "-c", STARTS, event(), " ".join(LEFT_OUT)]
    said = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    imported, answered = said.stdout.split()
    return float(imported), float(answered)


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as state, cloud.running(Path(state)) as aws:
        environment = {**os.environ, **aws.environment()}
        create_tables(aws.client("dynamodb"))
        now = datetime.now(UTC)
        DynamoRegistry(aws.client("dynamodb"), dynamodb.Tables()).add(
            ChargePoint(CHARGE_POINT, boot=Boot("V", "M", now), connection=Connection(V16, "g", 0, 1, now))
        )
        uncompiled = environment | {"PYTHONPYCACHEPREFIX": f"{state}/none", "PYTHONDONTWRITEBYTECODE": "1"}
        start(environment)  # writes what bytecode is missing
        for name, each in (("compiled", environment), ("uncompiled", uncompiled)):
            times = [start(each) for _ in range(runs)]
            imported, answered = (statistics.median(column) for column in zip(*times, strict=True))
            least = min(answered for _, answered in times)
            print(f"{name:12} imported {imported:5.0f} ms, answered {answered:5.0f} ms of CPU (least {least:.0f})")  # noqa: T201


if __name__ == "__main__":
    main()
