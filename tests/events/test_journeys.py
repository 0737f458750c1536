"""Events on the running house: from a charge point to somebody's server, signed, in order, each once by its id."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from adapters.dynamodb import Tables
from adapters.dynamodb_registry import DynamoRegistry
from adapters.dynamodb_webhooks import DynamoWebhooks
from domain.models import ChargePoint, ConnectorState
from domain.webhooks import Webhook
from infra.local.cloud import free_port
from tests.adapters.stores import NOON, SECOND
from tests.house import House

pytestmark = pytest.mark.e2e

PATIENCE_S = 60.0
SLOW_S = 4.0  # of five


class Receiver(ThreadingHTTPServer):
    """Somebody's server: refuses the first post of each event, and keeps what it has taken.

    At /slow it takes everything after a while, at /broken nothing.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[str] = []
        self.closing = threading.Event()
        self.refused: set[str] = set()
        self.taken: list[dict[str, Any]] = []

    def of(self, charge_point_id: str) -> list[dict[str, Any]]:
        return [body for body in self.taken if body.get("chargePointId") == charge_point_id]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append(self.path)
        if self.path != "/":
            self.server.closing.wait(SLOW_S if self.path == "/slow" else 0)
            self.send_response(204 if self.path == "/slow" else 500)
            self.end_headers()
            return
        is_first = body.get("id") not in self.server.refused
        self.server.refused.add(body.get("id"))
        is_refused = is_first and body.get("sequence", 1) % 2 == 0
        if not is_refused:
            self.server.taken.append(body)
        self.send_response(500 if is_refused else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()


def ocppgw(house: House, *words: str) -> Any:
    environment = {**os.environ, **house.environment}
    command = [sys.executable, "-m", "cli", *words]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def test_a_webhook_gets_its_partners_events_in_order_though_it_refuses_some_and_others_are_slow_broken_or_down(
    house: House, receiver: Receiver
) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/"
    added = ocppgw(house, "webhooks", "add", url, "--partner", "ev-acme")
    assert ocppgw(house, "webhooks", "test", added["id"]) == {"id": added["id"], "status": 204}
    webhooks, now = DynamoWebhooks(house.aws.client("dynamodb"), Tables()), datetime.now(UTC)
    free = {1, 2, 3, 4} - {webhook.lane for webhook in webhooks.all()}
    urls = (f"{url}slow", f"{url}broken", f"http://127.0.0.1:{free_port()}/")
    others = [Webhook(f"ev-{lane}", each, "secret", lane, now) for each, lane in zip(urls, free, strict=True)]
    for other in others:
        webhooks.add(other)
    registry = DynamoRegistry(house.aws.client("dynamodb"), Tables())
    for name, partner in (("EV-acme", "ev-acme"), ("EV-zeta", "ev-zeta")):
        registry.add(ChargePoint(name, partner=partner))
        for n, status in enumerate(("Available", "Preparing", "Charging")):
            registry.connector(name, "1", ConnectorState(status, NOON + n * SECOND))

    deadline = time.monotonic() + PATIENCE_S
    while len(receiver.of("EV-acme")) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)

    listed = ocppgw(house, "events", "list", "--charge-point", "EV-acme", "--output", "json")
    assert receiver.of("EV-acme") == listed
    assert receiver.of("EV-zeta") == []
    # Six events at four seconds each: the slow one, the broken one and the one that is down were passed.
    assert receiver.posted.count("/slow") < 6
    assert "/broken" in receiver.posted
    for other in others:
        webhooks.remove(other.webhook_id)
    assert ocppgw(house, "webhooks", "remove", added["id"]) == {"id": added["id"], "removed": True}


def test_a_dashboard_that_reconnects_gets_exactly_what_it_missed(house: House) -> None:
    registry = DynamoRegistry(house.aws.client("dynamodb"), Tables())
    registry.add(ChargePoint("EV-live"))
    for n, status in enumerate(("Available", "Preparing", "Charging", "Finishing")):
        registry.connector("EV-live", "1", ConnectorState(status, NOON + n * SECOND))

    first = live(house, 2, "?from=2026-01-01T00:00:00Z&chargePointId=EV-live")
    again = live(house, 2, "?chargePointId=EV-live&type=connector.status", first[-1]["id"])

    statuses = [json.loads(each["data"])["data"]["status"] for each in first + again]
    assert statuses == ["Available", "Preparing", "Charging", "Finishing"]


def live(house: House, count: int, query: str, last: str | None = None) -> list[dict[str, str]]:
    """So many events of the feed, as their fields."""
    connection = http.client.HTTPConnection("127.0.0.1", int(house.environment["OCPPGW_HTTP_PORT"]), timeout=PATIENCE_S)
    connection.request("GET", f"/events{query}", headers={"Last-Event-ID": last} if last else {})
    found: list[dict[str, str]] = []
    with connection.getresponse() as answer:
        while len(found) < count:
            lines = list(iter(lambda: answer.readline().decode().rstrip("\n"), ""))
            fields = dict(line.split(": ", 1) for line in lines)
            found += [fields] if "data" in fields else []
    return found
