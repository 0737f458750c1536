"""Charge points over HTTP."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.local_ca import LocalCertificateAuthority, make_request
from domain import credentials
from domain.models import Connection, Registration
from ocppj.versions import V16
from tests.certificates import Authority
from tests.fleet.office import NOON, Office


def connect(office: Office, charge_point_id: str, epoch: int = 7) -> None:
    row = office.row(charge_point_id)
    connection = Connection(V16, "gw1", 1, epoch, office.now)
    office.registry.connect(charge_point_id, connection, row.credential_version)
    office.registry.renew_lease("gw1", office.now + timedelta(days=9))


def register(office: Office, identity: str = "CP-1", **more: Any) -> None:
    assert office.ask("POST", "/charge-points", {"identity": identity, **more}).status == 201


def test_registering_tells_a_generated_password_once() -> None:
    office = Office()

    told = office.ask("POST", "/charge-points", {"identity": "CP 1", "password": "generate", "securityProfile": 2})
    again = office.ask("POST", "/charge-points", {"identity": "CP 1", "password": "generate"})
    listed = office.ask("GET", "/charge-points")

    assert (told.status, told.headers["Location"]) == (201, "/charge-points/CP:201")
    hashed = office.row("CP:201").password_hash
    assert hashed is not None and credentials.matches(hashed, bytes.fromhex(told.body["password"]), b"pepper")
    assert (again.status, again.body["code"], "password" in again.body) == (409, "already-registered", False)
    assert told.body["password"] not in str(listed.body) and hashed not in str(listed.body)


def test_everything_said_at_registration_is_in_the_row() -> None:
    office = Office()

    register(
        office, partner="acme", site="Depot 3", vendorProfile="Acme/One", securityProfile=3, commonName="SN-1",
        certificateNames=["LC-1"], defaultVersion="ocpp1.6", pingIntervalSeconds=0, registration="Pending",
        commandTimeoutSeconds=90,
        allowDowngrade=True, tariffId="t1",
    )  # fmt: skip

    row = office.row("CP-1")
    assert (row.partner, row.site, row.vendor_profile, row.security_profile) == ("acme", "Depot 3", "Acme/One", 3)
    assert (row.serial_number, row.certificate_names, row.default_version) == ("SN-1", ("LC-1",), V16)
    assert (row.ping_interval_s, row.registration, row.allow_downgrade) == (0, Registration.PENDING, True)
    assert row.command_timeout_s == 90
    assert row.tariff_id == "t1"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/identity"),
        ({"identity": ""}, "/identity"),
        ({"identity": "x" * 129}, "/identity"),
        ({"identity": "x" * 100, "idPrefix": "y" * 29}, "/idPrefix"),
        ({"identity": "CP-1", "securityProfile": 4}, "/securityProfile"),
        ({"identity": "CP-1", "securityProfile": 1}, "/password"),
        ({"identity": "CP-1", "password": "short"}, "/password"),
        ({"identity": "CP-1", "partner": "a:b"}, "/partner"),
        ({"identity": "CP-1", "registration": "Maybe"}, "/registration"),
        ({"identity": "CP-1", "sites": "Depot"}, "/sites"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_registered(body: dict[str, Any], pointer: str) -> None:
    office = Office()

    reply = office.ask("POST", "/charge-points", body)

    assert (reply.status, [each["pointer"] for each in reply.body["errors"]]) == (422, [pointer])
    assert (office.registry.rows(), office.things.created) == ([], [])


def test_a_second_partner_gets_409_or_a_prefix() -> None:
    office = Office()
    register(office, "CP001", partner="acme")

    refused = office.ask("POST", "/charge-points", {"identity": "CP001", "partner": "volt"})
    prefixed = office.ask("POST", "/charge-points", {"identity": "CP001", "partner": "volt", "idPrefix": "volt-"})

    assert (refused.status, refused.body["code"]) == (409, "already-registered")
    assert refused.body["detail"].startswith("CP001 is registered already: ids are unique in an account")
    assert (prefixed.status, prefixed.body["chargePointId"]) == (201, "volt-CP001")


def test_an_id_that_differs_in_case_only_is_taken() -> None:
    office = Office()
    register(office, "CP001")

    assert office.ask("POST", "/charge-points", {"identity": "cp001"}).status == 409
    assert office.things.created == ["CP001"]


def test_setting_changes_what_is_named_and_null_empties_it() -> None:
    office = Office()
    register(office, site="Depot", vendorProfile="Acme")

    reply = office.ask("PATCH", "/charge-points/CP-1", {"site": None, "securityProfile": 2, "registration": "Rejected"})

    assert (reply.status, reply.body["site"], reply.body["vendorProfile"]) == (200, None, "Acme")
    row = office.row("CP-1")
    assert (row.security_profile, row.registration, row.credential_version) == (2, Registration.REJECTED, 1)


def test_disabling_closes_the_socket_and_enabling_lets_it_in_again() -> None:
    office = Office()
    register(office)
    connect(office, "CP-1")

    disabled = office.ask("POST", "/charge-points/CP-1/disable")
    enabled = office.ask("POST", "/charge-points/CP-1/enable")

    assert (disabled.body["status"], enabled.body["status"]) == ("disabled", "online")
    assert office.sent.evicted == [("gw1", "CP-1", 7)]


def test_deleting_removes_row_and_thing_and_closes_the_socket() -> None:
    office = Office()
    register(office)
    connect(office, "CP-1")

    deleted = office.ask("DELETE", "/charge-points/CP-1")

    assert (deleted.status, deleted.body) == (200, {"chargePointId": "CP-1", "deleted": True})
    assert (office.registry.rows(), office.things.ids) == ([], {})
    assert office.sent.evicted == [("gw1", "CP-1", 7)]
    assert office.ask("DELETE", "/charge-points/CP-1").status == 404


def test_a_new_password_counts_beside_the_old_one_until_it_is_used() -> None:
    office = Office()
    register(office, password="generate")
    old = office.row("CP-1").password_hash

    told = office.ask("POST", "/charge-points/CP-1/rotate-password")

    row = office.row("CP-1")
    assert (row.password_hash, told.headers["Cache-Control"]) == (old, "no-store")
    assert row.next_password_hash is not None
    assert credentials.matches(row.next_password_hash, bytes.fromhex(told.body["password"]), b"pepper")


def test_a_new_password_can_count_at_once() -> None:
    office = Office()
    register(office, password="generate")
    old = office.row("CP-1").password_hash

    told = office.ask("POST", "/charge-points/CP-1/rotate-password", {"password": "a chosen one", "atOnce": True})

    row = office.row("CP-1")
    assert told.body == {"chargePointId": "CP-1"}
    assert (row.password_hash != old, row.next_password_hash) == (True, None)


def test_a_certificate_is_signed_for_its_own_charge_point_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    signer = LocalCertificateAuthority(authority.certificate.read_bytes(), authority.key.read_bytes(), 30)
    office = Office(signer=signer, make_request=make_request)
    register(office)

    made = office.ask("POST", "/charge-points/CP-1/certificates")
    signed = office.ask("POST", "/charge-points/CP-1/certificates", {"csr": make_request("CP-1")[1]})
    others = office.ask("POST", "/charge-points/CP-1/certificates", {"csr": make_request("CP-2")[1]})
    nonsense = office.ask("POST", "/charge-points/CP-1/certificates", {"csr": "nonsense"})

    assert (made.status, "PRIVATE KEY" in made.body["privateKey"]) == (201, True)
    assert (signed.status, "privateKey" in signed.body) == (201, False)
    assert [reply.body["code"] for reply in (others, nonsense)] == ["request-refused"] * 2
    row = office.row("CP-1")
    assert (row.security_profile, row.certificate_names) == (3, ("CP-1",))


def test_nobody_signs_where_there_is_no_authority() -> None:
    office = Office()
    register(office)

    reply = office.ask("POST", "/charge-points/CP-1/certificates")

    assert (reply.status, reply.body["code"]) == (409, "no-authority")


def test_lists_are_narrowed_and_go_on_where_they_ended() -> None:
    office = Office()
    for number in range(4):
        register(office, f"CP-{number}", site="Depot" if number < 3 else "Yard", partner="acme")
    connect(office, "CP-1")
    office.ask("POST", "/charge-points/CP-2/disable")

    first = office.ask("GET", "/charge-points?limit=2&partner=acme")
    second = office.ask("GET", first.headers["Link"].split(">")[0].removeprefix("<"))

    assert [each["chargePointId"] for each in [*first.body["data"], *second.body["data"]]] == [
        f"CP-{number}" for number in range(4)
    ]
    assert second.body["nextCursor"] is None

    def ids(query: str) -> list[str]:
        return [each["chargePointId"] for each in office.ask("GET", f"/charge-points?{query}").body["data"]]

    assert ids("status=online") == ["CP-1"]
    assert ids("status=disabled") == ["CP-2"]
    assert ids("status=offline&site=Depot") == ["CP-0"]
    assert ids("offlineSince=2026-11-21T12:00:00Z") == ["CP-0", "CP-2", "CP-3"]
    assert ids("offlineSince=2026-11-21T11:59:59Z") == []
    assert ids("partner=volt") == []


@pytest.mark.parametrize("query", ["status=asleep", "offlineSince=yesterday", "cursor=x", "limit=0", "limit=101"])
def test_a_list_that_is_asked_for_wrongly_names_the_parameter(query: str) -> None:
    reply = Office().ask("GET", f"/charge-points?{query}")

    assert (reply.status, reply.body["errors"][0]["parameter"]) == (422, query.split("=")[0])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", ""), ("DELETE", ""), ("POST", "/disable"), ("POST", "/enable"), ("POST", "/rotate-password"),
        ("POST", "/certificates"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["CP-9", "gateway%23gw1", "name%23cp-1"])
def test_who_is_not_registered_is_404_and_other_items_of_the_table_are_nobody(
    method: str, path: str, name: str
) -> None:
    reply = Office().ask(method, f"/charge-points/{name}{path}", {})

    assert (reply.status, reply.body["code"]) == (404, "charge-point-unknown")


def test_a_charge_point_that_was_never_seen_is_offline_since_it_was_registered() -> None:
    office = Office()
    register(office)
    office.now = NOON + timedelta(days=2)

    reply = office.ask("GET", "/charge-points?offlineSince=2026-11-22T00:00:00Z")

    assert [each["chargePointId"] for each in reply.body["data"]] == ["CP-1"]
