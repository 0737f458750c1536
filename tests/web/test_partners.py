"""Two partners on every address of the OpenAPI documents: what is the other's is as if it were not there."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from domain import unknown_tokens
from domain.models import ChargePoint, IdToken, Transaction
from domain.refusals import REFUSED
from ocppj import timestamps
from ocppj.versions import V16
from tests.fleet.office import NOON, Office
from tests.remote_commands.desk import Desk
from web.access import Access, Rule

DOCS = Path(__file__).parents[2] / "docs"
RULES = {
    caller: [{"chargePoints": ["*"], "actions": ["*"], "partners": [partner]}]
    for caller, partner in (("anna", "acme"), ("vera", "volt"))
}
MARKS = ("V-1", "volt")  # every name of volt's things has one of them
QUERIES = (
    "", "?partner=volt", "?open=true", "?open=true&partner=volt", "?idToken=volt-card", "?limit=1&cursor={cursor}",
)  # fmt: skip
# The doctor tells of ids that aren't registered, so that a stranger can be found; of another's it tells nothing.
FOR_STRANGERS = "/charge-points/{chargePointId}/doctor"


@dataclass(frozen=True)
class Route:
    """A method of an address, with a body that the document has for it."""

    api: str
    method: str
    address: str
    body: Any

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.address)

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


class World:
    """The fleet and the commands of a house with two partners. `theirs` are names of volt's, `nobodys` of nothing."""

    def __init__(self) -> None:
        policy = TypeAdapter(dict[str, list[Rule]]).validate_python(RULES)
        access = Access({hashlib.sha256(name.encode()).hexdigest(): name for name in RULES}, policy)
        self.office, self.desk = Office(access), Desk(access=access)
        for name, partner in (("A-1", "acme"), ("V-1", "volt")):
            self.desk.connect(name, partner=partner)
            self.office.registry.add(ChargePoint(name, f"thing-{name}", NOON, partner=partner))
        start = Transaction("V-1", "", V16, connector="1", id_token="volt-card", started_at=NOON, partner="volt")
        self.office.id_tokens.put(IdToken("volt-card", partner="volt"))
        unknown_tokens.note("volt-new", None, self.office.row("V-1"), NOON, self.office.reports)
        for action in (REFUSED, "SecurityEventNotification", "Connection"):
            self.office.reports.keep("V-1", action, "1", _refused(), NOON)
        sent = self.desk.post("/charge-points/V-1/commands/reset", {}, token="vera").body
        job = {"action": "Reset", "payload": {"type": "Soft"}, "selector": {"ids": ["V-1"]}}
        self.theirs = {
            "chargePointId": "V-1",
            "transactionId": self.office.transactions.begin(start).transaction_id,
            "idToken": "volt-card",
            "commandId": sent["commandId"],
            "jobId": self.desk.post("/jobs", job, token="vera").body["jobId"],
            "action": "Reset",
        }
        self.nobodys = dict.fromkeys(self.theirs, "N-1") | {"action": "Reset"}

    def ask(self, route: Route, names: dict[str, str], query: str = "", caller: str = "anna") -> Any:
        path = re.sub(r"{(\w+)}", lambda named: names[named[1]], route.address) + query
        body = json.loads(json.dumps(route.body).replace("CP001", names["chargePointId"]))
        if route.api == "openapi-fleet":
            return self.office.ask(route.method, path, body, caller)
        return self.desk.ask(route.method, path, None if body is None else json.dumps(body), token=caller)

    def state(self) -> Any:
        """All there is of volt, and what was sent to it."""
        its = (self.office.row("V-1"), self.desk.row("V-1"), self.office.id_tokens.find("volt-card", "volt"))
        return its, len(self.desk.sent.published), self.desk.jobs.find(self.theirs["jobId"])


def _refused() -> dict[str, Any]:
    at = timestamps.write(NOON)
    return {
        "identity": "V-1", "reason": "wrong_credentials", "status": 401, "text": "No.", "path": "/V-1", "at": at,
        "peer": "10.0.0.1:5", "offered": ["ocpp1.6"], "count": 1, "firstAt": at, "lastAt": at,
    }  # fmt: skip


@cache
def routes() -> list[Route]:
    return list(_routes())


def _routes() -> Iterator[Route]:
    for api in ("openapi", "openapi-fleet"):
        for address, methods in json.loads((DOCS / f"{api}.json").read_text())["paths"].items():
            for method, does in methods.items():
                if method != "parameters":
                    content = does.get("requestBody", {}).get("content", {}).get("application/json", {})
                    yield Route(api, method.upper(), address, _example(content))


def _example(content: dict[str, Any]) -> Any:
    if "examples" in content:
        return next(iter(content["examples"].values()))["value"]
    return content.get("example")


@pytest.mark.parametrize("route", [one for one in routes() if one.parameters], ids=str)
def test_what_is_anothers_is_answered_like_what_is_not_there(route: Route) -> None:
    world = World()
    before = world.state()

    theirs, nobodys = world.ask(route, world.theirs), world.ask(route, world.nobodys)

    assert theirs.status == 404
    if route.address != FOR_STRANGERS:
        assert nobodys.status == 404
        assert _without_names(theirs.body, world.theirs) == _without_names(nobodys.body, world.nobodys)
    assert world.state() == before


@pytest.mark.parametrize("name", ["transactionId", "idToken", "commandId", "jobId"])
def test_ones_own_charge_point_is_no_way_to_anothers_things(name: str) -> None:
    world = World()
    before = world.state()

    for route in routes():
        if name in route.parameters:
            assert world.ask(route, {**world.theirs, "chargePointId": "A-1"}).status == 404, route
    assert world.state() == before


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("route", [one for one in routes() if not one.parameters], ids=str)
def test_lists_and_bodies_tell_and_do_nothing_of_anothers(route: Route, query: str) -> None:
    world = World()
    own = replace(route, method="GET", body=None)
    cursor = world.ask(own, world.theirs, "?limit=1", "vera").body.get("nextCursor") or ""
    before = world.state()

    answered = world.ask(route, world.theirs, query.replace("{cursor}", cursor))

    told = json.dumps({name: value for name, value in answered.body.items() if name not in ("instance", "detail")})
    if answered.status < 300 and not route.address.endswith("openapi.json"):
        assert not any(mark in told for mark in MARKS), told
    assert world.state() == before


@pytest.mark.parametrize("route", [one for one in routes() if one.method == "GET"], ids=str)
def test_the_other_one_does_see_all_that(route: Route) -> None:
    world = World()

    assert world.ask(route, world.theirs, "?open=true", "vera").status == 200


def _without_names(body: dict[str, Any], names: dict[str, str]) -> str:
    text = json.dumps({name: value for name, value in body.items() if name != "instance"})
    for name in sorted(names.values(), key=len, reverse=True):
        text = text.replace(name, "*")
    return text
