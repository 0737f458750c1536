"""What administrators can rely on: changes of rows, lists of charge points and of id tokens."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from adapters.dynamodb import Tables
from domain.models import ChargePoint, Connection, IdToken, Registration
from domain.pages import Ask, CursorError, encode
from ocppj.versions import V16
from tests.adapters.stores import Stores, calls, on_dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_change_sets_what_it_names_and_nothing_else(stores: Stores) -> None:
    row = ChargePoint(
        stores.name, f"thing-of-{stores.name}", created_at=NOON, site="old", vendor_profile="Acme", partner="p1"
    )
    stores.registry.add(row)

    now = stores.administration.change(stores.name, {"site": "new", "vendor_profile": None, "disabled": True})

    assert now == replace(row, site="new", vendor_profile=None, disabled=True)
    assert stores.registry.find_many([stores.name]) == {stores.name: now}


def test_a_change_of_what_must_be_proved_is_another_version_of_the_credentials(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))

    plain = stores.administration.change(stores.name, {"registration": Registration.PENDING})
    first = stores.administration.change(stores.name, {"certificate_names": ("SN-1",), "security_profile": 3})
    second = stores.administration.change(stores.name, {"certificate_names": ()})

    assert plain is not None and (plain.credential_version, plain.registration) == (0, Registration.PENDING)
    assert first is not None and (first.credential_version, first.certificate_names) == (1, ("SN-1",))
    assert second is not None and (second.credential_version, second.certificate_names) == (2, ())


def test_a_new_password_ends_the_old_one_and_the_one_on_its_way(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, password_hash="h$1"))
    stores.registry.rotate(stores.name, "h$2")

    now = stores.administration.change(stores.name, {"password_hash": "h$3"})

    assert now is not None
    assert (now.password_hash, now.next_password_hash, now.credential_version) == ("h$3", None, 2)


def test_a_change_says_who_is_connected(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    connection = Connection(V16, "gw1", 1, 7, NOON)
    stores.registry.connect(stores.name, connection, 0)

    now = stores.administration.change(stores.name, {"disabled": True})

    assert now is not None and now.connection == connection


def test_nobody_is_made_by_a_change(stores: Stores) -> None:
    assert stores.administration.change(stores.name, {"site": "new"}) is None
    assert stores.registry.find_many([stores.name]) == {}


def test_a_partner_lists_its_own_charge_points_page_by_page(stores: Stores) -> None:
    partner = f"partner-of-{stores.name}"
    rows = [ChargePoint(f"{stores.name}-{n}", partner=partner, created_at=NOON) for n in range(5)]
    for row in [*rows, ChargePoint(f"{stores.name}-9", partner="other"), ChargePoint(f"{stores.name}-8")]:
        stores.registry.add(row)

    first = stores.administration.page(partner, Ask(limit=3))
    second = stores.administration.page(partner, Ask(limit=3, cursor=first.cursor))

    assert [*first.items, *second.items] == rows
    assert (len(first.items), second.cursor) == (3, None)


def test_everybody_is_listed_and_nothing_else_that_the_table_holds(stores: Stores) -> None:
    stores.registry.add(ChargePoint(f"{stores.name}-a", partner="p1"))
    stores.registry.add(ChargePoint(f"{stores.name}-b"))
    stores.registry.renew_lease("gw1", NOON)
    its = {f"{stores.name}-a", f"{stores.name}-b"}

    listed: list[str] = []
    cursor = None
    while True:
        page = stores.administration.page(None, Ask(limit=50, cursor=cursor))
        listed += [row.charge_point_id for row in page.items]
        cursor = page.cursor
        if cursor is None:
            break

    assert its <= set(listed)
    assert not [name for name in listed if "#" in name]
    assert its <= {row.charge_point_id for row in stores.administration.everything()}


def test_a_cursor_of_another_list_is_refused(stores: Stores) -> None:
    with pytest.raises(CursorError):
        stores.administration.page("p1", Ask(cursor=encode("two", "parts")))
    with pytest.raises(CursorError):
        stores.id_tokens.page("p1", Ask(cursor="!"))


def test_partners_may_have_the_same_token(stores: Stores) -> None:
    card = f"Card-{stores.name}"
    its = IdToken(card.lower(), status="Blocked", partner="p1", allowed=("CP-1",), expires_at=NOON)
    stores.id_tokens.put(its)
    stores.id_tokens.put(IdToken(card, partner="p2"))
    stores.id_tokens.put(IdToken(card))

    assert stores.id_tokens.find(card.upper(), "p1") == its
    assert stores.id_tokens.find(card, "p2") == IdToken(card.lower(), partner="p2")
    assert stores.id_tokens.find(card) == IdToken(card.lower())
    assert stores.id_tokens.find(card, "p3") is None


def test_no_token_of_the_house_can_be_taken_for_a_partners(stores: Stores) -> None:
    stores.id_tokens.put(IdToken(f"P:p1:{stores.name}"))

    assert stores.id_tokens.find(stores.name, "p1") is None


def test_a_token_removed_is_gone_for_its_partner_only(stores: Stores) -> None:
    stores.id_tokens.put(IdToken(stores.name, partner="p1"))
    stores.id_tokens.put(IdToken(stores.name))

    assert stores.id_tokens.remove(stores.name, "p1")
    assert not stores.id_tokens.remove(stores.name, "p1")
    assert stores.id_tokens.find(stores.name) is not None


def test_tokens_are_listed_page_by_page(stores: Stores) -> None:
    partner = f"partner-of-{stores.name}"
    tokens = [IdToken(f"card-{n}", partner=partner, group_id="g") for n in range(5)]
    for token in [*tokens, IdToken(f"card-of-{stores.name}")]:
        stores.id_tokens.put(token)

    first = stores.id_tokens.page(partner, Ask(limit=2))
    second = stores.id_tokens.page(partner, Ask(limit=2, cursor=first.cursor))
    third = stores.id_tokens.page(partner, Ask(limit=2, cursor=second.cursor))

    assert [*first.items, *second.items, *third.items] == tokens
    assert third.cursor is None


def test_many_rows_are_added_at_once_and_those_that_are_there_stay(stores: Stores) -> None:
    rows = [ChargePoint(f"{stores.name}-{n}", created_at=NOON, site="new") for n in range(120)]
    kept = ChargePoint(f"{stores.name}-7", created_at=NOON, site="old")
    stores.registry.add(kept)
    stores.registry.add(ChargePoint(f"{stores.name.lower()}-8", created_at=NOON))  # differs in case only

    added = stores.registrations.add(rows)

    assert added == {row.charge_point_id for row in rows} - {f"{stores.name}-7", f"{stores.name}-8"}
    found = stores.registry.find_many([row.charge_point_id for row in rows])
    assert found == {row.charge_point_id: row for row in [*rows, kept] if not row.charge_point_id.endswith("-8")}


def test_things_of_many_rows_are_filled_in_but_not_those_that_were_deleted_meanwhile(stores: Stores) -> None:
    names = [f"{stores.name}-{n}" for n in range(60)]
    stores.registrations.add([ChargePoint(name, created_at=NOON) for name in names])
    stores.registry.add(ChargePoint(names[3], thing_id=f"thing-of-{names[3]}"))  # the event came first
    stores.registry.remove(names[55], f"thing-of-{names[55]}")

    stores.registrations.fill_in({name: f"thing-of-{name}" for name in names})

    found = stores.registry.find_many(names)
    assert {name: row.thing_id for name, row in found.items()} == {
        name: f"thing-of-{name}" for name in names if name != names[55]
    }


@pytest.mark.e2e
def test_a_hundred_rows_with_things_cost_four_transactions(dynamodb_client: "DynamoDBClient", tables: Tables) -> None:
    stores = on_dynamodb(dynamodb_client, tables)
    names = [f"{stores.name}-{n}" for n in range(100)]

    with calls(dynamodb_client) as asked:
        stores.registrations.add([ChargePoint(name, created_at=NOON) for name in names])
        stores.registrations.fill_in({name: f"thing-of-{name}" for name in names})

    assert asked == ["TransactWriteItems"] * 4
    assert len(stores.registry.find_many(names)) == 100


@pytest.mark.e2e
def test_a_row_that_an_older_version_wrote_is_known_to_be_in_no_list_until_it_is_changed(
    dynamodb_client: "DynamoDBClient", tables: Tables
) -> None:
    stores = on_dynamodb(dynamodb_client, tables)
    partner = f"partner-of-{stores.name}"
    item = {"chargePointId": {"S": stores.name}, "thingId": {"S": "thing"}}
    dynamodb_client.put_item(TableName=tables.charge_points, Item=item)

    before = set(stores.administration.unlisted())
    stores.administration.change(stores.name, {"partner": partner})

    assert before - set(stores.administration.unlisted()) == {stores.name}
    assert [row.charge_point_id for row in stores.administration.page(partner, Ask()).items] == [stores.name]
