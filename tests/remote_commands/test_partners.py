"""Who commands for one partner knows nothing of another's charge points."""

import hashlib

import pytest
from pydantic import TypeAdapter

from ocppj.versions import V16
from tests.remote_commands.desk import Desk
from web.access import Access, Rule

RULES = {
    "anna": [{"chargePoints": ["*"], "actions": ["*"], "partners": ["acme"]}],
    "boss": [{"chargePoints": ["*"], "actions": ["*"]}],
}


@pytest.fixture
def desk() -> Desk:
    tokens = {hashlib.sha256(name.encode()).hexdigest(): name for name in RULES}
    desk = Desk(access=Access(tokens, TypeAdapter(dict[str, list[Rule]]).validate_python(RULES)))
    desk.connect("A-1", V16, partner="acme")
    desk.connect("V-1", V16, partner="volt")
    desk.connect("H-1", V16)
    return desk


@pytest.mark.parametrize("name", ["V-1", "H-1"])
@pytest.mark.parametrize("action", ["Reset", "reset"])
def test_anothers_charge_point_is_not_there(desk: Desk, name: str, action: str) -> None:
    body = {"type": "Soft"} if action == "Reset" else {"type": "graceful"}

    own = desk.post(f"/charge-points/A-1/commands/{action}", body, token="anna")
    others = desk.post(f"/charge-points/{name}/commands/{action}", body, token="anna")

    assert own.status == 202
    assert (others.status, others.body["code"]) == (404, "charge-point-unknown")
    assert desk.get(f"/charge-points/{name}/commands", token="anna").status == 404
    assert [each.charge_point_id for each in desk.sent.published] == ["A-1"]


def test_nor_are_its_commands(desk: Desk) -> None:
    command = desk.post("/charge-points/V-1/commands/Reset", {"type": "Soft"}, token="boss").body["commandId"]

    seen, boss = desk.get(f"/commands/{command}", token="anna"), desk.get(f"/commands/{command}", token="boss")

    assert (seen.status, seen.body["code"], boss.status) == (404, "command-unknown", 200)


def test_the_neutral_addresses_know_it_too(desk: Desk) -> None:
    started = desk.post("/remote-start-transaction", {"chargePointId": "V-1", "idToken": "CARD"}, token="anna")

    assert (started.status, started.body["code"]) == (404, "charge-point-unknown")
