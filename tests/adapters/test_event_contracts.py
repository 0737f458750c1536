"""What every store tells of what it writes, whatever it is made of: one event with each fact, and none without."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain import events
from domain.events import Event, EventType
from domain.models import Boot, ChargePoint, Command, CommandState, Connection, ConnectorState
from domain.parking import Parked
from domain.transactions import Sheet
from ocppj.versions import V16, V201
from tests.adapters.stores import NOON, SECOND, Stores
from tests.adapters.test_transaction_contracts import event, start, stop, train

AGES = datetime(2099, 1, 1, tzinfo=UTC)


def told(stores: Stores, charge_point_id: str = "") -> list[Event]:
    return list(stores.events.of_charge_point(charge_point_id or stores.name))


def types(stores: Stores) -> list[str]:
    return [str(each.type) for each in told(stores)]


def test_a_session_is_told_from_its_start_to_its_end(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name, partner="acme"))
    sample = replace(begun, energy_wh=500.0, sampled_at=NOON + SECOND)

    stores.transactions.sample(sample)
    stores.transactions.finish(stop(stores.name, begun.transaction_id))

    assert types(stores) == ["transaction.started", "transaction.updated", "transaction.ended"]
    last = told(stores)[-1]
    assert (last.partner, last.data["energyWh"], last.data["reason"], last.data["remarks"]) == (
        "acme",
        1000,
        "Local",
        [],
    )


def test_of_readings_one_in_a_quarter_of_an_hour_is_told(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    for minutes in range(31):
        taken = NOON + minutes * 60 * SECOND
        stores.transactions.sample(replace(begun, energy_wh=10.0 + minutes, sampled_at=taken))

    assert [each.data["registerWh"] for each in told(stores)[1:]] == [10, 25, 40]


def test_what_comes_again_is_not_told_again(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    stores.transactions.finish(stop(stores.name, begun.transaction_id))
    before = told(stores)

    stores.transactions.begin(start(stores.name))
    stores.transactions.finish(stop(stores.name, begun.transaction_id))

    assert told(stores) == before


def test_numbers_have_no_gap_and_ids_no_twin_while_many_write_at_once(stores: Stores) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(stores.transactions.record, train(stores.name, 8)))

    numbers = [each.sequence for each in told(stores)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len({each.id for each in told(stores)}) == len(numbers)
    assert sorted(types(stores)).count("transaction.started") == types(stores).count("transaction.ended") == 1


def test_the_id_of_an_event_follows_from_what_happened() -> None:
    begun = Sheet(start("CP-1", transaction_id="7")).transaction

    once, again = (
        events.numbered(events.of_transaction(None, begun), "CP-1", None, last, NOON) for last in ((3, NOON), (9, NOON))
    )
    other = events.numbered(events.of_transaction(None, begun), "CP-2", None, (3, NOON), NOON)

    assert once[0].id == again[0].id != other[0].id


def test_an_event_is_never_told_as_earlier_than_the_one_before_it() -> None:
    news = events.of_transaction(None, start("CP-1", transaction_id="7"))

    (told_after,) = events.numbered(news, "CP-1", None, (3, NOON + SECOND), NOON)

    assert (told_after.sequence, told_after.at) == (4, NOON + SECOND)


def test_signed_meter_values_come_with_the_end_as_they_are(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    signed = {"value": "OCMF|{...}", "format": "SignedData", "context": "Transaction.End"}
    values = [{"timestamp": "2026-11-21T12:00:59Z", "sampledValue": [{"value": "1"}, signed]}]
    stores.transactions.sample(replace(begun, transaction_id=begun.transaction_id), values)

    stores.transactions.finish(stop(stores.name, begun.transaction_id))

    assert told(stores)[-1].data["signedMeterValues"] == [{"timestamp": "2026-11-21T12:00:59Z", **signed}]


def test_a_signed_meter_value_of_2x_comes_with_the_end(stores: Stores) -> None:
    value = {"value": 9.0, "signedMeterValue": {"signedMeterData": "AAAA", "encodingMethod": "OCMF"}}
    end = event(stores.name, 1, ended_at=NOON + SECOND)
    meter_value = [{"timestamp": "2026-11-21T12:00:01Z", "sampledValue": [value]}]

    stores.transactions.record(replace(end, payload={"meterValue": meter_value}))

    assert told(stores)[-1].data["signedMeterValues"] == [{"timestamp": "2026-11-21T12:00:01Z", **value}]


def test_a_transaction_left_open_has_ended_and_its_late_end_is_an_update(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    stores.transactions.begin(start(stores.name, started_at=NOON + 60 * SECOND, meter_start_wh=900))

    stores.transactions.finish(stop(stores.name, begun.transaction_id))

    of_first = [each for each in told(stores) if each.data["transactionId"] == begun.transaction_id]
    assert [str(each.type) for each in of_first] == ["transaction.started", "transaction.ended", "transaction.updated"]
    assert of_first[1].data["remarks"] == ["left_open"]
    assert of_first[2].data["energyWh"] == 1000


def test_a_cost_worked_out_after_the_end_is_an_update(stores: Stores) -> None:
    begun = stores.transactions.begin(start(stores.name))
    stores.transactions.finish(stop(stores.name, begun.transaction_id))

    stores.transactions.price(stores.name, begun.transaction_id, lambda _: {"total": "1.00"})
    stores.transactions.price(stores.name, begun.transaction_id, lambda _: {"total": "1.00"})

    assert types(stores) == ["transaction.started", "transaction.ended", "transaction.updated"]
    assert told(stores)[-1].data["cost"] == {"total": "1.00"}


def test_a_connector_is_told_of_when_it_changes(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, partner="acme"))

    news = [
        stores.registry.connector(stores.name, "1", ConnectorState(status, NOON + n * SECOND, "NoError"))
        for n, status in enumerate(("Available", "Available", "Charging"))
    ]
    late = stores.registry.connector(stores.name, "1", ConnectorState("Faulted", NOON))

    assert (news, late) == ([True, False, True], False)
    assert [(each.partner, each.data["status"]) for each in told(stores)] == [
        ("acme", "Available"),
        ("acme", "Charging"),
    ]


def test_a_boot_is_told_once(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    for at in (NOON, NOON, NOON - SECOND, NOON + SECOND):
        stores.registry.booted(stores.name, Boot("V", "M", at, firmware="1.2"))

    assert types(stores) == ["charge_point.booted"] * 2
    assert told(stores)[0].data == {
        "vendor": "V",
        "model": "M",
        "firmware": "1.2",
        "bootedAt": "2026-11-21T12:00:00.123Z",
    }


def test_connects_and_disconnects_are_told_in_their_order_and_once(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    for epoch in (5, 6):
        stores.registry.connect(stores.name, Connection(V201, "gw-1", 0, epoch, NOON), 0)
        stores.registry.connected(stores.name, epoch)
        stores.registry.disconnected(stores.name, epoch, NOON + SECOND)
        stores.registry.disconnected(stores.name, epoch, NOON + SECOND)
        stores.registry.connected(stores.name, epoch)

    assert types(stores) == ["charge_point.connected", "charge_point.disconnected"] * 2
    assert [each.data["epoch"] for each in told(stores)] == [5, 5, 6, 6]


def test_a_connect_nobody_heard_of_is_told_with_its_end(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    stores.registry.connect(stores.name, Connection(V16, "gw-1", 0, 5, NOON), 0)

    stores.registry.disconnected(stores.name, 5, NOON + SECOND)
    stores.registry.connected(stores.name, 5)

    assert types(stores) == ["charge_point.connected", "charge_point.disconnected"]


def test_a_command_is_told_of_when_it_is_final_and_never_again(stores: Stores) -> None:
    command = Command(f"{stores.name}-c", stores.name, "Reset", {}, V16, CommandState.QUEUED, NOON, NOON + SECOND)
    stores.commands.add(command)

    stores.commands.move(command.command_id, CommandState.SENT)
    moved = stores.commands.move(command.command_id, CommandState.ACCEPTED, answer={"status": "Accepted"})
    again = stores.commands.move(command.command_id, CommandState.TIMEOUT)

    assert moved == again and moved is not None and moved.state is CommandState.ACCEPTED
    assert [each.data for each in told(stores)] == [
        {"commandId": command.command_id, "action": "Reset", "state": "accepted", "answer": {"status": "Accepted"}}
    ]


def test_a_security_event_is_told_once_and_other_reports_are_not(stores: Stores) -> None:
    said = {"type": "TamperDetectionActivated", "timestamp": "2026-11-21T12:00:00Z"}
    for _ in range(2):
        stores.reports.keep(stores.name, "SecurityEventNotification", "k", said, NOON)
    stores.reports.keep(stores.name, "NotifyEvent", "k", said, NOON)

    assert [each.data for each in told(stores)] == [said]
    assert len(stores.reports.of_charge_point(stores.name, "SecurityEventNotification")) == 1


def test_an_event_is_found_and_listed_by_time(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    for at in (NOON, NOON + SECOND):
        stores.registry.booted(stores.name, Boot("V", "M", at))
    first, second = told(stores)
    begin, end = first.at, datetime.now(UTC) + timedelta(minutes=1)

    listed = [each for each in stores.events.since(begin, end) if each.charge_point_id == stores.name]
    after = [
        each for each in stores.events.since(begin, end, events.position(first)) if each.charge_point_id == stores.name
    ]

    places = [each for each in stores.events.positions(begin, end) if f"#{stores.name}#" in each]
    assert (listed, after) == ([first, second], [second])
    assert places == [events.position(first), events.position(second)]
    assert list(stores.events.at(places)) == [first, second]
    assert stores.events.find(stores.name, second.sequence) == second
    assert stores.events.find(stores.name, 1) is None
    assert list(stores.events.of_charge_point(stores.name, AGES)) == []


def test_an_event_larger_than_an_item_comes_back_whole(stores: Stores) -> None:
    noise = [{"type": f"{n:x}" * 8, "timestamp": "2026-11-21T12:00:00Z"} for n in range(40_000)]

    stores.reports.keep(stores.name, "SecurityEventNotification", "k", {"noise": noise}, NOON)

    assert told(stores)[0].data == {"noise": noise}
    assert told(stores)[0].type is EventType.SECURITY_EVENT


def test_a_refused_event_keeps_its_time_until_another_is_refused_and_a_parked_one_is_shown_until_it_is_taken(
    stores: Stores,
) -> None:
    stores.registry.add(ChargePoint(stores.name))
    for at in (NOON, NOON + SECOND):
        stores.registry.booted(stores.name, Boot("V", "M", at))
    first, second = told(stores)
    parking, webhook = stores.parking, f"w-{stores.name}"

    since = [parking.refused_since(webhook, each, NOON + n * SECOND) for n, each in enumerate((first, first, second))]
    its = Parked(webhook, second.id, stores.name, second.sequence, str(second.type), 500, NOON, NOON + SECOND)
    parking.park(its)
    parked = parking.parked(webhook)
    parking.take(webhook, first)
    parking.take(webhook, second)

    assert since == [NOON, NOON, NOON + 2 * SECOND]
    assert (parked, parking.parked(webhook)) == ([its], [])
    assert parking.refused_since(webhook, second, NOON + 9 * SECOND) == NOON + 9 * SECOND
