"""Batches as Lambda hands them over."""

from collections.abc import Iterable
from typing import Any

import orjson

from adapters.memory import MemoryDeadLetters, MemoryRegistry
from domain.models import ChargePoint
from ocppj.frames import Call
from ocppj.versions import V16
from processors import inbox
from processors.lambda_handler import handle
from tests.processors.house import EPOCH, House, Unreachable, UnreachableError, of_frame

CP = "CP-001"


def event(*bodies: str, queue: str = inbox.INCOMING) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"r-{number}",
                "receiptHandle": "h",
                "body": body,
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def frame(house: House, call: Call) -> str:
    return orjson.dumps(of_frame(CP, call, house.now)).decode()


def test_every_record_of_a_batch_is_processed() -> None:
    house = House()
    house.register(CP, V16)

    response = handle(event(*(frame(house, Call(f"m-{n}", "Heartbeat")) for n in range(10))), house.ports())

    assert response == {"batchItemFailures": []}
    assert len(house.outbound.published) == 10


def test_only_what_failed_comes_again() -> None:
    house = House()
    house.register(CP, V16)
    batch = event(
        frame(house, Call("m-1", "Heartbeat")),
        "{",
        frame(house, Call("m-2", "DataTransfer", {"vendorId": "v"})),
        frame(house, Call("m-3", "Heartbeat")),
    )

    response = handle(batch, house.ports(reports=Unreachable()))

    assert response == {"batchItemFailures": [{"itemIdentifier": "r-1"}, {"itemIdentifier": "r-2"}]}
    assert [published.frame[4:7] for published in house.outbound.published] == ["m-1", "m-2", "m-3"]


def test_a_batch_that_failed_whole_is_reported_record_by_record() -> None:
    house = House()

    response = handle(event("{", "[]"), house.ports())

    assert response == {"batchItemFailures": [{"itemIdentifier": "r-0"}, {"itemIdentifier": "r-1"}]}


def test_an_empty_batch_is_no_error() -> None:
    house = House()

    batches: list[dict[str, Any]] = [{"Records": []}, {}]
    responses = [handle(batch, house.ports()) for batch in batches]

    assert responses == [{"batchItemFailures": []}] * 2


def test_the_queue_is_known_by_its_arn() -> None:
    house = House()
    house.register(CP, V16)
    record = {"event": "disconnected", "chargePointId": CP, "epoch": EPOCH, "at": "2026-11-21T12:00:00Z"}
    gone = orjson.dumps(record).decode()

    handle(event(gone, queue=inbox.INCOMING), house.ports())
    before = dict(house.shadows.reported)
    handle(event(gone, queue=inbox.DISCONNECTED), house.ports())

    assert before == {}
    assert house.shadows.reported[CP]["connected"] is False


def test_a_record_that_failed_its_last_attempt_is_a_dead_letter_with_its_reason() -> None:
    house, letters = House(), MemoryDeadLetters()
    first, last = event("{"), event("{")
    for batch, attempt in ((first, "4"), (last, "5")):
        batch["Records"][0]["attributes"] = {"ApproximateReceiveCount": attempt}

    responses = [handle(batch, house.ports(dead_letters=letters)) for batch in (first, last)]

    assert [response["batchItemFailures"] for response in responses] == [[{"itemIdentifier": "r-0"}], []]
    assert letters.buried == [(inbox.INCOMING, "{", "RecordError: a record that is no JSON")]


def test_a_dead_letter_that_cannot_be_sent_is_left_to_the_queue() -> None:
    house = House()
    batch = event("{")
    batch["Records"][0]["attributes"] = {"ApproximateReceiveCount": "5"}

    response = handle(batch, house.ports(dead_letters=Unreachable()))

    assert response == {"batchItemFailures": [{"itemIdentifier": "r-0"}]}


class Picky(MemoryRegistry):
    """A registry with a row nobody can read, which takes no empty key either; as DynamoDB does, it fails as a whole."""

    def find_many(self, charge_point_ids: Iterable[str]) -> dict[str, ChargePoint]:
        """The rows."""
        ids = list(charge_point_ids)
        if "CP-SPOILT" in ids:
            raise ValueError("'Nonsense' is not a valid Registration")
        if "" in ids:
            raise UnreachableError("One of the required keys was not given a value")
        return super().find_many(ids)


def test_a_row_that_cannot_be_read_costs_its_own_record_only() -> None:
    house = House(registry=Picky())
    house.register(CP, V16)
    spoilt = of_frame("CP-SPOILT", Call("m-1", "Heartbeat"), house.now)
    batch = event(orjson.dumps(spoilt).decode(), frame(house, Call("m-2", "Heartbeat")))

    response = handle(batch, house.ports())

    assert response == {"batchItemFailures": [{"itemIdentifier": "r-0"}]}
    assert [published.frame[4:7] for published in house.outbound.published] == ["m-2"]


def test_a_name_no_charge_point_can_have_costs_nobody_anything() -> None:
    house = House(registry=Picky())
    house.register(CP, V16)
    nameless = of_frame("", Call("m-1", "Heartbeat"), house.now)
    batch = event(orjson.dumps(nameless).decode(), frame(house, Call("m-2", "Heartbeat")))

    response = handle(batch, house.ports())

    assert response == {"batchItemFailures": []}
    assert [published.frame[4:7] for published in house.outbound.published] == ["m-2"]
