"""The facts of a transaction add up to the same, in any order and however often they come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.memory import MemoryTransactions
from domain import transactions
from domain.models import Transaction, TransactionEvent
from ocppj.versions import V16, V201

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

_maybe = st.none()
_facts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "connector": _maybe | st.sampled_from(["1", "1.1", "2.1"]),
        "id_token": _maybe | st.sampled_from(["A", "B"]),
        "meter_start_wh": _maybe | st.integers(0, 9),
        "charging_state": _maybe | st.sampled_from(["Charging", "SuspendedEV", "Idle"]),
        "energy_wh": _maybe | st.floats(0, 1e6),
        "power_w": _maybe | st.floats(0, 1e6),
        "soc_percent": _maybe | st.floats(0, 100),
        "sampled_at": _maybe | st.integers(0, 5000).map(lambda ms: NOON + timedelta(microseconds=ms)),
        "stop_id_token": _maybe | st.sampled_from(["A", "B"]),
        "remote_start_id": _maybe | st.integers(0, 3),
    }
)


@st.composite
def trains(draw: st.DrawFn) -> list[TransactionEvent]:
    """A Started, some Updated, an Ended; device times may repeat and even jump back."""
    said = draw(st.lists(_facts, min_size=2, max_size=6))
    train = []
    for seq_no, facts in enumerate(said):
        at = NOON + timedelta(microseconds=draw(st.integers(0, 5000)))
        last = seq_no == len(said) - 1
        more: dict[str, Any] = (
            {"started_at": at} if seq_no == 0 else {"ended_at": at, "stop_reason": "Local"} if last else {}
        )
        about = Transaction("CP-1", "T-1", V201, **facts, **more)
        kind = "Started" if seq_no == 0 else "Ended" if last else "Updated"
        train.append(TransactionEvent(seq_no, kind, "Trigger", at, False, about, {}))
    return train


def recorded(train: list[TransactionEvent]) -> tuple[Transaction, list[TransactionEvent]]:
    store = MemoryTransactions()
    result = [store.record(event) for event in train][-1]
    return result, store.events("CP-1", "T-1")


@given(st.data())
def test_any_order_and_repetition_of_events_gives_the_same_transaction(data: st.DataObject) -> None:
    train = data.draw(trains())
    repeated = data.draw(st.lists(st.sampled_from(train), max_size=6))
    shuffled = data.draw(st.permutations(train + repeated))

    clean, disorderly = recorded(train), recorded(list(shuffled))

    assert disorderly == clean
    assert len(clean[1]) == len(train)


@given(trains(), st.integers(0, 5), st.lists(st.integers(0, 5000), max_size=4, unique=True))
def test_meter_values_in_between_change_nothing_about_that(
    train: list[TransactionEvent], place: int, taken_at: list[int]
) -> None:
    samples = [
        Transaction("CP-1", "T-1", V201, power_w=float(ms), sampled_at=NOON + timedelta(milliseconds=ms))
        for ms in taken_at
    ]
    early, late = MemoryTransactions(), MemoryTransactions()

    for number, event in enumerate(train):
        early.record(event)
        if number == min(place, len(train) - 1):
            for sample in samples:
                early.sample(sample)
    for event in train:
        late.record(event)
    for sample in reversed(samples):
        late.sample(sample)

    assert early.find("CP-1", "T-1") == late.find("CP-1", "T-1")


def test_an_end_that_comes_first_is_still_an_end() -> None:
    started = Transaction("CP-1", "T-1", V201, started_at=NOON, id_token="A")
    ended = Transaction("CP-1", "T-1", V201, ended_at=NOON + timedelta(hours=1), stop_reason="Remote")
    store = MemoryTransactions()

    early = store.record(TransactionEvent(1, "Ended", "RemoteStop", NOON + timedelta(hours=1), False, ended, {}))
    both = store.record(TransactionEvent(0, "Started", "Authorized", NOON, True, started, {}))

    assert (early.is_open, early.started_at) == (False, None)
    assert both == replace(ended, started_at=NOON, id_token="A", event_numbers="0..1")
    assert (early.rules, both.rules) == (("stop_without_start",), ())


def test_the_natural_key_tells_starts_apart_and_repetitions_not() -> None:
    start = Transaction("CP-1", "", V16, connector="1", id_token="Abc", started_at=NOON, meter_start_wh=0)
    others = [
        replace(start, charge_point_id="CP-2"),
        replace(start, connector="2"),
        replace(start, id_token="Abd"),
        replace(start, started_at=NOON + timedelta(seconds=1)),
        replace(start, meter_start_wh=1),
    ]

    keys = {transactions.natural_key(each) for each in [start, *others]}

    assert len(keys) == 6
    assert transactions.natural_key(replace(start, id_token="ABC", transaction_id="7")) in keys
