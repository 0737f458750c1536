"""Two partners of one house know nothing of each other's things."""

import hashlib

import pytest
from pydantic import TypeAdapter

from tests.fleet.office import Office
from web.access import Access, Rule

RULES = {
    "anna": [{"chargePoints": ["*"], "actions": ["*"], "partners": ["acme"]}],
    "vera": [{"chargePoints": ["*"], "actions": ["*"], "partners": ["volt"]}],
    "both": [
        {"chargePoints": ["*"], "actions": ["*"], "partners": ["acme"]},
        {"chargePoints": ["*"], "actions": [], "partners": ["volt"]},
    ],
    "boss": [{"chargePoints": ["*"], "actions": ["*"]}],
}


@pytest.fixture
def office() -> Office:
    tokens = {hashlib.sha256(name.encode()).hexdigest(): name for name in [*RULES, "nobody"]}
    policy = TypeAdapter(dict[str, list[Rule]]).validate_python(RULES)
    office = Office(Access(tokens, policy))
    for caller, identity in (("anna", "A-1"), ("vera", "V-1")):
        assert office.ask("POST", "/charge-points", {"identity": identity}, caller).status == 201
    return office


def test_a_partners_charge_point_is_its_own_without_saying_so(office: Office) -> None:
    assert (office.row("A-1").partner, office.row("V-1").partner) == ("acme", "volt")


def test_each_sees_its_own_only_and_the_house_sees_all(office: Office) -> None:
    def ids(caller: str, query: str = "") -> list[str]:
        return [
            each["chargePointId"] for each in office.ask("GET", f"/charge-points{query}", token=caller).body["data"]
        ]

    assert (ids("anna"), ids("vera"), ids("boss")) == (["A-1"], ["V-1"], ["A-1", "V-1"])
    assert office.ask("GET", "/charge-points?partner=volt", token="anna").status == 403
    assert office.ask("GET", "/charge-points", token="both").status == 422
    assert ids("both", "?partner=volt") == ["V-1"]
    assert office.ask("GET", "/charge-points", token="nobody").status == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", ""), ("DELETE", ""), ("POST", "/disable"), ("POST", "/enable"), ("POST", "/rotate-password"),
        ("POST", "/certificates"),
    ],
)  # fmt: skip
def test_anothers_charge_point_looks_as_if_it_were_not_there(office: Office, method: str, path: str) -> None:
    before = office.row("V-1")

    others = office.ask(method, f"/charge-points/V-1{path}", {}, "anna")
    nobodys = office.ask(method, f"/charge-points/N-1{path}", {}, "anna")

    assert (
        (others.status, others.body["code"]) == (nobodys.status, nobodys.body["code"]) == (404, "charge-point-unknown")
    )
    assert others.body["detail"] == nobodys.body["detail"].replace("N-1", "V-1")
    assert office.row("V-1") == before


def test_who_may_look_at_one_partner_and_change_another_does_not_mix_them_up(office: Office) -> None:
    assert office.ask("POST", "/charge-points/A-1/disable", token="both").status == 200
    assert office.ask("POST", "/charge-points/V-1/disable", token="both").status == 403


def test_nobody_takes_or_gives_charge_points_across(office: Office) -> None:
    given = office.ask("PATCH", "/charge-points/A-1", {"partner": "volt"}, "anna")
    freed = office.ask("PATCH", "/charge-points/A-1", {"partner": None}, "anna")
    put = office.ask("POST", "/charge-points", {"identity": "A-2", "partner": "volt"}, "anna")

    assert (given.status, freed.status, put.status) == (404, 404, 403)
    assert office.row("A-1").partner == "acme"
    assert office.ask("PATCH", "/charge-points/A-1", {"partner": "volt"}, "boss").status == 200


def test_each_partner_has_its_own_tokens(office: Office) -> None:
    for caller in ("anna", "vera"):
        assert office.ask("POST", "/id-tokens", {"idToken": "CARD"}, caller).status == 201

    blocked = office.ask("PATCH", "/id-tokens/card", {"status": "Blocked"}, "anna")
    removed = office.ask("DELETE", "/id-tokens/card?partner=volt", token="anna")

    assert (blocked.status, removed.status) == (200, 403)
    assert office.ask("GET", "/id-tokens/card", token="vera").body["status"] == "Accepted"
    assert office.ask("GET", "/id-tokens/card", token="boss").status == 404
    assert [each["status"] for each in office.ask("GET", "/id-tokens", token="anna").body["data"]] == ["Blocked"]
    assert office.ask("POST", "/id-tokens", {"idToken": "X", "partner": "volt"}, "both").status == 403
