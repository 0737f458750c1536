"""Frames the broker does not take, and the way around it."""

import threading

import orjson

from adapters.memory_link import MemoryBroker
from domain.models import ChargePoint
from tests.gateway.house import hear, house, until

LARGE = "x" * 300_000


class Queue:
    """A queue in memory that may be out of order."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self.is_broken = False
        self.go_on = threading.Event()
        self.go_on.set()

    def send(self, record: str) -> None:
        self.go_on.wait(5)
        if self.is_broken:
            raise ConnectionError("no queue")
        self.records.append(record)


async def test_b26_a_large_frame_goes_to_the_queue_in_the_shape_of_the_rule_and_is_answered() -> None:
    queue = Queue()
    async with house(broker=MemoryBroker(max_packet_size=131_072), large_frames=queue) as here:
        socket = await here.connect()
        (connected,) = here.events("connected")

        await socket.send('[2,"s1","StopTransaction",{"transactionData":"' + LARGE + '","x":1.50}]')
        await until(lambda: queue.records)
        here.tell("CP1", [3, "s1", {}], epoch=connected["epoch"])

        assert await hear(socket) == [3, "s1", {}]
        (record,) = map(orjson.loads, queue.records)
        assert record["chargePointId"] == "CP1"
        assert record["message"] == [2, "s1", "StopTransaction", {"transactionData": LARGE, "x": 1.5}]
        assert (record["ocpp"], record["epoch"]) == ("ocpp1.6", str(connected["epoch"]))
        assert abs(record["receivedAt"] - connected["epoch"]) < 60_000
        assert here.heard("CP1") == []


async def test_a_call_that_does_not_reach_the_queue_is_an_internal_error_at_once() -> None:
    queue = Queue()
    queue.is_broken = True
    async with house(broker=MemoryBroker(max_packet_size=131_072), large_frames=queue) as here:
        socket = await here.connect()

        await socket.send('[2,"s1","StopTransaction",{"transactionData":"' + LARGE + '"}]')

        assert (await hear(socket))[:3] == [4, "s1", "InternalError"]


async def test_an_answer_that_does_not_reach_the_queue_still_comes_back_as_one_frame() -> None:
    queue = Queue()
    queue.is_broken = True
    async with house(broker=MemoryBroker(max_packet_size=131_072), large_frames=queue) as here:
        socket = await here.connect()
        here.tell("CP1", [2, "m1", "GetConfiguration", {}])
        await hear(socket)

        await socket.send('[3,"m1",{"configurationKey":"' + LARGE + '"}]')
        await until(lambda: here.heard("CP1"))

        (error,) = here.heard("CP1")
        assert error[:3] == [4, "m1", "GenericError"]
        assert error[4]["reason"] == "too_large"


async def test_a_stop_waits_for_the_frames_on_their_way_to_the_queue() -> None:
    queue = Queue()
    queue.go_on.clear()
    async with house(broker=MemoryBroker(max_packet_size=131_072), large_frames=queue) as here:
        socket = await here.connect()
        await socket.send('[2,"s1","StopTransaction",{"transactionData":"' + LARGE + '"}]')
        await until(lambda: here.gateway.metrics.tally.calls_in)
        here.gateway.stop()
        await until(lambda: not here.gateway.sessions)
        queue.go_on.set()

    assert len(queue.records) == 1


async def test_more_than_the_queue_keeps_up_with_is_refused_not_kept() -> None:
    queue = Queue()
    queue.go_on.clear()
    async with house([ChargePoint("CP1")], broker=MemoryBroker(max_packet_size=1_024), large_frames=queue) as here:
        socket = await here.connect()
        for number in range(33):
            await socket.send(f'[2,"{number}","DataTransfer",{{"data":"{"x" * 2_000}"}}]')

        assert (await hear(socket))[:3] == [4, "32", "InternalError"]
        queue.go_on.set()
        await until(lambda: len(queue.records) == 32)


async def test_without_a_way_around_a_large_frame_is_an_error() -> None:
    async with house(broker=MemoryBroker(max_packet_size=131_072)) as here:
        socket = await here.connect()

        await socket.send('[2,"s1","StopTransaction",{"transactionData":"' + LARGE + '"}]')

        assert (await hear(socket))[:3] == [4, "s1", "InternalError"]
