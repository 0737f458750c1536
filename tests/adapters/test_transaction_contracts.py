"""What the stores of transactions promise, whatever they are made of."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.models import Transaction, TransactionEvent
from domain.reconciler import reconciled
from domain.tariffs import Tariff
from domain.transactions import MAX_TRANSACTION_ID
from ocppj.versions import V16, V201
from tests.adapters.stores import NOON, SECOND, Stores


def start(charge_point_id: str, **facts: Any) -> Transaction:
    plain = Transaction(
        charge_point_id, "", V16, connector="1", id_token="ABC", started_at=NOON, meter_start_wh=10, reservation_id=3
    )
    return replace(plain, **facts)


def stop(charge_point_id: str, transaction_id: str, **facts: Any) -> Transaction:
    plain = Transaction(
        charge_point_id,
        transaction_id,
        V16,
        ended_at=NOON + 60 * SECOND,
        meter_stop_wh=1010,
        stop_reason="Local",
        stop_id_token="ABC",
    )
    return replace(plain, **facts)


def event(charge_point_id: str, seq_no: int, transaction_id: str = "T-1", **facts: Any) -> TransactionEvent:
    about = Transaction(charge_point_id, transaction_id, V201, **facts)
    payload = {"seqNo": seq_no, "z": 1.5, "a": [1e300, None]}
    return TransactionEvent(seq_no, "Updated", "MeterValuePeriodic", NOON + seq_no * SECOND, False, about, payload)


def train(charge_point_id: str, length: int) -> list[TransactionEvent]:
    """The events of a session: plugged in, charging, ended."""
    updates = [
        event(charge_point_id, n, energy_wh=n * 0.1, sampled_at=NOON + n * SECOND, charging_state="Charging")
        for n in range(1, length - 1)
    ]
    begin = event(charge_point_id, 0, started_at=NOON, connector="1.1", id_token="ABC", id_token_type="ISO14443")
    end = event(charge_point_id, length - 1, ended_at=NOON + length * SECOND, stop_reason="Remote", meter_stop_wh=9)
    return [begin, *updates, end]


def test_a_start_gets_an_id_and_is_stored(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))

    assert 0 < int(begun.transaction_id) <= MAX_TRANSACTION_ID
    assert begun == start(stores.name, transaction_id=begun.transaction_id)
    assert stores.transactions.find(stores.name, begun.transaction_id) == begun


def test_a_start_repeated_is_the_same_transaction(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    ended = stores.transactions.finish(stop(stores.name, begun.transaction_id))

    again = stores.transactions.begin(start(stores.name, id_token_status="Invalid"))

    assert again == ended
    assert again.started_at == NOON


def test_a_start_repeated_after_the_next_one_changes_nothing(stores: Stores) -> None:
    first = stores.transactions.begin(start(stores.name))
    following = start(stores.name, started_at=NOON + 60 * SECOND)
    again = [stores.transactions.begin(start(stores.name)) for _ in range(3)]
    stores.transactions.begin(following)
    closed = stores.transactions.begin(start(stores.name))

    assert again == [first] * 3
    assert closed == replace(first, next_started_at=following.started_at, rules=closed.rules)
    assert not closed.is_open


def test_starts_that_differ_get_ids_that_differ(stores: Stores) -> None:
    starts = [
        start(stores.name),
        start(stores.name, connector="2"),
        start(stores.name, meter_start_wh=11),
        start(f"{stores.name}-other"),
    ]

    ids = {stores.transactions.begin(each).transaction_id for each in starts}

    assert len(ids) == 4


def test_starts_at_the_same_moment_get_ids_that_differ_and_repetitions_the_same(stores: Stores) -> None:
    starts = [start(f"{stores.name}-{number % 10}") for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(stores.transactions.begin, starts))

    ids = {each.charge_point_id: set[str]() for each in begun}
    for each in begun:
        ids[each.charge_point_id].add(each.transaction_id)
    assert [len(of_one) for of_one in ids.values()] == [1] * 10
    assert len(set.union(*ids.values())) == 10


def test_an_id_on_which_a_stop_was_orphaned_is_not_given_out(stores: Stores) -> None:
    before = int(stores.transactions.begin(start(f"{stores.name}-other")).transaction_id)
    orphans = [stores.transactions.finish(stop(stores.name, str(before + ahead))) for ahead in (1, 2)]

    begun = stores.transactions.begin(start(stores.name))

    assert int(begun.transaction_id) == before + 3
    assert [stores.transactions.find(stores.name, orphan.transaction_id) for orphan in orphans] == orphans


def test_the_first_stop_wins(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))

    ended = stores.transactions.finish(stop(stores.name, begun.transaction_id))
    again = stores.transactions.finish(
        stop(stores.name, begun.transaction_id, meter_stop_wh=9, ended_at=NOON, stop_reason="PowerLoss")
    )

    assert ended == reconciled(
        replace(begun, ended_at=NOON + 60 * SECOND, meter_stop_wh=1010, stop_reason="Local", stop_id_token="ABC")
    )
    assert again == ended
    assert stores.transactions.find(stores.name, begun.transaction_id) == ended


def test_a_stop_of_an_unknown_transaction_is_an_orphan(stores: Stores) -> None:
    orphan = stores.transactions.finish(stop(stores.name, "2000000000"))

    assert (orphan.started_at, orphan.is_open) == (None, False)
    assert stores.transactions.find(stores.name, "2000000000") == reconciled(stop(stores.name, "2000000000"))
    assert orphan.rules == ("stop_without_start",)


def test_samples_bring_a_transaction_up_to_date_by_the_devices_clock(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    about = Transaction(stores.name, begun.transaction_id, V16)

    stores.transactions.sample(replace(about, energy_wh=0.1 + 0.2, sampled_at=NOON + 2 * SECOND))
    stores.transactions.sample(replace(about, energy_wh=99.0, power_w=1e300, sampled_at=NOON + SECOND))

    assert stores.transactions.find(stores.name, begun.transaction_id) == reconciled(
        replace(begun, energy_wh=0.1 + 0.2, power_w=1e300, sampled_at=NOON + 2 * SECOND)
    )


def test_samples_create_no_transaction(stores: Stores) -> None:
    stores.transactions.sample(Transaction(stores.name, "1", V16, energy_wh=1.0, sampled_at=NOON))

    assert stores.transactions.find(stores.name, "1") is None


def test_events_add_up(stores: Stores) -> None:
    results = [stores.transactions.record(each) for each in train(stores.name, 5)]

    assert results[-1] == Transaction(
        stores.name,
        "T-1",
        V201,
        connector="1.1",
        id_token="ABC",
        id_token_type="ISO14443",
        started_at=NOON,
        ended_at=NOON + 5 * SECOND,
        meter_stop_wh=9,
        stop_reason="Remote",
        charging_state="Charging",
        energy_wh=3 * 0.1,
        sampled_at=NOON + 3 * SECOND,
        event_numbers="0..4",
    )
    assert stores.transactions.find(stores.name, "T-1") == results[-1]


@pytest.mark.parametrize("order", [(5, 4, 3, 2, 1, 0), (0, 0, 2, 1, 5, 5, 4, 3, 1), (3, 0, 5, 2, 4, 1, 0, 3)])
def test_events_in_any_order_and_repeated_add_up_to_the_same(stores: Stores, order: tuple[int, ...]) -> None:
    clean = [stores.transactions.record(each) for each in train(stores.name, 6)][-1]
    other = f"{stores.name}-other"
    events = train(other, 6)

    disorderly = [stores.transactions.record(events[number]) for number in order][-1]

    assert disorderly == replace(clean, charge_point_id=other)


def test_how_it_started_is_what_the_earliest_event_says_and_how_it_is_what_the_latest_does(stores: Stores) -> None:
    stores.transactions.record(event(stores.name, 1, id_token="B", remote_start_id=7, connector="1"))
    stores.transactions.record(event(stores.name, 2, id_token="C", charging_state="SuspendedEV", connector="1.1"))

    recorded = stores.transactions.record(event(stores.name, 0, id_token="A", charging_state="Idle", connector="2.1"))

    assert (recorded.id_token, recorded.remote_start_id) == ("A", 7)
    assert (recorded.charging_state, recorded.connector) == ("SuspendedEV", "1.1")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_events_within_a_millisecond_count_by_their_number(stores: Stores, order: tuple[int, int]) -> None:
    events = [
        replace(event(stores.name, 0, charging_state="Idle"), at=NOON + timedelta(microseconds=900)),
        replace(event(stores.name, 1, charging_state="Charging"), at=NOON + timedelta(microseconds=100)),
    ]

    recorded = [stores.transactions.record(events[number]) for number in order][-1]

    assert recorded.charging_state == "Charging"


def test_events_at_the_same_moment_add_up_to_the_same(stores: Stores) -> None:
    clean = [stores.transactions.record(each) for each in train(stores.name, 5)][-1]
    other = f"{stores.name}-other"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(stores.transactions.record, train(other, 5)))

    assert stores.transactions.find(other, "T-1") == replace(clean, charge_point_id=other)


def test_transactions_of_two_stations_may_have_the_same_id(stores: Stores) -> None:
    other = f"{stores.name}-other"

    stores.transactions.record(event(stores.name, 0, energy_wh=1.0))
    stores.transactions.record(event(other, 0, energy_wh=2.0))

    found = [stores.transactions.find(name, "T-1") for name in (stores.name, other)]
    assert [each.energy_wh for each in found if each] == [1.0, 2.0]


@pytest.mark.parametrize("transaction_id", ["", "T-1#event#0000000000", "start#1", "%", "%23", "a%b#c", "ä/+"])
def test_whatever_a_station_calls_its_transaction_is_its_own_thing(stores: Stores, transaction_id: str) -> None:
    stores.transactions.record(event(stores.name, 0))

    recorded = stores.transactions.record(event(stores.name, 0, transaction_id, energy_wh=5.0))

    assert recorded.transaction_id == transaction_id
    assert stores.transactions.find(stores.name, transaction_id) == recorded
    plain = stores.transactions.find(stores.name, "T-1")
    assert plain is not None
    assert plain.energy_wh is None


def test_events_that_all_have_the_number_0_are_told_apart_by_time_and_type(stores: Stores) -> None:
    begin, *_, end = [replace(each, seq_no=0) for each in train(stores.name, 4)]
    begin, end = replace(begin, event_type="Started"), replace(end, event_type="Ended", at=begin.at)

    for each in (end, begin, end):
        stores.transactions.record(each)

    recorded = stores.transactions.find(stores.name, "T-1")
    assert recorded is not None
    assert (recorded.started_at, recorded.is_open, recorded.is_complete) == (NOON, False, True)
    assert len(stores.transactions.told(stores.name, "T-1")) == 2


def test_gaps_in_the_numbers_are_seen_until_they_are_filled(stores: Stores) -> None:
    events = train(stores.name, 6)

    gappy = [stores.transactions.record(events[number]) for number in (5, 0, 2, 1)][-1]
    whole = [stores.transactions.record(events[number]) for number in (4, 3)][-1]

    assert (gappy.event_numbers, gappy.is_complete) == ("0..2,5", False)
    assert (whole.event_numbers, whole.is_complete) == ("0..5", True)


def test_what_was_told_about_a_transaction_is_kept_in_its_order_once(stores: Stores) -> None:
    events = train(stores.name, 3)
    about = Transaction(stores.name, "7", V16, energy_wh=2.0, sampled_at=NOON)
    values = [{"timestamp": f"2026-11-21T12:0{n}:00Z", "sampledValue": [{"value": str(n)}]} for n in (2, 1)]

    for number in (2, 0, 1, 0):
        stores.transactions.record(events[number])
    for _ in range(2):
        stores.transactions.sample(about, values)

    assert stores.transactions.told(stores.name, "T-1") == [each.payload for each in events]
    assert stores.transactions.told(stores.name, "7") == [values[1], values[0]]
    assert stores.transactions.find(stores.name, "7") is None
    assert stores.transactions.told(stores.name, "8") == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_a_transaction_left_open_is_closed_by_the_next_of_its_connector(stores: Stores, order: tuple[int, ...]) -> None:
    starts = [start(stores.name, started_at=NOON + n * 60 * SECOND, meter_start_wh=n) for n in range(3)]
    starts.append(start(stores.name, connector="2", started_at=NOON + SECOND))

    for number in (*order, 3):
        stores.transactions.begin(starts[number])

    begun = [stores.transactions.begin(each) for each in starts]
    assert [each.next_started_at for each in begun] == [NOON + 60 * SECOND, NOON + 120 * SECOND, None, None]
    assert [each.is_open for each in begun] == [False, False, True, True]
    assert begun[0].rules == ("left_open",)


def test_a_late_stop_of_one_that_was_left_open_is_its_end_after_all(stores: Stores) -> None:
    first = stores.transactions.begin(start(stores.name))
    stores.transactions.begin(start(stores.name, started_at=NOON + 120 * SECOND))

    ended = stores.transactions.finish(stop(stores.name, first.transaction_id))

    assert (ended.meter_stop_wh, ended.billed_wh, ended.rules) == (1010, 1000, ())


def test_2x_transactions_of_an_evse_follow_each_other_whichever_comes_first(stores: Stores) -> None:
    early = event(stores.name, 0, "T-1", started_at=NOON, connector="1.2")
    late = event(stores.name, 0, "T-2", started_at=NOON + SECOND, connector="1")

    stores.transactions.record(late)
    recorded = stores.transactions.record(early)

    assert recorded.next_started_at == NOON + SECOND


def test_a_clock_that_stands_still_starts_another_transaction_after_the_end(stores: Stores) -> None:
    frozen = start(stores.name, started_at=NOON, start_received_at=NOON + SECOND)
    ended_at = {"ended_at": NOON, "stop_received_at": NOON + 60 * SECOND}

    first = stores.transactions.begin(frozen)
    stores.transactions.finish(stop(stores.name, first.transaction_id, **ended_at))
    redelivered = stores.transactions.begin(frozen)
    second = stores.transactions.begin(replace(frozen, start_received_at=NOON + 120 * SECOND))
    again = stores.transactions.begin(replace(frozen, start_received_at=NOON + 121 * SECOND))

    assert redelivered.transaction_id == first.transaction_id
    assert second.transaction_id == again.transaction_id != first.transaction_id
    assert (second.start_number, second.rules) == (2, ("frozen_clock",))


def test_a_clock_that_goes_starts_nothing_anew_in_the_past(stores: Stores) -> None:
    first = stores.transactions.begin(start(stores.name, start_received_at=NOON))
    stores.transactions.finish(stop(stores.name, first.transaction_id, stop_received_at=NOON + 60 * SECOND))

    again = stores.transactions.begin(start(stores.name, start_received_at=NOON + 999 * SECOND))

    assert again.transaction_id == first.transaction_id


def test_an_unset_clock_puts_no_transaction_before_those_of_last_year(stores: Stores) -> None:
    unset = datetime(1970, 1, 1, tzinfo=UTC)
    stores.transactions.begin(start(stores.name, start_received_at=NOON))

    running = stores.transactions.begin(start(stores.name, started_at=unset, start_received_at=NOON + 9 * SECOND))

    assert (running.is_open, running.rules) == (True, ("clock_wrong",))


def test_a_token_is_in_use_while_its_transactions_are_open(stores: Stores) -> None:
    token = f"Token-{stores.name}"
    begun = [stores.transactions.begin(start(f"{stores.name}-{n}", id_token=token)) for n in range(2)]
    for each in (*begun, begun[0]):
        stores.transactions.note_token(each)

    before = stores.transactions.with_token(token.upper())
    stores.transactions.finish(stop(begun[0].charge_point_id, begun[0].transaction_id))
    after = stores.transactions.with_token(token)

    assert (before, after) == (begun, begun[1:])
    assert stores.transactions.with_token("another") == []


def test_the_newest_transaction_of_a_connector_is_one_that_had_begun(stores: Stores) -> None:
    early = stores.transactions.begin(start(stores.name))
    late = stores.transactions.begin(start(stores.name, started_at=NOON + timedelta(hours=1)))
    moments = (NOON - timedelta(seconds=1), NOON, NOON + timedelta(minutes=59), NOON + timedelta(hours=2))

    newest = [stores.transactions.newest(stores.name, "1", at) for at in moments]

    assert [one.transaction_id if one else None for one in newest] == [
        None, early.transaction_id, early.transaction_id, late.transaction_id,
    ]  # fmt: skip
    assert stores.transactions.newest(stores.name, "2", NOON) is None


def test_each_rule_that_was_applied_is_told_of_once(stores: Stores) -> None:
    left = stores.transactions.begin(start(stores.name))
    later = NOON + timedelta(hours=1)
    begun = [stores.transactions.begin(start(stores.name, started_at=later)) for _ in range(2)]

    for _ in range(2):
        stores.transactions.finish(stop(stores.name, begun[0].transaction_id, ended_at=NOON))
        stores.transactions.finish(stop(stores.name, left.transaction_id, ended_at=later))

    assert stores.rules == ["left_open", "end_before_start"]


def test_what_a_transaction_costs_is_worked_out_from_what_is_stored_and_kept(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    said = {"total": "1.00", "lines": [{"price": "0.49"}]}

    priced = stores.transactions.price(
        stores.name, begun.transaction_id, lambda stored: said if stored == begun else {}
    )

    assert priced == replace(begun, cost=said)
    assert stores.transactions.finish(stop(stores.name, begun.transaction_id)).cost == said
    assert stores.transactions.price(stores.name, "999999999", lambda _: said) is None


def test_a_cost_that_was_overtaken_is_worked_out_again(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    stopped = stop(stores.name, begun.transaction_id)

    def cost_of(stored: Transaction) -> dict[str, Any]:
        if stored.ended_at is None:
            stores.transactions.finish(stopped)  # somebody else, at this very moment
        return {"isFinal": stored.ended_at is not None}

    priced = stores.transactions.price(stores.name, begun.transaction_id, cost_of)

    assert priced is not None
    assert (priced.cost, priced.stop_reason) == ({"isFinal": True}, "Local")


def test_a_tariff_has_versions_that_are_never_changed(stores: Stores) -> None:
    first, second = (
        Tariff(tariff_id=stores.name, currency="EUR", prices=(), valid_from=at) for at in (NOON, NOON + SECOND)
    )

    taken = [stores.tariffs.put(tariff) for tariff in (first, second, first)]
    refused = [
        stores.tariffs.put(tariff)
        for tariff in (
            first.model_copy(update={"text": "dearer"}),
            first.model_copy(update={"valid_from": NOON - SECOND}),
            first.model_copy(update={"valid_from": NOON + 2 * SECOND, "currency": "USD"}),
        )
    ]

    assert (taken, refused) == ([True] * 3, [False] * 3)
    assert stores.tariffs.versions(stores.name) == [first, second]
    assert stores.tariffs.versions("none") == []


def test_one_that_was_given_up_is_open_no_more_unless_its_end_comes(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))

    given_up = stores.transactions.give_up(begun, NOON + timedelta(days=30))
    ended = stores.transactions.finish(stop(stores.name, begun.transaction_id))

    assert given_up is not None
    assert (given_up.is_open, given_up.rules) == (False, ("left_open",))
    assert (ended.is_open, ended.rules) == (False, ())
    assert stores.transactions.give_up(replace(begun, transaction_id="999999999"), NOON) is None


def test_a_rule_is_told_of_when_the_transaction_has_ended_and_not_while_more_may_put_it_right(stores: Stores) -> None:
    lost = stores.transactions.begin(start(stores.name, started_at=NOON.replace(year=1970)))
    for energy_wh in (11.0, 12.0):
        at = NOON + energy_wh * SECOND
        stores.transactions.sample(replace(lost, sampled_at=at, energy_wh=energy_wh))
    while_open = list(stores.rules)

    stores.transactions.finish(stop(stores.name, lost.transaction_id))

    assert (while_open, stores.rules.count("clock_wrong")) == ([], 1)
