"""What the admin port of a gateway shows, and what it can be asked to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

from gateway.admin import Answer, Pages, Question, data, text
from gateway.metrics import CONTENT_TYPE, Metrics
from gateway.refusals import Refusals

RATE = 20.0  # sockets closed a second, unless told otherwise


class Operated(Protocol):
    """A gateway as its operator sees it."""

    @property
    def is_ready(self) -> bool:
        """Whether charge points should be sent here."""

    @property
    def metrics(self) -> Metrics: ...

    @property
    def refusals(self) -> Refusals: ...

    def describe(self, charge_point_id: str) -> dict[str, Any] | None:
        """What is known of a connection, as JSON; None if there is none."""

    def shed(self, count: int, rate: float) -> int:
        """Have some charge points connect elsewhere; returns how many."""

    def drain(self, rate: float) -> int:
        """Have all of them connect elsewhere, and take no new ones; returns how many."""


class QueryError(ValueError):
    """A parameter can't be used; the text is a sentence."""


def pages_of(gateway: Operated) -> Pages:
    """The pages of one gateway process."""

    async def metrics(_: Question) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPE, gateway.metrics.render())

    async def alive(_: Question) -> Answer:
        return text("alive")

    async def ready(_: Question) -> Answer:
        return text("ready") if gateway.is_ready else text("not ready", HTTPStatus.SERVICE_UNAVAILABLE)

    async def refusals(question: Question) -> Answer:
        return data(gateway.refusals.of(question.query.get("identity")))

    async def charge_point(question: Question) -> Answer:
        found = gateway.describe(question.rest)
        return text("not connected here", HTTPStatus.NOT_FOUND) if found is None else data(found)

    async def shed(question: Question) -> Answer:
        try:
            count, rate = closing_order(question, needs_count=True)
        except QueryError as error:
            return text(str(error), HTTPStatus.BAD_REQUEST)
        return data({"closing": gateway.shed(count, rate)}, HTTPStatus.ACCEPTED)

    async def drain(question: Question) -> Answer:
        try:
            _, rate = closing_order(question, needs_count=False)
        except QueryError as error:
            return text(str(error), HTTPStatus.BAD_REQUEST)
        return data({"closing": gateway.drain(rate)}, HTTPStatus.ACCEPTED)

    return {
        ("GET", "/metrics"): metrics,
        ("GET", "/healthz"): alive,
        ("GET", "/readyz"): ready,
        ("GET", "/refusals"): refusals,
        ("GET", "/charge-points/*"): charge_point,
        ("POST", "/shed"): shed,
        ("POST", "/drain"): drain,
    }


def closing_order(question: Question, *, needs_count: bool) -> tuple[int, float]:
    """How many sockets are to be closed (0 if that needs no saying), and how many a second.

    Raises:
        QueryError: that makes no sense.
    """
    count = _number(question.query, "count", None, least=1) if needs_count else 0
    return int(count), _number(question.query, "rate", RATE)


def _number(query: Mapping[str, str], name: str, default: float | None, least: float = 0) -> float:
    given = query.get(name, default)
    try:
        number = float(given or 0)
    except ValueError:
        number = 0.0
    if not (0 < number < float("inf") and number >= least):
        raise QueryError(f"{name} must be a number above 0, such as ?count=100&rate=20.")
    return number
