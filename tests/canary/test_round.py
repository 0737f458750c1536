"""Rounds of the canary: against a house, and against what is none."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from adapters.dynamodb import Tables
from adapters.dynamodb_registry import DynamoRegistry
from canary.round import Canary, CanaryError, go
from domain.credentials import hash_generated
from domain.models import ChargePoint
from tests.e2e.operator import Operator
from tests.house import House, free_ports

CALL_HANDLER = "import json; from canary.lambda_handler import handler; print(json.dumps(handler({}, None)))"


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    """Call the handler as Lambda does, with nothing but its environment."""
    command = [sys.executable, "-c", CALL_HANDLER]
    given = {f"OCPPGW_CANARY_{name.upper()}": value for name, value in environment.items()}
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "us-east-1"}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | keys | given)


def told(run: subprocess.CompletedProcess[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the handler returned, and its metrics."""
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    metrics = {
        metric["Name"]: line[metric["Name"]][0]
        for line in lines[:-1]
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    return lines[-1], metrics


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_a_round_boots_is_started_and_stopped_by_http_and_tells_that_it_passed(house: House) -> None:
    row = ChargePoint(
        "CANARY-1", password_hash=hash_generated(b"canary-password-1", b"", b"salt" * 4), security_profile=1
    )
    DynamoRegistry(house.aws.client("dynamodb"), Tables()).add(row)

    made = run(url=house.ws_url, api=house.http_url, id="CANARY-1", password="canary-password-1", patience_s="60")

    answer, metrics = told(made)
    assert (answer["passed"], answer["why"]) == (True, None), made.stderr
    assert metrics == {"CanaryPassed": 1.0, "CanaryMs": answer["ms"]}
    (transaction,) = Operator(house).get("/charge-points/CANARY-1/transactions").body["data"]
    assert transaction["endedAt"]


@pytest.mark.e2e
def test_a_canary_that_is_not_known_says_what_it_was_told(house: House) -> None:
    answer, metrics = told(run(url=house.ws_url, api=house.http_url, id="CANARY-STRANGER"))

    assert (
        answer["why"] == f"{house.ws_url} does not serve charge points: server rejected WebSocket connection: HTTP 404."
    )
    assert metrics["CanaryPassed"] == 0


@pytest.mark.e2e
def test_a_gateway_that_is_down_is_one_sentence_and_no_error_of_the_function() -> None:
    url = f"ws://127.0.0.1:{free_ports()['OCPPGW_WS_PORT']}/ocpp"

    made = run(url=url, api="http://127.0.0.1:1", id="CANARY-1")

    answer, metrics = told(made)
    assert (made.returncode, answer["passed"], metrics["CanaryPassed"]) == (0, False, 0)
    assert answer["why"].startswith(f"{url} does not serve charge points: ")
    assert "\n" not in answer["why"]


@pytest.mark.e2e
def test_a_setting_that_is_missing_is_named() -> None:
    made = run(url="ws://127.0.0.1/ocpp", id="CANARY-1")

    assert (made.returncode, made.stderr.strip()) == (1, "OCPPGW_CANARY_API is missing.")


Answers = dict[str, Any]
WELL: Answers = {
    "BootNotification": {"status": "Accepted", "interval": 60},
    "StatusNotification": {},
    "StartTransaction": {"transactionId": 1, "idTagInfo": {"status": "Accepted"}},
    "StopTransaction": {},
}


@contextmanager
def house_of(answers: Answers, commands: list[str]) -> Iterator[str]:
    """Who answers CALLs like that, and sends these commands after the first status; its URL."""

    def talk(socket: ServerConnection) -> None:
        try:
            for text in socket:
                frame = json.loads(text)
                if frame[0] != 2:
                    continue
                answer = answers[frame[2]]
                socket.send(json.dumps([3, frame[1], answer] if isinstance(answer, dict) else [4, frame[1], *answer]))
                if frame[2] in ("StatusNotification", "StartTransaction") and commands:
                    socket.send(json.dumps([2, "c", commands.pop(0), {}]))
        except ConnectionClosed:
            return

    with serve(talk, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


BOOT, START = "The boot was answered", "The start was answered"


@pytest.mark.parametrize(
    ("answers", "http", "why"),
    [
        ({"BootNotification": {"status": "Rejected"}}, {}, f'{BOOT} {{"status": "Rejected"}}.'),
        ({"BootNotification": ("InternalError", "no", {})}, {}, "BootNotification was answered InternalError: no."),
        ({}, {"POST": (409, {"code": "c"})}, 'POST /remote-start-transaction was answered 409 {"code": "c"}.'),
        ({"StartTransaction": {"transactionId": 1}}, {}, f'{START} {{"transactionId": 1}}.'),
        ({}, {"GET": (200, {"effect": "pending"})}, "The start was not seen within 0.3 s: its effect is pending."),
    ],
)
def test_what_is_not_as_it_should_be_is_one_sentence(answers: Answers, http: Answers, why: str) -> None:
    said = {"POST": (200, {"state": "accepted", "commandId": "c1"}), "GET": (200, {"effect": "confirmed"})} | http

    with house_of(WELL | answers, ["RemoteStartTransaction", "RemoteStopTransaction"]) as url:
        canary = Canary(url, "CANARY-1", None, "CANARY", lambda method, path, body: said[method], patience_s=0.3)
        with pytest.raises(CanaryError) as found:
            go(canary)

    assert str(found.value) == why


def test_a_house_where_all_is_well_passes() -> None:
    said = {"POST": (200, {"state": "accepted", "commandId": "c1"}), "GET": (200, {"effect": "confirmed"})}

    with house_of(WELL, ["RemoteStartTransaction", "RemoteStopTransaction"]) as url:
        go(Canary(url, "CANARY-1", None, "CANARY", lambda method, path, body: said[method]))
