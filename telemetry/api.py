"""The telemetry API behind a Function URL: stations as they are now, samples as they were."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlencode

from aws_lambda_powertools.event_handler import CORSConfig, LambdaFunctionUrlResolver

from domain import archive
from domain.archive import SAMPLES, Archive, PeriodError
from domain.ports import Registry
from domain.telemetry import LatestSamples, Station, Stations
from ocppj import timestamps
from telemetry import history
from telemetry.rates import Rates, Standing
from web.access import Access
from web.front import Answer, Front, answer
from web.problems import COMMON, InvalidRequestError, ProblemError, Problems, Wrong

DEFAULT_LIMIT, MAX_LIMIT = 100, 1_000
LONGEST = timedelta(days=7)
MOST_SAMPLES = 20_000  # a Function URL answers with 6 MB at most


class TelemetryProblemError(ProblemError):
    """A request that telemetry refuses."""

    problems: ClassVar[Problems] = COMMON | {
        "station-unknown": (404, "No such station"),
        "too-many-requests": (429, "Too many requests"),
    }


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

    def stations(self) -> Answer:
        limit = self.front.number("limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
        equal = self._filters()
        found, after = self.reading.stations.page(limit, self.front.cursor(), equal)
        cursor = None if after is None else base64.urlsafe_b64encode(after.encode()).decode()
        asked = {name: self.front.query[name] for name in ("status", "registered") if name in self.front.query}
        following = urlencode({"limit": limit, "cursor": cursor or ""} | asked)
        headers = {"Link": f'</stations?{following}>; rel="next"'} if cursor else {}
        body = {"count": len(found), "stations": [_shown(station) for station in found], "nextCursor": cursor}
        return answer(200, body, headers)

    def station(self, station_id: str) -> Answer:
        found = self.reading.stations.find(unquote(station_id)[:128])
        if found is None:
            raise TelemetryProblemError("station-unknown", f"there is no station {unquote(station_id)!r}")
        return answer(200, _shown(found))

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
        charge_point_id = unquote(given)
        self.front.access.check(self.front.caller(), charge_point_id)
        if not self.reading.registry.find_many([charge_point_id[:128]]):
            raise ProblemError("charge-point-unknown", f"there is no charge point {quote(charge_point_id, safe=':')}")
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
        if text in (None, "", "raw"):
            return None
        seconds = history.resolution_s(text)
        if seconds is None:
            raise InvalidRequestError([Wrong("resolution", "must be raw, or like 60, 30s, 15m, 1h, 1d", in_query=True)])
        return seconds

    def _filters(self) -> dict[str, Any]:
        query = self.front.query
        equal: dict[str, Any] = {"status": query["status"]} if "status" in query else {}
        if "registered" in query:
            if query["registered"] not in ("true", "false"):
                raise InvalidRequestError([Wrong("registered", "must be true or false", in_query=True)])
            equal["is_registered"] = query["registered"] == "true"
        return equal

    def _limited(self, function: Callable[..., Answer]) -> Callable[..., Answer]:
        def limited(**path: str) -> Answer:
            standing = self._rates.spend(self.front.caller() or "")
            if standing is not None and standing.is_refused:
                return self._refused(standing)
            answered = function(**path)
            if standing is not None:
                answered.headers.update(standing.headers())
            return answered

        return limited

    def _refused(self, standing: Standing) -> Answer:
        detail = f"{standing.limit} requests a minute are allowed"
        problem = TelemetryProblemError("too-many-requests", detail, retry_after_s=standing.reset_s)
        headers = standing.headers() | {"Retry-After": str(standing.reset_s)}
        return answer(problem.status, problem.as_json(self.front.path), headers, kind="application/problem+json")


def _shown(station: Station) -> dict[str, Any]:
    return {
        "station_id": station.station_id,
        "battery_available": station.battery_available,
        "battery_charging": station.battery_charging,
        "temperature": station.temperature,
        "humidity": station.humidity,
        "status": station.status,
        "timestamp": timestamps.write(station.timestamp),
        "received_at": timestamps.write(station.received_at),
        "registered": station.is_registered,
    }
