"""The telemetry API behind a Function URL: stations as they are now, samples as they were."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlencode

from aws_lambda_powertools.event_handler import CORSConfig, LambdaFunctionUrlResolver, Response

from domain import archive
from domain.archive import SAMPLES, Archive, PeriodError
from domain.models import ChargePoint
from domain.ports import Registry
from domain.telemetry import LatestSamples, Station, Stations
from telemetry import history, openapi, views
from telemetry.errors import ProblemError
from telemetry.openapi import DEFAULT_LIMIT, MAX_LIMIT
from telemetry.rates import Rates
from web import problems
from web.access import Access
from web.front import Answer, Front, answer
from web.problems import InvalidRequestError, Wrong

LONGEST = timedelta(days=7)
MOST_SAMPLES = 20_000  # a Function URL answers with 6 MB at most
_FILTERS = ("status", "registered", "partner")


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read."""

    archive: Archive
    latest: LatestSamples
    stations: Stations
    registry: Registry
    now: Callable[[], datetime]


def resolver(reading: Reading, access: Access, rates: Rates, cors_origin: str = "*") -> LambdaFunctionUrlResolver:
    """The API, ready to be fed Function URL events."""
    exposed = ["Link", "Retry-After", "RateLimit", "RateLimit-Policy"]
    cors = CORSConfig(allow_origin=cors_origin, expose_headers=exposed, max_age=600)
    api = _Api(reading, Front(access, cors), rates)
    return api.front.resolver


class _Api:
    def __init__(self, reading: Reading, front: Front, rates: Rates) -> None:
        self.reading = reading
        self.front = front
        self._rates = rates
        front.serve("/stations", GET=self._limited(self.stations))
        front.serve("/stations/<station_id>", GET=self._limited(self.station))
        front.serve("/charge-points/<charge_point_id>/samples", GET=self._limited(self.samples))
        front.serve("/charge-points/<charge_point_id>/samples/latest", GET=self._limited(self.latest))
        front.serve("/telemetry/openapi.json", GET=lambda: Response(200, "application/json", openapi.text()))

    def stations(self) -> Answer:
        limit = self.front.number("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
        equal = self._filters()
        found, after = self.reading.stations.page(
            limit,
            self.front.cursor(),
            lambda each: all(getattr(each, name) == value for name, value in equal.items()) and self._may_see(each),
        )
        cursor = None if after is None else base64.urlsafe_b64encode(after.encode()).decode()
        asked = {name: self.front.query[name] for name in _FILTERS if name in self.front.query}
        following = urlencode({"limit": limit, "cursor": cursor or ""} | asked)
        headers = {"Link": f'</stations?{following}>; rel="next"'} if cursor else {}
        body = {"count": len(found), "stations": [views.station(each) for each in found], "nextCursor": cursor}
        return answer(200, body, headers)

    def station(self, station_id: str) -> Answer:
        found = self.reading.stations.find(unquote(station_id)[:128])
        if found is None or not self._may_see(found):
            raise ProblemError("station-unknown", f"there is no station {unquote(station_id)!r}")
        return answer(200, views.station(found))

    def samples(self, charge_point_id: str) -> Answer:
        charge_point_id = self._charge_point(charge_point_id)
        since, until = self._period()
        step_s = self._step_s()
        wanted = {name: self.front.query.get(name) for name in ("measurand", "connector")}
        rows = [
            row
            for row in archive.read(SAMPLES, since, until, self.reading.archive)
            if row["charge_point_id"] == charge_point_id
            and all(value is None or row[name] == value for name, value in wanted.items())
        ]
        data = [history.shown(row) for row in rows] if step_s is None else history.averaged(rows, step_s)
        if len(data) > MOST_SAMPLES:
            detail = f"{len(data)} samples are more than {MOST_SAMPLES}: ask for a shorter time, or a coarser one"
            raise InvalidRequestError([Wrong("resolution", detail, in_query=True)])
        return answer(200, {"data": data})

    def latest(self, charge_point_id: str) -> Answer:
        charge_point_id = self._charge_point(charge_point_id)
        return answer(
            200, {"data": [history.shown(row) for row in self.reading.latest.of_charge_point(charge_point_id)]}
        )

    def _charge_point(self, given: str) -> str:
        charge_point_id, caller = unquote(given), self.front.caller()
        self.front.access.check(caller, charge_point_id)
        row = self.reading.registry.find_many([charge_point_id[:128]]).get(charge_point_id)
        if row is None:
            raise ProblemError("charge-point-unknown", f"{quote(charge_point_id, safe=':')} is not registered")
        self.front.access.check_row(caller, row)
        return charge_point_id

    def _period(self) -> tuple[datetime, datetime]:
        query = self.front.query
        try:
            since, until = archive.period(query.get("from"), query.get("to"), self.reading.now())
        except PeriodError as error:
            name, _, detail = str(error).partition(": ")
            raise InvalidRequestError([Wrong(name, detail, in_query=True)]) from error
        if until - since > LONGEST:
            raise InvalidRequestError([Wrong("from", f"must be {LONGEST.days} days before to at most", in_query=True)])
        return since, until

    def _step_s(self) -> int | None:
        text = self.front.query.get("resolution")
        if text in (None, "raw"):
            return None
        seconds = history.resolution_s(text)
        if seconds is None:
            raise InvalidRequestError([Wrong("resolution", "must be raw, or like 60, 30s, 15m, 1h, 1d", in_query=True)])
        return seconds

    def _may_see(self, station: Station) -> bool:
        """The policy says of a station what it says of charge points: by its id, and by whose it is."""
        try:
            self.front.access.check_row(self.front.caller(), ChargePoint(station.station_id, partner=station.partner))
        except problems.ProblemError:
            return False
        return True

    def _filters(self) -> dict[str, Any]:
        query = self.front.query
        equal: dict[str, Any] = {name: query[name] for name in ("status", "partner") if name in query}
        if "registered" in query:
            if query["registered"] not in ("true", "false"):
                raise InvalidRequestError([Wrong("registered", "must be true or false", in_query=True)])
            equal["is_registered"] = query["registered"] == "true"
        return equal

    def _limited(self, function: Callable[..., Answer]) -> Callable[..., Answer]:
        def limited(**path: str) -> Answer:
            standing = self._rates.spend(self.front.caller() or "")
            try:
                if standing is not None and standing.is_refused:
                    detail = f"{standing.limit} requests a minute are allowed"
                    raise ProblemError("too-many-requests", detail, retry_after_s=standing.reset_s)
                answered = function(**path)
            except problems.ProblemError as problem:
                answered = self.front.refuse(problem)
            if standing is not None:
                answered.headers.update(standing.headers())
            return answered

        return limited
