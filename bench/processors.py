"""How many records a second one core processes: `python -m bench.processors`, with `--emulator` the worker too.

In memory it is what our own code costs, JSON in to JSON out. On the emulator it is what a worker of so many threads
does with DynamoDB, SQS and MQTT behind HTTP on the same machine: the emulator bounds it, not we.
"""

import argparse
import gc
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import structlog

from adapters import sqs
from adapters.memory import (
    MemoryCommands,
    MemoryIdTokens,
    MemoryOutbound,
    MemoryRegistry,
    MemoryReports,
    MemoryShadowRepairs,
    MemoryShadows,
    MemoryTariffs,
    MemoryTransactions,
)
from adapters.memory_commands import MemoryCommandLines
from adapters.memory_pages import MemoryTransactionPages
from adapters.sqs import SqsQueue
from domain.models import Boot, ChargePoint, Connection, IdToken
from infra.local import cloud
from ocppj import timestamps
from ocppj.versions import V16, V201, Version
from processors import inbox, worker
from processors.lambda_handler import on_aws
from processors.ports import Ports
from processors.settings import Settings
from tests.adapters.stores import create_tables

CHARGE_POINTS = 1_000
SECONDS = 2.0
BATCH = 10
THREADS = 4
BEGAN = datetime.now(UTC).replace(microsecond=0)

Make = Callable[[int], dict[str, Any]]


def name(number: int) -> str:
    return f"CP-{number % CHARGE_POINTS:04}"


def at(number: int) -> str:
    return timestamps.write(BEGAN - timedelta(hours=1) + timedelta(milliseconds=number))


def record(number: int, version: Version, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "chargePointId": name(number),
        "message": [2, str(number), action, payload],
        "receivedAt": int(BEGAN.timestamp() * 1000),
        "epoch": 1,
        "ocpp": version.subprotocol,
    }


def heartbeat(number: int) -> dict[str, Any]:
    return record(number, V16, "Heartbeat", {})


def status(number: int) -> dict[str, Any]:
    said = {"connectorId": 1, "errorCode": "NoError", "status": ("Available", "Charging")[number // CHARGE_POINTS % 2]}
    return record(number, V16, "StatusNotification", said | {"timestamp": at(number)})


def transaction_event(number: int) -> dict[str, Any]:
    """A session of ten events on each charge point: one Started with a token, eight with samples, one Ended."""
    session, seq_no = divmod(number // CHARGE_POINTS, 10)
    samples = [
        {"value": 1000.0 + 10 * seq_no, "context": "Sample.Periodic"},
        {"value": 7200.0, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}},
        {"value": 16.0, "measurand": "Current.Import", "phase": "L1"},
        {"value": 55, "measurand": "SoC", "location": "EV"},
    ]
    said: dict[str, Any] = {
        "eventType": "Started" if seq_no == 0 else "Ended" if seq_no == 9 else "Updated",
        "timestamp": at(number),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": f"tx-{session}", "chargingState": "Charging"},
        "meterValue": [{"timestamp": at(number), "sampledValue": samples}],
    }
    if seq_no == 0:
        said |= {"evse": {"id": 1, "connectorId": 1}, "idToken": {"idToken": "ABC", "type": "ISO14443"}}
    return record(number, V201, "TransactionEvent", said)


WORK: dict[str, Make] = {"Heartbeat": heartbeat, "StatusNotification": status, "TransactionEvent": transaction_event}


def rows() -> list[ChargePoint]:
    boot, connection = Boot("V", "M", BEGAN), Connection(V16, "g", 0, 1, BEGAN)
    return [ChargePoint(name(number), boot=boot, connection=connection) for number in range(CHARGE_POINTS)]


def in_memory() -> Ports:
    registry, transactions = MemoryRegistry(rows()), MemoryTransactions()
    return Ports(
        registry=registry,
        observations=registry,
        passwords=registry,
        id_tokens=MemoryIdTokens([IdToken("abc")]),
        tariffs=MemoryTariffs(),
        transactions=transactions,
        history=transactions,
        open_transactions=MemoryTransactionPages(transactions),
        commands=MemoryCommands(),
        command_lines=MemoryCommandLines(),
        reports=MemoryReports(),
        outbound=MemoryOutbound(),
        shadows=MemoryShadows(),
        shadow_repairs=MemoryShadowRepairs(),
        clock=lambda: BEGAN,
        settings=Settings(),
    )


def batches(make: Make) -> Iterator[list[str]]:
    number = 0
    while True:
        yield [orjson.dumps(make(number + n)).decode() for n in range(BATCH)]
        number += BATCH


def measure(make: Make, seconds: float) -> float:
    """Records a second of processor time, batch by batch as a Lambda gets them."""
    ports, source = in_memory(), batches(make)
    spent, done = 0.0, 0
    while spent < seconds:
        bodies = next(source)
        began = time.process_time()
        found = inbox.rows_of(bodies, ports)
        for body in bodies:
            inbox.process(inbox.read(body), ports, queue=inbox.INCOMING, rows=found)
        spent += time.process_time() - began
        done += len(bodies)
        gc.freeze()  # what lies in the stores would be looked through again and again; a function has none of it
    gc.unfreeze()
    return done / spent


def on_emulator(make: Make, records: int) -> float:
    """Records a second of a worker whose queue, tables and broker are the emulator's."""
    with tempfile.TemporaryDirectory() as state, cloud.running(Path(state)) as aws:
        os.environ |= aws.environment()
        create_tables(aws.client("dynamodb"))
        client = aws.client("sqs")
        url = client.create_queue(QueueName=inbox.INCOMING)["QueueUrl"]
        client.create_queue(QueueName=inbox.SHADOW_REPAIRS)
        ports = on_aws(Settings(), lambda rule: None)
        for row in rows()[:records]:
            ports.registry.add(row)
        for bodies in islice(batches(make), records // BATCH):
            entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
            client.send_message_batch(QueueUrl=url, Entries=entries)
        return records / drain(client, url, ports)


def drain(client: Any, url: str, ports: Ports) -> float:
    """How many seconds a worker takes for what is in the queue."""
    stop, began = threading.Event(), time.monotonic()
    queues = [SqsQueue(sqs.connect(), inbox.INCOMING) for _ in range(THREADS)]
    running = threading.Thread(target=worker.run, args=(queues, ports, stop))
    running.start()
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while any(map(int, client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())):
        time.sleep(0.1)
    took = time.monotonic() - began
    stop.set()
    running.join()
    return took


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of processor time for each action")
    parser.add_argument("--emulator", action="store_true", help="the worker against the emulator, too")
    parser.add_argument("--records", type=int, default=500, help="of each action, on the emulator")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for action, make in WORK.items():
        print(f"{action:20} {measure(make, chosen.seconds):8,.0f} records/s per core, in memory")  # noqa: T201
    if chosen.emulator:
        for action, make in WORK.items():
            rate = on_emulator(make, chosen.records)
            print(f"{action:20} {rate:8,.0f} records/s, worker on the emulator")  # noqa: T201


if __name__ == "__main__":
    main()
