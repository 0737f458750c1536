"""`GET /events`: who gets what, what is refused, and what becomes of a client that takes nothing."""

import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.memory_events import MemoryEvents
from domain.events import EventType, News
from events.feed_server import Feed, FeedServer
from web.access import Access, Rule

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=10)
EVERYBODY = Access()


@contextmanager
def serving(stored: MemoryEvents, access: Access = EVERYBODY, **how: Any) -> Iterator[FeedServer]:
    feed = Feed(stored, access, **{"now": lambda: LATER, "poll_s": 0.01, **how})
    with FeedServer(feed, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        feed.close()
        server.shutdown()


def told(*whose: tuple[str, str | None]) -> MemoryEvents:
    stored = MemoryEvents(lambda: NOON)
    for name, partner in whose:
        stored.write(name, [News(EventType.SECURITY_EVENT, {}), News(EventType.BOOTED, {}, "1")], partner)
    return stored


def ask(server: FeedServer, target: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return connection.getresponse()


def chunks(answer: http.client.HTTPResponse, count: int) -> list[dict[str, str]]:
    """So many events of a feed: their fields."""
    found: list[dict[str, str]] = []
    while len(found) < count:
        lines = list(iter(lambda: answer.readline().decode().rstrip("\n"), ""))
        fields = dict(line.split(": ", 1) for line in lines)
        if "data" in fields:
            found.append(fields)
    return found


FROM = "from=2026-11-21T11:59:00Z"


def test_events_are_streamed_and_gone_on_with_after_the_last_id() -> None:
    with serving(told(("CP-1", "acme"), ("CP-2", None))) as server:
        with ask(server, f"/events?{FROM}") as answer:
            first = chunks(answer, 2)
        with ask(server, "/events", Last_Event_ID=first[-1]["id"]) as again:
            rest = chunks(again, 2)

    assert answer.headers["Content-Type"] == "text/event-stream"
    got = [json.loads(each["data"]) for each in first + rest]
    assert [each["chargePointId"] for each in got] == ["CP-1", "CP-1", "CP-2", "CP-2"]
    assert len({each["id"] for each in got}) == 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("partner=zeta", ["CP-2", "CP-2"]),
        ("chargePointId=CP-3", ["CP-3", "CP-3"]),
        ("type=charge_point.booted", ["CP-1", "CP-2", "CP-3"]),
        ("type=charge_point.booted,security.event&partner=acme", ["CP-1", "CP-1"]),
    ],
)
def test_a_client_gets_what_it_asks_for(query: str, expected: list[str]) -> None:
    with (
        serving(told(("CP-1", "acme"), ("CP-2", "zeta"), ("CP-3", None))) as server,
        ask(server, f"/events?{FROM}&{query}") as answer,
    ):
        got = chunks(answer, len(expected))

    assert [json.loads(each["data"])["chargePointId"] for each in got] == expected


def rule(**others: Any) -> Rule:
    return Rule.model_validate({"chargePoints": ["*"], "actions": []} | others)


def test_a_caller_gets_the_events_of_its_partners_and_never_more() -> None:
    access = Access({}, {"anna": [rule(partners=["acme"])], "boss": [rule(chargePoints=["CP-2"])]})
    known = Access({_digest(name): name for name in ("anna", "boss")}, access.policy)
    with serving(told(("CP-1", "acme"), ("CP-2", "zeta"), ("CP-3", "acme")), known) as server:
        with ask(server, f"/events?{FROM}", Authorization="Bearer anna") as answer:
            annas = [json.loads(each["data"])["partner"] for each in chunks(answer, 4)]
        with ask(server, f"/events?{FROM}", Authorization="Bearer boss") as answer:
            bosses = [json.loads(each["data"])["chargePointId"] for each in chunks(answer, 2)]
        refused = [
            ask(server, f"/events?{FROM}{query}", **headers).status
            for query, headers in (("", {}), ("&partner=zeta", {"Authorization": "Bearer anna"}))
        ]

    assert (annas, bosses, refused) == (["acme"] * 4, ["CP-2"] * 2, [401, 403])


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


@pytest.mark.parametrize(
    ("target", "headers", "status", "field"),
    [
        ("/events?type=nothing", {}, 422, "type"),
        ("/events?from=yesterday", {}, 422, "from"),
        ("/events?from=2099-01-01T00:00:00Z", {}, 422, "from"),
        ("/events?charge_point=CP-1", {}, 422, "charge_point"),
        ("/events", {"Last_Event_ID": "7"}, 422, "Last-Event-ID"),
        ("/elsewhere", {}, 404, "/elsewhere"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_name(
    target: str, headers: dict[str, str], status: int, field: str
) -> None:
    with serving(told()) as server, ask(server, target, **headers) as answer:
        problem = json.load(answer)

    assert (answer.status, problem["status"]) == (status, status)
    assert field in problem["detail"]


def test_other_methods_are_refused() -> None:
    with serving(told()) as server, ask(server, "/events", "POST") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")


def test_there_are_as_many_clients_as_it_takes() -> None:
    with (
        serving(told(("CP-1", None)), clients=1) as server,
        ask(server, f"/events?{FROM}") as first,
        ask(server, "/events") as second,
    ):
        chunks(first, 1)
        assert (second.status, second.headers["Retry-After"]) == (503, "10")


def test_a_client_that_takes_nothing_is_let_go() -> None:
    stored = MemoryEvents(lambda: NOON)
    stored.write("CP-1", [News(EventType.SECURITY_EVENT, {"noise": "x" * 100_000}) for _ in range(200)], None)
    with serving(stored, clients=1, slow_s=0.05) as server:
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            idle.sendall(f"GET /events?{FROM} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            for _ in range(500):
                with ask(server, "/events") as answer:
                    if answer.status == 200:
                        break
        assert answer.status == 200
