"""Reading over HTTP: charge points, transactions, what charge points told, and the doctor. Lists come in pages."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from domain import assembly
from domain.models import ChargePoint, Transaction
from domain.pages import LIMIT, MOST, Ask, CursorError, Page
from fleet import charge_points, doctor, reading, views
from fleet.errors import ProblemError
from fleet.ports import Ports
from fleet.tenancy import may_see, own_partner, own_row
from ocppj import timestamps
from ocppj.errors import IdentityError
from web.front import Answer, Front, answer
from web.problems import InvalidRequestError, Wrong

PAGES = 5  # of an index that are looked through at most, where a page shows only some of its items


def routes(front: Front, ports: Ports) -> Mapping[str, Mapping[str, Callable[..., Answer]]]:
    """`/charge-points/{id}` and what is below it, and `/transactions`."""
    its = _Reading(front, ports)
    one = "/charge-points/<charge_point_id>"
    return {
        one: {"GET": its.charge_point},
        f"{one}/doctor": {"GET": its.doctor},
        f"{one}/transactions": {"GET": its.of_charge_point},
        f"{one}/transactions/<transaction_id>": {"GET": its.transaction},
        f"{one}/device-model": {"GET": its.device_model},
        f"{one}/configuration": {"GET": its.configuration},
        f"{one}/security-events": {"GET": its.security_events},
        f"{one}/reports": {"GET": its.reports},
        "/transactions": {"GET": its.transactions},
    }


class _Reading:
    def __init__(self, front: Front, ports: Ports) -> None:
        self.front = front
        self.ports = ports
        self.reading = ports.reading

    def charge_point(self, charge_point_id: str) -> Answer:
        row = self._own(charge_point_id)
        return answer(200, charge_points.shown(row, self.ports, with_shadow=self._flag("shadow") or False))

    def doctor(self, charge_point_id: str) -> Answer:
        charge_point_id = unquote(charge_point_id)
        self.front.access.check(self.front.caller(), charge_point_id)
        try:
            facts = reading.facts(charge_point_id, self.reading, self._sees)
        except IdentityError as error:
            raise ProblemError("charge-point-unknown", str(error)) from error
        if facts.row is not None:
            self.front.access.check_row(self.front.caller(), facts.row)
        if self.front.access.partners(self.front.caller()) is not None:
            # Whose they are is unknown, so they are the house's own to see.
            facts = replace(facts, nameless=(), strangers=())
        return answer(200, doctor.diagnose(facts, self.reading.now(), UTC).as_json())

    def of_charge_point(self, charge_point_id: str) -> Answer:
        row = self._own(charge_point_id)
        return self._transactions(lambda ask: self.reading.transaction_pages.of_charge_point(row.charge_point_id, ask))

    def transactions(self) -> Answer:
        """All of a token; without one, those that are open. Of a partner, if the caller names one or is one."""
        token, pages = self.front.query.get("idToken"), self.reading.transaction_pages
        partner = own_partner(self.front, self.front.query.get("partner"))
        if token:
            return self._transactions(lambda ask: pages.of_token(token, ask), partner)
        if self.front.query.get("open") != "true":
            told = "must be given, or open=true: there is no list of all transactions that ever were"
            raise InvalidRequestError([Wrong("idToken", told, in_query=True)])
        return self._transactions(lambda ask: pages.open(ask, partner), partner)

    def transaction(self, charge_point_id: str, transaction_id: str) -> Answer:
        row, transaction_id = self._own(charge_point_id), unquote(transaction_id)
        found = self.reading.sessions.find(row.charge_point_id, transaction_id)
        if found is None or not self._sees(_whose(found)):
            raise ProblemError("transaction-unknown", f"{row.charge_point_id} has no transaction {transaction_id!r}")
        return answer(200, views.detail(found, self.reading.sessions.told(row.charge_point_id, transaction_id)))

    def device_model(self, charge_point_id: str) -> Answer:
        row = self._own(charge_point_id)
        return answer(200, {"data": assembly.device_model(self.reading.reports, row.charge_point_id)})

    def configuration(self, charge_point_id: str) -> Answer:
        row = self._own(charge_point_id)
        return answer(200, {"data": assembly.configuration(self.reading.reports, row.charge_point_id)})

    def security_events(self, charge_point_id: str) -> Answer:
        return self._reports(charge_point_id, reading.SECURITY_EVENT)

    def reports(self, charge_point_id: str) -> Answer:
        return self._reports(charge_point_id, self.front.query.get("action", ""))

    def _reports(self, charge_point_id: str, action: str) -> Answer:
        row, ask = self._own(charge_point_id), self._ask()
        page = self._page(lambda: self.reading.report_pages.page(row.charge_point_id, action, ask))
        return self._answer([views.report(report) for report in page.items], page.cursor)

    def _transactions(self, read: Callable[[Ask], Page[Transaction]], partner: str | None = None) -> Answer:
        wanted, ask = self._flag("open"), self._ask()
        shown: list[Transaction] = []
        cursor = ask.cursor
        # Never more than a page, and never for long: a page may be short, and its cursor goes on.
        for _ in range(PAGES):
            left = Ask(ask.limit - len(shown), cursor, ask.begin, ask.end)
            page = self._page(lambda left=left: read(left))  # type: ignore[misc]
            shown += [
                one
                for one in page.items
                if wanted in (None, one.is_open) and partner in (None, one.partner) and self._sees(_whose(one))
            ]
            cursor = page.cursor
            if cursor is None or len(shown) == ask.limit:
                break
        return self._answer([views.transaction(one) for one in shown], cursor)

    def _page(self, read: Callable[[], Page[Any]]) -> Page[Any]:
        try:
            return read()
        except CursorError as error:
            raise InvalidRequestError([Wrong("cursor", str(error), in_query=True)]) from error

    def _ask(self) -> Ask:
        limit = self.front.number("limit", 1, MOST, LIMIT)
        return Ask(limit, self.front.query.get("cursor") or None, self._time("from"), self._time("to"))

    def _time(self, name: str) -> datetime | None:
        given = self.front.query.get(name)
        try:
            return None if given is None else timestamps.parse(given)
        except ValueError as error:
            raise InvalidRequestError(
                [Wrong(name, "must be a time such as 2026-11-21T12:00:00Z", in_query=True)]
            ) from error

    def _flag(self, name: str) -> bool | None:
        given = self.front.query.get(name)
        if given not in (None, "true", "false"):
            raise InvalidRequestError([Wrong(name, "must be true or false", in_query=True)])
        return None if given is None else given == "true"

    def _answer(self, shown: list[dict[str, Any]], cursor: str | None) -> Answer:
        headers = {}
        if cursor:
            kept = {name: value for name, value in self.front.query.items() if name != "cursor"} | {"cursor": cursor}
            query = "&".join(f"{name}={quote(value, safe='')}" for name, value in kept.items())
            headers["Link"] = f'<{quote(self.front.path, safe="/:%")}?{query}>; rel="next"'
        return answer(200, {"data": shown, "nextCursor": cursor}, headers)

    def _own(self, charge_point_id: str) -> ChargePoint:
        return own_row(self.front, self.ports, unquote(charge_point_id))

    def _sees(self, row: ChargePoint) -> bool:
        return may_see(self.front, row)


def _whose(one: Transaction) -> ChargePoint:
    """Its charge point as it was then: who gets a charge point doesn't get to know who charged there before."""
    return ChargePoint(one.charge_point_id, partner=one.partner)
