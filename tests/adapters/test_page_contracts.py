"""What lists in pages promise, whatever they are read from."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from adapters.dynamodb import Tables
from domain import pages
from domain.models import Transaction
from domain.pages import Ask, CursorError, Page
from ocppj.versions import V16
from tests.adapters.stores import Stores, calls, on_dynamodb

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def begin(stores: Stores, minute: int, tag: str = "ABC", charge_point_id: str = "") -> str:
    start = Transaction(
        charge_point_id or stores.name, "", V16, connector="1", id_token=tag, started_at=NOON + minute * MINUTE,
        meter_start_wh=minute,
    )  # fmt: skip
    return stores.transactions.begin(start).transaction_id


def all_of(read: Callable[[Ask], Page[Any]], ask: Ask) -> list[list[Any]]:
    """The pages of a list."""
    found = [read(ask)]
    while found[-1].cursor:
        found.append(read(replace(ask, cursor=found[-1].cursor)))
    return [list(page.items) for page in found]


def open_ones(stores: Stores) -> list[str]:
    return [one.transaction_id for page in all_of(stores.transaction_pages.open, Ask(limit=100)) for one in page]


def ids(found: list[list[Transaction]]) -> list[list[str]]:
    return [[transaction.transaction_id for transaction in page] for page in found]


def test_transactions_come_newest_first_and_each_once(stores: Stores) -> None:
    begun = [begin(stores, minute) for minute in (1, 0, 3, 2)]
    ordered = [begun[index] for index in (2, 3, 0, 1)]

    found = all_of(lambda ask: stores.transaction_pages.of_charge_point(stores.name, ask), Ask(limit=2))

    assert ids(found) == [ordered[:2], ordered[2:]]


def test_a_transaction_begun_between_two_pages_moves_none(stores: Stores) -> None:
    begun = [begin(stores, minute) for minute in range(3)]
    first = stores.transaction_pages.of_charge_point(stores.name, Ask(limit=1))

    begin(stores, 9)
    rest = stores.transaction_pages.of_charge_point(stores.name, Ask(cursor=first.cursor))

    assert ids([list(rest.items)]) == [[begun[1], begun[0]]]


def test_transactions_are_listed_as_they_are_now(stores: Stores) -> None:
    begun = begin(stores, 0)
    stop = Transaction(stores.name, begun, V16, ended_at=NOON + MINUTE, meter_stop_wh=500)

    ended = stores.transactions.finish(stop)

    assert list(stores.transaction_pages.of_charge_point(stores.name, Ask()).items) == [ended]


def test_a_time_has_its_begin_and_not_its_end(stores: Stores) -> None:
    begun = [begin(stores, minute) for minute in range(4)]

    ask = Ask(begin=NOON + MINUTE, end=NOON + 3 * MINUTE)
    found = all_of(lambda ask: stores.transaction_pages.of_charge_point(stores.name, ask), ask)

    assert ids(found) == [[begun[2], begun[1]]]


def test_the_transactions_of_a_token_are_found_in_any_case(stores: Stores) -> None:
    token = f"Tag-{stores.name}"
    one, other = begin(stores, 0, token), begin(stores, 1, token.upper(), f"{stores.name}-other")
    begin(stores, 2, "another")

    found = all_of(lambda ask: stores.transaction_pages.of_token(token.lower(), ask), Ask(limit=1))

    assert ids(found) == [[other], [one]]


def test_a_token_without_a_character_began_nothing(stores: Stores) -> None:
    begin(stores, 0, "")

    assert not stores.transaction_pages.of_token("", Ask()).items


def test_an_open_transaction_is_listed_until_it_ends(stores: Stores) -> None:
    one, other = begin(stores, 0), begin(stores, 0, charge_point_id=f"{stores.name}-other")

    stores.transactions.finish(Transaction(stores.name, one, V16, ended_at=NOON + MINUTE, meter_stop_wh=500))

    listed = open_ones(stores)
    assert other in listed
    assert one not in listed


def test_one_that_is_left_open_is_not_among_the_open_ones(stores: Stores) -> None:
    left, running = begin(stores, 0), begin(stores, 1)

    listed = open_ones(stores)

    assert running in listed
    assert left not in listed


def ended_ones(stores: Stores, day: date) -> list[str]:
    pages_of_day = all_of(lambda ask: stores.transaction_pages.ended(day, ask), Ask(limit=2))
    return [one.transaction_id for page in pages_of_day for one in page if one.charge_point_id.startswith(stores.name)]


def test_a_transaction_is_listed_on_the_day_it_ended_in_utc(stores: Stores) -> None:
    first, second = (begin(stores, minute, charge_point_id=f"{stores.name}-{minute}") for minute in range(2))
    begin(stores, 2, charge_point_id=f"{stores.name}-running")
    midnight = datetime(2026, 11, 21, 22, 59, 59, tzinfo=timezone(timedelta(hours=-1)))

    for number, (one, ended_at) in enumerate(((first, midnight), (second, midnight + 2 * SECOND))):
        charge_point_id = f"{stores.name}-{number}"
        stop = Transaction(charge_point_id, one, V16, ended_at=ended_at, meter_stop_wh=500, stop_received_at=ended_at)
        stores.transactions.finish(stop)

    assert ended_ones(stores, date(2026, 11, 21)) == [first]
    assert ended_ones(stores, date(2026, 11, 22)) == [second]


def test_one_that_is_left_open_ended_when_the_next_began_until_its_end_is_known(stores: Stores) -> None:
    left, _ = begin(stores, 0), begin(stores, 1)
    assert ended_ones(stores, NOON.date()) == [left]

    late = NOON - timedelta(days=1)
    stores.transactions.finish(Transaction(stores.name, left, V16, ended_at=late, stop_received_at=NOON))

    assert (ended_ones(stores, late.date()), ended_ones(stores, NOON.date())) == ([left], [])


def test_one_that_ended_by_a_useless_clock_ended_when_it_was_heard_of(stores: Stores) -> None:
    one = begin(stores, 0)
    stop = Transaction(stores.name, one, V16, ended_at=datetime(1970, 1, 1, tzinfo=UTC), stop_received_at=NOON)

    stores.transactions.finish(stop)

    assert ended_ones(stores, NOON.date()) == [one]


def test_one_whose_clock_stands_still_ended_when_it_was_heard_of(stores: Stores) -> None:
    ended = []
    for day in range(2):
        heard: dict[str, Any] = {
            f"{what}_received_at": NOON + timedelta(days=day, hours=what == "stop") for what in ("start", "stop")
        }
        start = Transaction(stores.name, "", V16, connector="1", started_at=NOON, meter_start_wh=0, **heard)
        begun = stores.transactions.begin(replace(start, stop_received_at=None))
        ended.append(stores.transactions.finish(replace(begun, ended_at=NOON, **heard)).transaction_id)

    assert ended_ones(stores, NOON.date()) == [ended[0]]
    assert ended_ones(stores, NOON.date() + timedelta(days=1)) == [ended[1]]


def test_reports_come_in_pages_by_action(stores: Stores) -> None:
    for number in range(3):
        stores.reports.keep(stores.name, "LogStatus", f"{number}", {"n": number}, NOON + number * MINUTE)
    stores.reports.keep(stores.name, "Log", "9", {}, NOON)

    found = all_of(lambda ask: stores.report_pages.page(stores.name, "LogStatus", ask), Ask(limit=2))

    assert [[report.payload["n"] for report in page] for page in found] == [[2, 1], [0]]
    assert (found[0][0].action, found[0][0].key, found[0][0].at) == ("LogStatus", "2", NOON + 2 * MINUTE)


def test_reports_of_all_actions_are_one_list(stores: Stores) -> None:
    stores.reports.keep(stores.name, "A", "1", {}, NOON)
    stores.reports.keep(stores.name, "B", "1", {}, NOON)

    found = all_of(lambda ask: stores.report_pages.page(stores.name, "", ask), Ask(limit=1))

    assert [[report.action for report in page] for page in found] == [["B"], ["A"]]


@pytest.mark.parametrize(
    "cursor", ["!", "abc", pages.encode("1"), pages.encode("1", "2", "3", "4"), "eyJhIjoxfQ"], ids=str
)
def test_what_is_no_cursor_is_refused(stores: Stores, cursor: str) -> None:
    with pytest.raises(CursorError):
        stores.transaction_pages.of_charge_point(stores.name, Ask(cursor=cursor))


def test_the_cursor_of_another_list_is_refused(stores: Stores) -> None:
    with pytest.raises(CursorError):
        stores.report_pages.page(stores.name, "A", Ask(cursor=pages.encode("B#1")))


def test_those_that_begin_at_the_same_time_are_all_listed(stores: Stores) -> None:
    others = [f"{stores.name}-{number}" for number in range(7)]
    begun = {begin(stores, -99, charge_point_id=other) for other in others}

    read = stores.transaction_pages.open
    same = Ask(limit=2, begin=NOON - 99 * MINUTE, end=NOON - 98 * MINUTE)
    listed = [one.transaction_id for page in all_of(read, same) for one in page if one.charge_point_id in others]

    assert len(listed) == len(begun)
    assert set(listed) == begun


@pytest.mark.e2e
@pytest.mark.parametrize("already", [0, 60])
def test_a_page_is_one_query_and_one_batch_however_many_there_are(
    dynamodb_client: Any, tables: Tables, already: int
) -> None:
    stores = on_dynamodb(dynamodb_client, tables)
    for minute in range(already + 5):
        begin(stores, minute)

    with calls(dynamodb_client) as asked:
        page = stores.transaction_pages.of_charge_point(stores.name, Ask(limit=5))

    assert len(page.items) == 5
    assert asked == ["Query", "BatchGetItem"]


@pytest.mark.e2e
def test_what_ended_before_there_was_the_list_of_a_day_is_put_there(dynamodb_client: Any, tables: Tables) -> None:
    stores = on_dynamodb(dynamodb_client, tables)
    its = begin(stores, 0)
    stores.transactions.finish(Transaction(stores.name, its, V16, ended_at=NOON + MINUTE, meter_stop_wh=9))
    key = {"chargePointId": {"S": stores.name}, "transactionId": {"S": its}}
    dynamodb_client.update_item(TableName=tables.transactions, Key=key, UpdateExpression="REMOVE endedKey, listedAt")
    pages = stores.transaction_pages

    def listed() -> list[str]:
        ended = pages.ended(NOON.date(), Ask(limit=1_000)).items
        return [one.transaction_id for one in ended if one.charge_point_id == stores.name]

    before, first, second = listed(), pages.list_all(), pages.list_all()

    assert (before, first >= 1, second, listed()) == ([], True, 0, [its])


def test_a_partner_has_a_list_of_its_own_of_what_is_open(stores: Stores) -> None:
    partner = f"partner-of-{stores.name}"
    begun = [
        stores.transactions.begin(
            Transaction(
                f"{stores.name}-{number}", "", V16, connector="1", started_at=NOON + number * MINUTE,
                meter_start_wh=number, partner=partner if number % 2 else "other",
            )
        ).transaction_id
        for number in range(6)
    ]  # fmt: skip
    ended = Transaction(f"{stores.name}-3", begun[3], V16, ended_at=NOON + 9 * MINUTE, meter_stop_wh=9)
    stores.transactions.finish(ended)

    listed = all_of(lambda ask: stores.transaction_pages.open(ask, partner), Ask(limit=1))

    assert [[one.transaction_id for one in page] for page in listed] == [[begun[5]], [begun[1]]]


@pytest.mark.e2e
def test_a_page_of_what_is_open_is_a_query_of_each_partition_and_one_batch(
    dynamodb_client: Any, tables: Tables
) -> None:
    stores = on_dynamodb(dynamodb_client, tables)
    start = Transaction(stores.name, "", V16, connector="1", started_at=NOON, meter_start_wh=0, partner=stores.name)
    stores.transactions.begin(start)

    with calls(dynamodb_client) as asked:
        stores.transaction_pages.open(Ask())
        stores.transaction_pages.open(Ask(), stores.name)

    assert asked == ["Query"] * 4 + ["BatchGetItem"] + ["Query", "BatchGetItem"]
