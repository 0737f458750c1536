"""The admin port of a parent: its workers' pages, put together."""

import asyncio
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from gateway.admin import Answer, Pages, Question, data, text
from gateway.metrics import CONTENT_TYPE
from gateway.pages import QueryError, closing_order
from gateway.refusals import KEPT

TIMEOUT_S = 2.0
_LARGEST = ("ocpp_uplink_lag_seconds",)  # of these the largest is told, not the sum

Response = tuple[int, bytes]


class Asked(Protocol):
    """A worker with an admin port on the loopback."""

    @property
    def admin_port(self) -> int: ...

    @property
    def is_up(self) -> bool:
        """Whether it is worth asking."""


def pages_of_all(workers: Sequence[Asked]) -> Pages:
    """The same pages as one gateway has, for all workers; `workers` may grow later."""

    async def metrics(_: Question) -> Answer:
        responses = await _ask_all(workers, "GET", "/metrics")
        return Answer(HTTPStatus.OK, CONTENT_TYPE, add_up([body.decode() for status, body in responses if status]))

    async def alive(_: Question) -> Answer:
        return text("alive")

    async def ready(_: Question) -> Answer:
        responses = await _ask_all(workers, "GET", "/readyz")
        count = sum(status == HTTPStatus.OK for status, _ in responses)
        status = HTTPStatus.OK if count == len(workers) else HTTPStatus.SERVICE_UNAVAILABLE
        return text("ready" if status == HTTPStatus.OK else f"{count} of {len(workers)} workers ready", status)

    async def refusals(question: Question) -> Answer:
        found: list[dict[str, Any]] = []
        for each in _data(await _ask_all(workers, "GET", question.target)):
            found += each
        return data(sorted(found, key=lambda refused: str(refused["at"]), reverse=True)[:KEPT])

    async def charge_point(question: Question) -> Answer:
        found = _data(await _ask_all(workers, "GET", question.target))
        # During a takeover two workers know it: the younger connection is the one that counts.
        newest = max(found, key=lambda each: int(each["epoch"]), default=None)
        return text("not connected here", HTTPStatus.NOT_FOUND) if newest is None else data(newest)

    async def close(question: Question, path: str) -> Answer:
        try:
            count, rate = closing_order(question, needs_count=path == "/shed")
        except QueryError as error:
            return text(str(error), HTTPStatus.BAD_REQUEST)
        shares = [count // len(workers) + (number < count % len(workers)) for number in range(len(workers))]
        each_rate = rate / len(workers)
        asking = [
            _ask(worker, "POST", f"{path}?count={share}&rate={each_rate}")
            for worker, share in zip(workers, shares, strict=True)
            if share or path == "/drain"
        ]
        closing = sum(each["closing"] for each in _data(await asyncio.gather(*asking)))
        return data({"closing": closing}, HTTPStatus.ACCEPTED)

    return {
        ("GET", "/metrics"): metrics,
        ("GET", "/healthz"): alive,
        ("GET", "/readyz"): ready,
        ("GET", "/refusals"): refusals,
        ("GET", "/charge-points/*"): charge_point,
        ("POST", "/shed"): lambda question: close(question, "/shed"),
        ("POST", "/drain"): lambda question: close(question, "/drain"),
    }


def add_up(texts: Sequence[str]) -> bytes:
    """One page of metrics from several: samples of the same name and labels are summed, most gauges too."""
    families: dict[str, Metric] = {}
    sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for each in texts:
        for family in text_string_to_metric_families(each):
            if family.name.endswith("_created"):  # when a counter was made adds up to nothing
                continue
            families.setdefault(family.name, family)
            known = sums.setdefault(family.name, {})
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                before = known.get(key, 0.0)
                is_largest = family.name in _LARGEST
                known[key] = max(before, sample.value) if is_largest else before + sample.value
    workers = GaugeMetricFamily("gateway_workers_up", "Workers that answer", len(texts))
    registry = CollectorRegistry()
    registry.register(_Sums([workers, *(_family(family, sums[name]) for name, family in families.items())]))
    return generate_latest(registry)


def _family(like: Metric, sums: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> Metric:
    family = Metric(like.name, like.documentation, like.type)
    for (name, labels), value in sums.items():
        family.add_sample(name, dict(labels), value)
    return family


class _Sums(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _data(responses: Iterable[Response]) -> list[Any]:
    """What those said who had something to say."""
    good = (HTTPStatus.OK, HTTPStatus.ACCEPTED)
    return [orjson.loads(body)["data"] for status, body in responses if status in good]


async def _ask_all(workers: Sequence[Asked], method: str, target: str) -> list[Response]:
    return await asyncio.gather(*[_ask(worker, method, target) for worker in workers])


async def _ask(worker: Asked, method: str, target: str) -> Response:
    """Status and body; a status of 0 from a worker that does not answer."""
    if not worker.is_up:
        return 0, b""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", worker.admin_port)
            writer.write(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("latin-1"))
            raw = await reader.read()
            writer.close()
    except (TimeoutError, OSError):
        return 0, b""
    head, _, body = raw.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    return (int(status[0]), body) if status else (0, b"")
