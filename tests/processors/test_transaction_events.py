"""Transactions of OCPP 2.0.1 and 2.1, as good and bad charge points report them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppj import timestamps
from ocppj.frames import Call, CallError
from ocppj.versions import V201
from tests.processors.house import Unreachable, UnreachableError
from tests.processors.sessions import CP, event, house_of, id_token, meter, payload, stored


def test_c60_the_least_answer_is_empty() -> None:
    house = house_of(V201)

    answers = [payload(house, event(event_type, n)) for n, event_type in enumerate(("Started", "Updated", "Ended"))]

    assert answers == [{}, {}, {}]


@pytest.mark.parametrize(("value", "status"), [("abc", "Accepted"), ("stranger", "Unknown")])
def test_c61_token_info_comes_back_exactly_for_a_token(value: str, status: str) -> None:
    house = house_of(V201)

    answers = [payload(house, event("Started", 0, idToken=id_token(value))), payload(house, event("Updated", 1))]

    assert [answer.get("idTokenInfo", {}).get("status") for answer in answers] == [status, None]


def test_c26_the_group_comes_with_a_transaction_event_too() -> None:
    house = house_of(V201)

    answer = payload(house, event("Started", 0, idToken=id_token()))

    assert answer["idTokenInfo"]["groupIdToken"] == {"idToken": "FAM", "type": "Central"}


def test_c28_a_start_button_needs_no_token() -> None:
    house = house_of(V201)

    answer = payload(house, event("Started", 0, idToken=id_token("", "NoAuthorization")))

    assert answer == {"idTokenInfo": {"status": "Accepted"}}


def test_c62_two_stations_may_use_the_same_transaction_id() -> None:
    house = house_of(V201)
    house.register("CP-002", V201)

    payload(house, event("Started", 0, meterValue=[meter(100)]))
    house.send("CP-002", event("Started", 0, meterValue=[meter(200)]))

    other = house.transactions.find("CP-002", "tx-1")
    assert other is not None
    assert (stored(house).meter_start_wh, other.meter_start_wh) == (100, 200)


STORY = [
    event("Started", 37, at="2026-11-21T11:00:00Z", evse={"id": 2, "connectorId": 1}, meterValue=[meter(100)]),
    event(
        "Updated", 38, at="2026-11-21T11:01:00Z", triggerReason="Authorized", idToken=id_token(),
        info={"remoteStartId": 7},
    ),
    event(
        "Updated", 39, at="2026-11-21T11:30:00Z", info={"chargingState": "Charging"},
        meterValue=[meter(5000, at="2026-11-21T11:30:00Z")],
    ),
    event(
        "Updated", 40, at="2026-11-21T11:58:00Z", triggerReason="StopAuthorized", idToken=id_token("DEF"),
    ),
    event(
        "Ended", 41, at="2026-11-21T11:59:00Z", info={"stoppedReason": "Remote", "chargingState": "Idle"},
        meterValue=[meter(9000, "Transaction.End", "2026-11-21T11:59:00Z")],
    ),
]  # fmt: skip


@given(st.permutations([*STORY, STORY[2], STORY[4]]))
def test_c64_c65_any_order_and_any_repeats_give_the_same_transaction(story: list[Call]) -> None:
    house = house_of(V201)

    for told in story:
        payload(house, told)

    transaction = stored(house)
    assert transaction.started_at == timestamps.parse("2026-11-21T11:00:00Z")
    assert transaction.ended_at == timestamps.parse("2026-11-21T11:59:00Z")
    assert (transaction.meter_start_wh, transaction.meter_stop_wh, transaction.energy_wh) == (100, 9000, 9000)
    assert (transaction.id_token, transaction.stop_id_token, transaction.remote_start_id) == ("ABC", "DEF", 7)
    assert (transaction.connector, transaction.charging_state) == ("2.1", "Idle")
    assert transaction.stop_reason == "Remote"
    assert [kept.seq_no for kept in house.transactions.events(CP, "tx-1")] == [37, 38, 39, 40, 41]


def test_c65_an_event_repeated_with_a_new_id_is_stored_once() -> None:
    house = house_of(V201)
    told = event("Started", 3, idToken=id_token())

    first = payload(house, told)
    again = payload(house, Call("other", told.action, told.payload))

    assert first == again
    assert len(house.transactions.events(CP, "tx-1")) == 1


def test_c66_an_offline_event_is_history() -> None:
    house = house_of(V201)

    answer = payload(house, event("Started", 0, at="2026-11-21T10:00:00Z", offline=True, idToken=id_token("stranger")))

    [kept] = house.transactions.events(CP, "tx-1")
    assert answer == {"idTokenInfo": {"status": "Unknown"}}
    assert kept.offline
    assert stored(house).started_at == timestamps.parse("2026-11-21T10:00:00Z")
    assert len(house.outbound.published) == 1


def test_c68_the_evse_may_come_later() -> None:
    house = house_of(V201)

    payload(house, event("Started", 0))
    payload(house, event("Updated", 1, at="2026-11-21T12:00:00Z", evse={"id": 2}))

    assert stored(house).connector == "2"


def test_c69_the_remote_start_id_and_the_reservation_are_kept() -> None:
    house = house_of(V201)

    payload(house, event("Started", 0, info={"remoteStartId": 7}, reservationId=5))

    assert (stored(house).remote_start_id, stored(house).reservation_id) == (7, 5)


def test_c72_an_end_without_a_reason_is_local() -> None:
    house = house_of(V201)

    payload(house, event("Ended", 0))

    assert stored(house).stop_reason == "Local"


def test_the_value_at_the_end_counts_and_not_the_last_periodic_one() -> None:
    house = house_of(V201)
    values = [meter(9000, "Transaction.End"), meter(9001, at="2026-11-21T11:59:01Z")]

    payload(house, event("Ended", 0, meterValue=values))

    assert (stored(house).meter_stop_wh, stored(house).energy_wh) == (9000, 9001)


def test_c73_meter_values_belong_to_no_transaction_and_are_kept() -> None:
    house = house_of(V201)

    answers = [payload(house, Call("m", "MeterValues", {"evseId": evse, "meterValue": [meter(1)]})) for evse in (0, 1)]

    assert answers == [{}, {}]
    assert len(house.reports.of_charge_point(CP, "MeterValues")) == 2


def test_c60_what_was_not_stored_is_told_to_come_again_and_then_stored_once() -> None:
    house = house_of(V201)
    told = event("Started", 0)

    with pytest.raises(UnreachableError):
        house.send(CP, told, house.ports(transactions=Unreachable()))
    [answer] = house.send(CP, told)

    assert '"InternalError"' in house.outbound.published[0].frame
    assert not isinstance(answer, CallError)
    assert len(house.transactions.events(CP, "tx-1")) == 1
