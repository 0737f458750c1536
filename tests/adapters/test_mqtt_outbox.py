"""What the outbox promises, whatever happens in whatever order."""

from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt5 import PublishPacket, read

from adapters.mqtt_outbox import Outbox
from adapters.mqtt_publish import Header

WINDOW = 4
HEADER = Header("a/in")
STEPS = st.lists(st.sampled_from(["put", "take", "settle", "throttle", "reconnect", "lose"]), max_size=120)


def packet(data: bytes) -> PublishPacket:
    """What was taken, as the broker reads it."""
    decoded, _ = read(memoryview(data))
    assert isinstance(decoded, PublishPacket)
    return decoded


@settings(max_examples=300, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_nothing_is_lost_doubled_or_overtaken(steps: list[str], chance: object) -> None:
    outbox = Outbox(30, 10_000, 1_000, lambda: 0.0)
    pick = getattr(chance, "choice")  # noqa: B009  # hypothesis' own type says less than it is
    put = 0
    settled: set[int] = set()
    in_flight: dict[int, int] = {}  # packet id -> number
    throttled: set[int] = set()
    for step in steps:
        if step == "put" and outbox.put(HEADER, b"%d" % put):
            put += 1
        elif step == "take" and (data := outbox.take()) is not None:
            number, packet_id = int(packet(data).payload), packet(data).packet_id or 0
            waiting = set(range(put)) - settled - set(in_flight.values())
            assert packet_id not in in_flight
            assert number == min(waiting - throttled, default=number) or number in throttled
            throttled.discard(number)
            in_flight[packet_id] = number
        elif step == "settle" and in_flight:
            packet_id = pick(sorted(in_flight))
            assert outbox.settle(packet_id) is not None
            settled.add(in_flight.pop(packet_id))
        elif step == "throttle" and in_flight:
            packet_id = pick(sorted(in_flight))
            outbox.put_back(packet_id)
            throttled.add(in_flight.pop(packet_id))
        elif step in ("reconnect", "lose"):
            in_flight.clear()
            throttled.clear()
            outbox.disconnected() if step == "lose" else outbox.connected(WINDOW, 1_000)
        assert len(in_flight) <= WINDOW
        assert len(outbox) == put - len(settled)

    outbox.connected(1_000, 1_000)
    left = []
    while (data := outbox.take()) is not None:
        left.append(int(packet(data).payload))

    assert left == sorted(set(range(put)) - settled)


def test_a_throttled_message_keeps_its_place_for_the_next_connection() -> None:
    outbox = Outbox(30, 10_000, 1_000, lambda: 0.0)
    for number in range(3):
        outbox.put(HEADER, b"%d" % number)
    outbox.connected(1, 1_000)
    first = packet(outbox.take() or b"")

    outbox.put_back(first.packet_id or 0)
    outbox.connected(3, 1_000)
    again = [int(packet(outbox.take() or b"").payload) for _ in range(3)]

    assert again == [0, 1, 2]


def test_who_waits_in_the_outbox_is_not_what_the_broker_owes() -> None:
    outbox = Outbox(30, 10_000, 1_000, lambda: 0.0)
    outbox.put(HEADER, b"0")

    before = outbox.oldest()
    outbox.connected(1, 1_000)
    waiting = outbox.oldest()
    first = packet(outbox.take() or b"")
    sent = outbox.oldest()
    outbox.put_back(first.packet_id or 0)
    outbox.take()
    again = outbox.oldest()

    assert before is waiting is None
    assert sent is not None
    assert again is not None
    assert again is not sent


def test_what_has_nothing_to_wait_for_leaves_as_it_is_put() -> None:
    outbox, left = Outbox(30, 10_000, 1_000, lambda: 0.0), list[bytes]()
    outbox.put(HEADER, b"0")
    outbox.connected(2, 1_000, left.append)

    outbox.put(HEADER, b"1")  # behind the one from before
    waiting = [outbox.take() or b"", outbox.take() or b""]
    outbox.settle(packet(waiting[0]).packet_id or 0)
    outbox.put(HEADER, b"2")
    outbox.put(HEADER, b"3")  # the window is full

    assert [bytes(packet(data).payload) for data in waiting] == [b"0", b"1"]
    assert [bytes(packet(data).payload) for data in left] == [b"2"]
    assert outbox.is_waiting
