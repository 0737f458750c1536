"""Reading over HTTP."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from domain.models import Boot, ChargePoint, Connection, ConnectorState, Transaction
from domain.refusals import REFUSED
from ocppj import timestamps
from ocppj.versions import V16
from tests.fleet.clerk import run
from tests.fleet.office import NOON, Office
from web.access import Access, Rule


@pytest.fixture
def office() -> Office:
    office = Office()
    office.registry.add(ChargePoint("CP-1"))
    return office


def begin(office: Office, minute: int, token: str = "card", charge_point_id: str = "CP-1") -> str:  # noqa: S107
    row = office.registry.find(charge_point_id)
    start = Transaction(
        charge_point_id, "", V16, connector="1", id_token=token, started_at=NOON + timedelta(minutes=minute),
        meter_start_wh=0, partner=row.partner if row else None,
    )  # fmt: skip
    return office.transactions.begin(start).transaction_id


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def ids(body: dict[str, Any]) -> list[str]:
    return [one["transactionId"] for one in body["data"]]


def test_a_charge_point_is_shown_with_its_connectors_and_no_secret(office: Office) -> None:
    office.registry.add(ChargePoint("CP-2", password_hash="h$1"))
    office.registry.renew_lease("g1", NOON + timedelta(seconds=30))
    office.registry.connect("CP-2", Connection(V16, "g1", 0, 1, NOON), 0)
    office.registry.booted("CP-2", Boot("Vendor", "Model", NOON, firmware="1.2"))
    office.registry.connector("CP-2", "1", ConnectorState("Charging", NOON, "NoError"))

    body = office.ask("GET", "/charge-points/CP-2").body

    assert (body["connected"], body["ocppVersion"], body["firmware"]) == (True, "1.6", "1.2")
    assert [(each["connector"], each["status"]) for each in body["connectors"]] == [("1", "Charging")]
    assert "h$1" not in str(body)


@pytest.mark.parametrize(
    "path", ["", "/transactions", "/device-model", "/security-events", "/reports", "/configuration"]
)
def test_a_charge_point_nobody_registered_is_unknown_everywhere(office: Office, path: str) -> None:
    assert office.ask("GET", f"/charge-points/CP-9{path}").body["code"] == "charge-point-unknown"


def test_transactions_come_in_pages_and_the_link_keeps_what_was_asked(office: Office) -> None:
    begun = [begin(office, minute) for minute in range(3)]

    first = office.ask("GET", "/charge-points/CP-1/transactions?limit=2&from=2026-11-21T12:00:00Z")
    link = first.headers["Link"].partition(">")[0].removeprefix("<")
    rest = office.ask("GET", link)

    assert ids(first.body) + ids(rest.body) == begun[::-1]
    assert "from=2026-11-21T12%3A00%3A00Z" in link
    assert rest.body["nextCursor"] is None


def test_open_and_closed_ones_are_told_apart(office: Office) -> None:
    begun = [begin(office, minute) for minute in range(3)]

    closed = office.ask("GET", "/charge-points/CP-1/transactions?open=false")

    assert ids(closed.body) == [begun[1], begun[0]]
    assert ids(office.ask("GET", "/transactions?open=true").body) == [begun[2]]


def test_the_transactions_of_a_token_are_found(office: Office) -> None:
    begun = begin(office, 0, "Card-7")
    begin(office, 1, "other")

    assert ids(office.ask("GET", "/transactions?idToken=CARD-7").body) == [begun]


def test_all_transactions_that_ever_were_are_no_list(office: Office) -> None:
    reply = office.ask("GET", "/transactions")

    assert (reply.status, reply.body["errors"][0]["parameter"]) == (422, "idToken")


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=nonsense", "from=yesterday", "open=maybe"])
def test_a_wrong_parameter_is_named(office: Office, query: str) -> None:
    reply = office.ask("GET", f"/charge-points/CP-1/transactions?{query}")

    assert (reply.status, reply.body["errors"][0]["parameter"]) == (422, query.partition("=")[0])


def test_a_transaction_has_its_samples_and_the_remarks_on_its_bill(office: Office) -> None:
    begun = begin(office, 0)
    value = {"timestamp": "2026-11-21T12:10:00Z", "sampledValue": [{"value": "5.5", "unit": "kWh"}]}
    office.transactions.sample(Transaction("CP-1", begun, V16), [value])
    begin(office, 30)

    body = office.ask("GET", f"/charge-points/CP-1/transactions/{begun}").body

    assert [(one["value"], one["unit"]) for one in body["samples"]] == [(5500.0, "Wh")]
    assert body["remarks"][0]["rule"] == "left_open"
    assert "billed up to the last reading" in body["remarks"][0]["remark"].lower()


def test_a_transaction_that_is_not_there_is_a_problem(office: Office) -> None:
    assert office.ask("GET", "/charge-points/CP-1/transactions/99").body["code"] == "transaction-unknown"


def test_security_events_are_among_the_reports(office: Office) -> None:
    office.reports.keep("CP-1", "SecurityEventNotification", "2026#x", {"type": "StartupOfTheDevice"}, NOON)
    office.reports.keep("CP-1", "LogStatus", "1", {}, NOON)

    events = office.ask("GET", "/charge-points/CP-1/security-events").body["data"]

    assert [one["payload"]["type"] for one in events] == ["StartupOfTheDevice"]
    assert len(office.ask("GET", "/charge-points/CP-1/reports").body["data"]) == 2
    assert len(office.ask("GET", "/charge-points/CP-1/reports?action=LogStatus").body["data"]) == 1


def test_the_doctor_sees_whoever_was_refused_registered_or_not(office: Office) -> None:
    office.registry.add(ChargePoint("CP001"))
    told = {
        "identity": "CP00l", "reason": "unknown", "status": 404, "text": "No.", "path": "/CP00l", "peer": "10.0.0.1:5",
        "offered": ["ocpp1.6"], "count": 1, "firstAt": timestamps.write(NOON), "lastAt": timestamps.write(NOON),
    }  # fmt: skip
    office.reports.keep("CP00l", REFUSED, "1", told, NOON)

    body = office.ask("GET", "/charge-points/CP00l/doctor").body

    assert (body["state"], body["registered"]) == ("unknown", False)
    assert body["findings"][0]["sentence"] == "unknown id `CP00l`, did you mean CP001? At 12:00"


def test_what_a_policy_hides_is_hidden_from_every_list(office: Office) -> None:
    hidden = Office(Access(policy={"*": [Rule.model_validate({"chargePoints": ["CP-1"], "actions": []})]}))
    for charge_point_id in ("CP-1", "CP-2"):
        hidden.registry.add(ChargePoint(charge_point_id))
    mine, theirs = begin(hidden, 0), begin(hidden, 1, charge_point_id="CP-2")

    assert ids(hidden.ask("GET", "/transactions?idToken=card").body) == [mine]
    assert hidden.ask("GET", f"/charge-points/CP-2/transactions/{theirs}").status == 403
    assert hidden.ask("GET", "/charge-points/CP-2/doctor").status == 403


def test_what_is_another_partners_is_as_if_it_were_not_there() -> None:
    rule = Rule.model_validate({"chargePoints": ["*"], "actions": ["*"], "partners": ["acme"]})
    office = Office(Access(policy={"*": [rule]}))
    office.registry.add(ChargePoint("CP-1", partner="acme"))
    office.registry.add(ChargePoint("CP-2", partner="other"))
    mine, theirs = begin(office, 0), begin(office, 1, charge_point_id="CP-2")

    assert office.ask("GET", "/charge-points/CP-1").status == 200
    for path in ("", "/doctor", "/transactions", f"/transactions/{theirs}", "/reports", "/security-events"):
        assert office.ask("GET", f"/charge-points/CP-2{path}").body["code"] == "charge-point-unknown"
    assert ids(office.ask("GET", "/transactions?idToken=card").body) == [mine]
    assert ids(office.ask("GET", "/transactions?open=true").body) == [mine]


def test_who_gets_a_charge_point_does_not_get_to_know_who_charged_there_before() -> None:
    rules = {
        name: [Rule.model_validate({"chargePoints": ["*"], "actions": ["*"], "partners": [name]})]
        for name in ("acme", "volt")
    }
    office = Office(Access({digest(name): name for name in rules}, rules))
    office.registry.add(ChargePoint("CP-1", partner="acme"))
    before = begin(office, 0)
    office.registry.change("CP-1", {"partner": "volt"})
    since = begin(office, 1)

    def seen(caller: str, path: str) -> list[str]:
        return ids(office.ask("GET", path, token=caller).body)

    assert seen("volt", "/charge-points/CP-1/transactions") == [since]
    assert office.ask("GET", f"/charge-points/CP-1/transactions/{before}", token="volt").status == 404
    assert (seen("volt", "/transactions?idToken=card"), seen("acme", "/transactions?idToken=card")) == (
        [since], [before],
    )  # fmt: skip
    assert (seen("volt", "/transactions?open=true"), seen("acme", "/transactions?open=true")) == ([since], [])


def test_the_command_line_shows_the_same_of_a_charge_point(office: Office) -> None:
    over_http = [office.ask("GET", f"/charge-points/CP-1{query}").body for query in ("", "?shadow=true")]

    shown = [run(office, "show", "CP-1", "--json", *more).stdout for more in ((), ("--shadow",))]

    assert [json.loads(text) for text in shown] == over_http
    assert over_http[1] == over_http[0] | {"shadow": None}
