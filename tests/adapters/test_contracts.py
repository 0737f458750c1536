"""What the stores of charge points and id tokens promise, whatever they are made of."""

from dataclasses import replace

import pytest

from domain.models import (
    Boot,
    ChargePoint,
    Connection,
    ConnectorState,
    IdToken,
    Proven,
    Registration,
)
from domain.ports import RowChangedError
from ocppj.versions import V16
from tests.adapters.stores import NOON, SECOND, Stores


def connection(epoch: int, gateway: str = "gw-1", link: int = 0) -> Connection:
    return Connection(V16, gateway, link, epoch, NOON)


def test_an_unknown_charge_point_is_not_found(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))

    assert stores.registry.find("CP-none") is None
    assert stores.registry.find_many(["CP-none", stores.name]) == {stores.name: ChargePoint(stores.name)}


def test_a_row_comes_back_as_it_was_added(stores: Stores) -> None:
    row = ChargePoint(
        stores.name,
        thing_id="thing-1",
        created_at=NOON,
        registration=Registration.PENDING,
        disabled=True,
        password_hash="hmac-sha256$YQ==$YQ==",
        next_password_hash="hmac-sha256$Yg==$Yg==",
        credential_version=3,
        security_profile=0,
        highest_profile=2,
        allow_downgrade=True,
        serial_number="SN1",
        certificate_names=("CP-1", "LC-1"),
        default_version=V16,
        connection=replace(connection(7), disconnected_at=NOON, certificate_name="SN1", certificate_serial="1F"),
        boot=Boot("Vendor", "Model", NOON, "SN1", "1.0", {"modem": {"iccid": "1"}}),
        connectors={"0": ConnectorState("Available", NOON), "1.2": ConnectorState("Faulted", NOON, "GroundFailure")},
    )

    assert stores.registry.add(row)

    assert stores.registry.find(stores.name) == row


def test_more_rows_than_one_batch_are_found_together(stores: Stores) -> None:
    names = [f"{stores.name}-{number}" for number in range(130)]
    for name in names:
        stores.registry.add(ChargePoint(name))

    found = stores.registry.find_many([*names, *names[:5]])

    assert sorted(found) == sorted(names)


def test_a_row_is_added_once_and_a_missing_thing_id_is_filled_in(stores: Stores) -> None:
    first = stores.registry.add(ChargePoint(stores.name, credential_version=2))

    again = stores.registry.add(ChargePoint(stores.name, thing_id="thing-1", disabled=True))
    third = stores.registry.add(ChargePoint(stores.name, thing_id="thing-2"))

    assert (first, again, third) == (True, False, False)
    assert stores.registry.find(stores.name) == ChargePoint(stores.name, thing_id="thing-1", credential_version=2)


def test_a_thing_created_later_replaces_the_row_of_an_earlier_one(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, thing_id="thing-1", created_at=NOON, connection=connection(5)))
    later = ChargePoint(stores.name, thing_id="thing-2", created_at=NOON + SECOND)

    replaced = stores.registry.add(later)
    late = stores.registry.add(ChargePoint(stores.name, thing_id="thing-1", created_at=NOON))

    assert (replaced, late) == (True, False)
    assert stores.registry.find(stores.name) == later


def test_g13_a_row_is_found_in_any_case_and_has_no_twin(stores: Stores) -> None:
    row = ChargePoint(f"{stores.name}-Ab:2A", thing_id="thing-1")
    folded, other = row.charge_point_id.lower(), row.charge_point_id.upper()
    stores.registry.add(row)

    twin = stores.registry.add(ChargePoint(other))
    again = stores.registry.add(replace(row))

    assert (twin, again) == (False, False)
    assert stores.registry.find_in_any_case(folded) == stores.registry.find_in_any_case(other) == row
    assert (stores.registry.find(folded), stores.registry.find(other)) == (None, None)
    assert stores.registry.find_in_any_case(f"{other}-unknown") is None


def test_g13_a_name_is_free_again_once_its_row_is_removed(stores: Stores) -> None:
    row, twin = ChargePoint(f"{stores.name}-a", thing_id="thing-1"), ChargePoint(f"{stores.name}-A")
    stores.registry.add(row)

    stores.registry.remove(row.charge_point_id, "thing-1")

    assert stores.registry.find_in_any_case(twin.charge_point_id) is None
    assert stores.registry.add(twin)
    assert stores.registry.find_in_any_case(row.charge_point_id) == twin


@pytest.mark.parametrize("thing_id", [None, ""])
def test_a_thing_removed_before_it_was_added_gets_no_row_and_leaves_none(stores: Stores, thing_id: str | None) -> None:
    if thing_id is not None:
        stores.registry.add(ChargePoint(stores.name))  # its row was there before the thing
    thing = f"gone-{stores.name}-{thing_id}"

    removed = stores.registry.remove(stores.name, thing)
    added = stores.registry.add(ChargePoint(stores.name, thing, created_at=NOON))

    assert (removed, added) == (None, False)
    assert stores.registry.find(stores.name) is None
    assert stores.registry.add(ChargePoint(stores.name, f"next-{thing}", created_at=NOON))


def test_only_the_thing_a_row_belongs_to_removes_it(stores: Stores) -> None:
    row = ChargePoint(stores.name, thing_id="thing-2", connection=connection(5))
    stores.registry.add(row)

    late = stores.registry.remove(stores.name, "thing-1")
    removed = stores.registry.remove(stores.name, "thing-2")
    again = stores.registry.remove(stores.name, "thing-2")

    assert (late, removed, again) == (None, row, None)
    assert stores.registry.find(stores.name) is None


def test_a_connect_returns_the_connection_it_replaces(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, credential_version=1))

    none = stores.registry.connect(stores.name, connection(5), 1)
    first = stores.registry.connect(stores.name, connection(6, "gw-2", 4), 1)

    assert (none, first) == (None, connection(5))
    row = stores.registry.find(stores.name)
    assert row is not None
    assert row.connection == connection(6, "gw-2", 4)


def test_a_connect_after_a_disconnect_is_connected(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    stores.registry.connect(stores.name, connection(5), 0)
    stores.registry.disconnected(stores.name, 5, NOON)

    replaced = stores.registry.connect(stores.name, connection(6), 0)

    assert replaced == replace(connection(5), disconnected_at=NOON)
    assert stores.registry.find(stores.name) == ChargePoint(stores.name, connection=connection(6))


@pytest.mark.parametrize(
    "row",
    [
        None,
        ChargePoint("", disabled=True),
        ChargePoint("", credential_version=1),
        ChargePoint("", connection=connection(9)),
        ChargePoint("", connection=connection(10)),
        ChargePoint("", highest_profile=1),
        ChargePoint("", highest_profile=1, allow_downgrade=True),
    ],
    ids=["gone", "disabled", "other credentials", "same epoch", "newer epoch", "higher profile", "leave not asked for"],
)
def test_a_connect_on_a_row_that_changed_is_refused(stores: Stores, row: ChargePoint | None) -> None:
    before = replace(row, charge_point_id=stores.name) if row else None
    if before is not None:
        stores.registry.add(before)

    with pytest.raises(RowChangedError, match=stores.name if before else "gone"):
        stores.registry.connect(stores.name, connection(9), 0)

    assert stores.registry.find(stores.name) == before


def test_a32_a_connect_keeps_the_highest_profile_and_refuses_lower_ones(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    stores.registry.connect(stores.name, connection(5), 0, Proven(2))
    stores.registry.connect(stores.name, connection(6), 0, Proven(2))

    with pytest.raises(RowChangedError, match=stores.name):
        stores.registry.connect(stores.name, connection(7), 0, Proven(1))

    row = ChargePoint(stores.name, highest_profile=2, connection=connection(6))
    assert stores.registry.find(stores.name) == row


def test_a33_the_operators_leave_to_downgrade_is_used_up_by_one_connect(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, highest_profile=3, allow_downgrade=True))

    stores.registry.connect(stores.name, connection(5), 0, Proven(2, is_downgrade=True))
    with pytest.raises(RowChangedError, match=stores.name):
        stores.registry.connect(stores.name, connection(6), 0, Proven(1, is_downgrade=True))

    row = ChargePoint(stores.name, highest_profile=2, connection=connection(5))
    assert stores.registry.find(stores.name) == row


def test_a39_a_connect_pins_the_password_that_was_used(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, password_hash="old", next_password_hash="new", credential_version=4))

    stores.registry.connect(stores.name, connection(5), 4, Proven(1, "new"))
    with pytest.raises(RowChangedError, match=stores.name):
        stores.registry.connect(stores.name, connection(6), 4, Proven(1))

    assert stores.registry.find(stores.name) == ChargePoint(
        stores.name, password_hash="new", credential_version=5, highest_profile=1, connection=connection(5)
    )


def test_a45_the_name_of_a_certificate_is_kept_until_the_next_connect(stores: Stores) -> None:
    named = replace(connection(5), certificate_name="SN-1", certificate_serial="1F")
    stores.registry.add(ChargePoint(stores.name))

    stores.registry.connect(stores.name, named, 0)
    replaced = stores.registry.connect(stores.name, connection(6), 0)

    assert replaced == named
    assert stores.registry.find(stores.name) == ChargePoint(stores.name, connection=connection(6))


def test_a38_a_rotation_adds_a_second_password_and_is_another_version(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, password_hash="old"))

    known = stores.registry.rotate(stores.name, "new")
    unknown = stores.registry.rotate(f"{stores.name}-unknown", "new")

    row = ChargePoint(stores.name, password_hash="old", next_password_hash="new", credential_version=1)
    assert (known, unknown) == (True, False)
    assert stores.registry.find(stores.name) == row
    assert stores.registry.find(f"{stores.name}-unknown") is None


@pytest.mark.parametrize(("is_accepted", "left"), [(True, "new"), (False, "old")])
def test_a38_a_rotation_ends_with_one_password(stores: Stores, is_accepted: bool, left: str) -> None:
    stores.registry.add(ChargePoint(stores.name, password_hash="old"))
    stores.registry.rotate(stores.name, "new")

    other = stores.registry.settle(stores.name, "another", is_accepted)
    settled = stores.registry.settle(stores.name, "new", is_accepted)
    again = stores.registry.settle(stores.name, "new", is_accepted)

    assert (other, settled, again) == (False, True, False)
    assert stores.registry.find(stores.name) == ChargePoint(stores.name, password_hash=left, credential_version=2)


def test_a38_a_password_that_counts_later_is_awaited_until_it_is_used_or_replaced(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, password_hash="old"))
    stores.registry.rotate(stores.name, "new")

    other = stores.registry.settle(stores.name, "another", None)
    awaited = stores.registry.settle(stores.name, "new", None)
    awaiting = stores.registry.find(stores.name)
    stores.registry.connect(stores.name, connection(5), 2, Proven(1, "new"))
    used = stores.registry.find(stores.name)
    stores.registry.rotate(stores.name, "operator's", until_used=True)
    by_operator = stores.registry.find(stores.name)
    stores.registry.rotate(stores.name, "command's")
    by_command = stores.registry.find(stores.name)

    row = ChargePoint(stores.name, password_hash="old", credential_version=2)
    assert (other, awaited) == (False, True)
    assert awaiting == replace(row, next_password_hash="new", awaits_next_password=True)
    row = replace(row, password_hash="new", credential_version=3, highest_profile=1, connection=connection(5))
    assert used == row
    row = replace(row, credential_version=4, next_password_hash="operator's", awaits_next_password=True)
    assert by_operator == row
    assert by_command == replace(row, credential_version=5, next_password_hash="command's", awaits_next_password=False)


def test_a38_a_first_password_that_is_refused_leaves_none(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    stores.registry.rotate(stores.name, "new")

    stores.registry.settle(stores.name, "new", is_accepted=False)

    assert stores.registry.find(stores.name) == ChargePoint(stores.name, credential_version=2)


@pytest.mark.parametrize("profile", [2, None])
def test_a32_another_profile_is_expected_and_makes_another_version(stores: Stores, profile: int | None) -> None:
    stores.registry.add(ChargePoint(stores.name, security_profile=1))

    known = stores.registry.expect_profile(stores.name, profile)
    unknown = stores.registry.expect_profile(f"{stores.name}-unknown", 2)

    assert (known, unknown) == (True, False)
    assert stores.registry.find(stores.name) == ChargePoint(stores.name, security_profile=profile, credential_version=1)
    assert stores.registry.find(f"{stores.name}-unknown") is None


def test_when_it_was_seen_last_is_kept_as_long_as_that_connection_lasts(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    stores.registry.connect(stores.name, connection(5), 0)

    stores.registry.seen(stores.name, 4, NOON + SECOND)
    stores.registry.seen(f"{stores.name}-unknown", 5, NOON + SECOND)
    before = stores.registry.find(stores.name)
    stores.registry.seen(stores.name, 5, NOON + SECOND)
    seen = stores.registry.find(stores.name)
    stores.registry.disconnected(stores.name, 5, NOON + 3 * SECOND, NOON + 2 * SECOND)
    stores.registry.seen(stores.name, 5, NOON + 9 * SECOND)
    ended = stores.registry.find(stores.name)
    stores.registry.connect(stores.name, connection(6), 0)

    assert before == ChargePoint(stores.name, connection=connection(5))
    assert seen == ChargePoint(stores.name, connection=replace(connection(5), last_seen=NOON + SECOND))
    left = replace(connection(5), last_seen=NOON + 2 * SECOND, disconnected_at=NOON + 3 * SECOND)
    assert ended == ChargePoint(stores.name, connection=left)
    assert stores.registry.find(stores.name) == ChargePoint(stores.name, connection=connection(6))
    assert stores.registry.find(f"{stores.name}-unknown") is None


def test_an_end_that_says_nothing_of_it_leaves_when_it_was_seen_last(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    stores.registry.connect(stores.name, connection(5), 0)
    stores.registry.seen(stores.name, 5, NOON)

    stores.registry.disconnected(stores.name, 5, NOON + SECOND)

    left = replace(connection(5), last_seen=NOON, disconnected_at=NOON + SECOND)
    assert stores.registry.find(stores.name) == ChargePoint(stores.name, connection=left)


def test_a_gateway_is_alive_while_its_lease_runs(stores: Stores) -> None:
    gateway = f"gw-{stores.name}"
    before = stores.registry.is_alive(gateway, NOON)

    stores.registry.renew_lease(gateway, NOON + 30 * SECOND)

    assert not before
    assert stores.registry.is_alive(gateway, NOON + 29 * SECOND)
    assert not stores.registry.is_alive(gateway, NOON + 30 * SECOND)


def test_a_disconnect_counts_once_and_only_for_its_own_epoch(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name, connection=connection(5)))

    older = stores.registry.disconnected(stores.name, 4, NOON)
    first = stores.registry.disconnected(stores.name, 5, NOON)
    again = stores.registry.disconnected(stores.name, 5, NOON + SECOND)
    unknown = stores.registry.disconnected(f"{stores.name}-unknown", 5, NOON)

    assert (older, first, again, unknown) == (False, True, False, False)
    assert stores.registry.find(stores.name) == ChargePoint(
        stores.name, connection=replace(connection(5), disconnected_at=NOON)
    )
    assert stores.registry.find(f"{stores.name}-unknown") is None


def test_the_charge_points_of_a_gateway_are_found_on_all_its_links(stores: Stores) -> None:
    gateway, other = f"gw-{stores.name}", f"gw-{stores.name}-other"
    for number, place in enumerate([(gateway, 0), (gateway, 7), (gateway, 7), (other, 0), (gateway, 1)]):
        name = f"{stores.name}-{number}"
        stores.registry.add(ChargePoint(name))
        stores.registry.connect(name, connection(5, *place), 0)
    stores.registry.connect(f"{stores.name}-2", connection(6, other), 0)
    stores.registry.disconnected(f"{stores.name}-4", 5, NOON)

    links = stores.registry.links_of(gateway)
    found = {link: [row.charge_point_id for row in stores.registry.connected_to(gateway, link)] for link in range(8)}

    assert links == 8
    assert {link: ids for link, ids in found.items() if ids} == {0: [f"{stores.name}-0"], 7: [f"{stores.name}-1"]}
    assert stores.registry.links_of(f"{gateway}-unknown") == 0


def test_a_lease_renewed_does_not_forget_the_links(stores: Stores) -> None:
    gateway = f"gw-{stores.name}"
    stores.registry.add(ChargePoint(stores.name))
    stores.registry.connect(stores.name, connection(5, gateway, 3), 0)

    stores.registry.renew_lease(gateway, NOON)

    assert stores.registry.links_of(gateway) == 4
    assert [row.charge_point_id for row in stores.registry.connected_to(gateway, 3)] == [stores.name]


def test_boot_data_are_kept_and_replaced_by_newer_ones_only(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    newer = Boot("Vendor", "Model", NOON, details={"reason": "PowerUp", "customData": {"b": 1, "a": [1.5, None]}})

    stores.registry.booted(stores.name, newer)
    stores.registry.booted(stores.name, Boot("Vendor", "Old", NOON - SECOND))

    assert stores.registry.find(stores.name) == ChargePoint(stores.name, boot=newer)


def test_a_connector_keeps_the_newest_status_by_the_devices_clock(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    charging, available = ConnectorState("Charging", NOON), ConnectorState("Available", NOON - SECOND)

    news = stores.registry.connector(stores.name, "1", charging)
    older = stores.registry.connector(stores.name, "1", available)
    other = stores.registry.connector(stores.name, "1.1", available)

    assert (news, older, other) == (True, False, True)
    assert stores.registry.find(stores.name) == ChargePoint(stores.name, connectors={"1": charging, "1.1": available})


def test_a_status_repeated_later_is_no_news_but_is_newer(stores: Stores) -> None:
    stores.registry.add(ChargePoint(stores.name))
    stores.registry.connector(stores.name, "1", ConnectorState("Faulted", NOON, "GroundFailure"))

    repeated = stores.registry.connector(stores.name, "1", ConnectorState("Faulted", NOON + SECOND, "GroundFailure"))
    other_error = stores.registry.connector(stores.name, "1", ConnectorState("Faulted", NOON + SECOND))
    late = stores.registry.connector(stores.name, "1", ConnectorState("Available", NOON))

    assert (repeated, other_error, late) == (False, True, False)


def test_observations_create_no_row(stores: Stores) -> None:
    stores.registry.booted(stores.name, Boot("Vendor", "Model", NOON))
    changed = stores.registry.connector(stores.name, "1", ConnectorState("Available", NOON))

    assert not changed
    assert stores.registry.find(stores.name) is None


def test_id_tokens_compare_without_case(stores: Stores) -> None:
    token = IdToken(f"{stores.name}-ABC", "Blocked", NOON, "Group", "eMAID", ("CP-1", "CP-2/1"), is_prepaid=True)
    stores.id_tokens.put(token)

    found = stores.id_tokens.find(f"{stores.name}-abC")

    assert found == replace(token, id_token=f"{stores.name}-abc".lower())
    assert stores.id_tokens.find(f"{stores.name}-other") is None


def test_an_id_token_is_replaced_as_a_whole(stores: Stores) -> None:
    stores.id_tokens.put(IdToken(stores.name, "Blocked", NOON, "Group"))

    stores.id_tokens.put(IdToken(stores.name.lower()))

    assert stores.id_tokens.find(stores.name) == IdToken(stores.name.lower())


def test_an_empty_id_token_is_unknown(stores: Stores) -> None:
    assert stores.id_tokens.find("") is None
