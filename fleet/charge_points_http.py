"""Charge points over HTTP: the twins of `ocppgw fleet register`, `set`, `disable` and so on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from domain import pages
from domain.administration import Status, Wanted
from domain.models import ChargePoint
from domain.pages import Ask, CursorError
from fleet import charge_points, views
from fleet.charge_points import AlreadyRegisteredError, FleetError, NoAuthorityError, RefusedRequestError, UnknownError
from fleet.charge_points_bodies import Certificate, Change, Register, RotatePassword
from fleet.errors import ProblemError
from fleet.ports import Ports
from fleet.tenancy import may_see, own_partner, own_row
from ocppj import timestamps
from web import fields
from web.front import Answer, Front, answer
from web.problems import InvalidRequestError, Wrong

_CODES: dict[type[FleetError], str] = {
    AlreadyRegisteredError: "already-registered",
    UnknownError: "charge-point-unknown",
    NoAuthorityError: "no-authority",
    RefusedRequestError: "request-refused",
}
Functions = Mapping[str, Callable[..., Answer]]


def routes(front: Front, ports: Ports) -> Mapping[str, Functions]:
    """`/charge-points` and what is done to one."""
    its = _ChargePoints(front, ports)
    one = "/charge-points/<charge_point_id>"
    return {
        "/charge-points": {"GET": its.list, "POST": its.register},
        one: {"PATCH": its.set, "DELETE": its.delete},
        f"{one}/disable": {"POST": its.disable},
        f"{one}/enable": {"POST": its.enable},
        f"{one}/rotate-password": {"POST": its.rotate_password},
        f"{one}/certificates": {"POST": its.issue_certificate},
    }


class _ChargePoints:
    def __init__(self, front: Front, ports: Ports) -> None:
        self.front = front
        self.ports = ports

    def list(self) -> Answer:
        wanted, partner, ask = self._wanted(), own_partner(self.front, self.front.query.get("partner")), self._ask()
        try:
            page = self.ports.administration.page(partner, ask)
        except CursorError as error:
            raise InvalidRequestError([Wrong("cursor", str(error), in_query=True)]) from error
        shown = found(page.items, wanted, self.ports, lambda row: may_see(self.front, row))
        headers = {"Link": f'<{self._next(page.cursor)}>; rel="next"'} if page.cursor else {}
        return answer(200, {"data": shown, "nextCursor": page.cursor}, headers)

    def register(self) -> Answer:
        body = fields.read(Register, self.front.body())
        new = body.new()
        partner = own_partner(self.front, body.partner)
        facts = new.facts | ({"partner": partner} if partner else {})
        blank = ChargePoint(new.charge_point_id, partner=partner)
        self.front.access.check_row(self.front.caller(), blank, "register")
        try:
            registered = charge_points.register(replace(new, facts=facts), self.ports)
        except FleetError as error:
            raise _problem(error) from error
        where = f"/charge-points/{quote(registered.charge_point_id, safe=':')}"
        return answer(201, registered.as_json(), {"Location": where, "Cache-Control": "no-store"})

    def set(self, charge_point_id: str) -> Answer:
        row = self._own(charge_point_id, "set")
        body = fields.read(Change, self.front.body())
        if "partner" in body.model_fields_set:
            # Who gives a charge point away must be at home on both sides.
            self.front.access.check_row(self.front.caller(), replace(row, partner=body.partner), "set")
        return self._changed(row.charge_point_id, body.changes())

    def disable(self, charge_point_id: str) -> Answer:
        return self._changed(self._own(charge_point_id, "disable").charge_point_id, {"disabled": True})

    def enable(self, charge_point_id: str) -> Answer:
        return self._changed(self._own(charge_point_id, "enable").charge_point_id, {"disabled": False})

    def delete(self, charge_point_id: str) -> Answer:
        row = self._own(charge_point_id, "delete")
        try:
            charge_points.delete(row.charge_point_id, self.ports)
        except FleetError as error:
            raise _problem(error) from error
        return answer(200, {"chargePointId": row.charge_point_id, "deleted": True})

    def rotate_password(self, charge_point_id: str) -> Answer:
        row = self._own(charge_point_id, "rotate-password")
        body = fields.read(RotatePassword, self.front.body(empty={}))
        try:
            told = charge_points.rotate_password(
                row.charge_point_id, body.password, self.ports, at_once=body.at_once
            )  # fmt: skip
        except FleetError as error:
            raise _problem(error) from error
        shown = {"chargePointId": row.charge_point_id} | ({"password": told} if told else {})
        return answer(200, shown, {"Cache-Control": "no-store"})

    def issue_certificate(self, charge_point_id: str) -> Answer:
        row = self._own(charge_point_id, "issue-certificate")
        body = fields.read(Certificate, self.front.body(empty={}))
        try:
            issued = charge_points.issue_certificate(row.charge_point_id, body.csr, self.ports)
        except FleetError as error:
            raise _problem(error) from error
        shown = {"chargePointId": row.charge_point_id, "certificate": issued.certificate}
        key = {"privateKey": issued.private_key} if issued.private_key else {}
        return answer(201, shown | key, {"Cache-Control": "no-store"})

    def _own(self, charge_point_id: str, name: str) -> ChargePoint:
        return own_row(self.front, self.ports, unquote(charge_point_id), name)

    def _changed(self, charge_point_id: str, changes: dict[str, Any]) -> Answer:
        try:
            row = charge_points.change(charge_point_id, changes, self.ports)
        except FleetError as error:
            raise _problem(error) from error
        return answer(200, charge_points.shown(row, self.ports))

    def _ask(self) -> Ask:
        return Ask(self.front.number("limit", 1, pages.MOST, pages.LIMIT), self.front.query.get("cursor") or None)

    def _wanted(self) -> Wanted:
        given = self.front.query
        try:
            status = Status(given["status"]) if "status" in given else None
        except ValueError as error:
            told = f"must be one of {', '.join(Status)}"
            raise InvalidRequestError([Wrong("status", told, in_query=True)]) from error
        return Wanted(status, given.get("site"), self._moment("offlineSince"))

    def _moment(self, name: str) -> datetime | None:
        if name not in self.front.query:
            return None
        try:
            return timestamps.parse(self.front.query[name])
        except ValueError as error:
            told = "must be a date and time, such as 2026-11-21T12:00:00Z"
            raise InvalidRequestError([Wrong(name, told, in_query=True)]) from error

    def _next(self, cursor: str) -> str:
        kept = {name: value for name, value in self.front.query.items() if name != "cursor"} | {"cursor": cursor}
        return f"{self.front.path}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in kept.items())


def found(
    rows: Any, wanted: Wanted, ports: Ports, sees: Callable[[ChargePoint], bool] = lambda row: True
) -> list[dict[str, Any]]:
    """Those of a page that are wanted, as callers see them."""
    alive: dict[str, bool] = {}
    judged = [(row, charge_points.is_online(row, ports, alive)) for row in rows if sees(row)]
    return [
        views.charge_point(row, is_online=is_online)
        for row, is_online in judged
        if wanted.fits(row, is_online=is_online)
    ]


def _problem(error: FleetError) -> ProblemError:
    return ProblemError(_CODES[type(error)], str(error))
