"""`ocppgw doctor`: the table for people, the exit code for scripts, and the whole way on a running house."""

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from adapters.dynamodb import Tables
from adapters.dynamodb_registry import DynamoRegistry
from domain import credentials
from domain.models import ChargePoint, Connection
from domain.refusals import REFUSED
from fleet import doctor_command
from fleet.reading import Reading
from ocppj import timestamps
from ocppj.versions import V16
from tests.e2e.operator import Operator
from tests.fleet.office import NOON, Office
from tests.house import House

TABLE = """\
CP001: offline
✗  wrong password, last 14 times since 2026-11-21 09:12
   → Set its password again, here (`ocppgw fleet rotate-password CP001`) and in the charge point. The user name must be
   its id.
✗  it has never connected
"""


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield Office()
    monkeypatch.undo()
    time.tzset()


def examine(office: Office, *arguments: str) -> Any:
    @contextmanager
    def opened() -> Iterator[Reading]:
        yield office.reading

    return CliRunner(env={"COLUMNS": "120"}).invoke(doctor_command.app_of(opened), arguments)


def test_the_table_says_what_is_wrong_and_what_to_do(office: Office) -> None:
    office.registry.add(ChargePoint("CP001"))
    office.now = NOON + timedelta(days=1)
    told = {
        "identity": "CP001", "reason": "wrong_credentials", "status": 401, "text": "No.", "path": "/CP001",
        "peer": "10.0.0.1:5", "offered": ["ocpp1.6"], "count": 14, "firstAt": "2026-11-21T09:12:00.000Z",
        "lastAt": timestamps.write(NOON),
    }  # fmt: skip
    office.reports.keep("CP001", REFUSED, "1", told, NOON)

    result = examine(office, "CP001")

    assert "\n".join(line.rstrip() for line in result.output.splitlines()) + "\n" == TABLE
    assert result.exit_code == 4


def test_one_that_is_healthy_is_exit_code_0_and_json_says_the_same(office: Office) -> None:
    office.registry.add(ChargePoint("CP001"))
    office.registry.renew_lease("g1", NOON + timedelta(seconds=30))
    office.registry.connect("CP001", Connection(V16, "g1", 0, 1, NOON), 0)

    result = examine(office, "CP001", "--json")

    body = json.loads(result.output)
    assert (result.exit_code, body["state"], body["connected"]) == (0, "healthy", True)
    assert [finding["code"] for finding in body["findings"]] == ["connected"]


def test_one_that_is_not_registered_is_exit_code_5(office: Office) -> None:
    assert examine(office, "CP009").exit_code == 5


def test_an_id_that_can_be_none_is_one_sentence(office: Office) -> None:
    result = examine(office, "")

    assert (result.exit_code, result.output) == (1, "an empty identity is no charge point.\n")


# Who comes how, as a row of the registry; what the doctor then says of it, by the reason.
REFUSED_ROWS: dict[str, dict[str, Any]] = {
    "DOC-001": {"password_hash": credentials.hash_generated(b"right", b"", b"s" * 16)},
    "DOC-OFF": {"disabled": True},
    "DOC-LOW": {"highest_profile": 2},
    "DOC-TLS": {"security_profile": 2},
    "DOC:201": {},
}
ATTEMPTS = [
    # path, subprotocol, password
    ("DOC-001", "ocpp1.6", "wrong"), ("DOC-001", "ocpp1.6", ""), ("DOC-001", "ocpp1.5", "right"),
    ("DOC-00l", "ocpp1.6", ""), ("", "ocpp1.6", ""), ("DOC-OFF", "ocpp1.6", ""), ("DOC-LOW", "ocpp1.6", ""),
    ("DOC-TLS", "ocpp1.6", ""), ("DOC%201", "ocpp2.0.1", ""),
]  # fmt: skip
SAID = {
    "DOC-001": {
        "wrong_credentials": "wrong password, at ",
        "no_credentials": "sends no password, at ",
        "no_common_subprotocol": "offers ocpp1.5, we speak 1.6, 2.0.1, 2.1, at ",
        "lookalike": "unknown id `DOC-00l`, did you mean DOC-001?",
        "no_identity": "somebody, perhaps this one: 127.0.0.1 connects without an id, to /ocpp/",
        "no_websocket": "asks for something else than a WebSocket: ",
    },
    "DOC-00l": {"unknown": "unknown id `DOC-00l`, did you mean DOC-001?"},
    "DOC-OFF": {"disabled": "it is disabled here, at "},
    "DOC-LOW": {"downgrade": "comes with less security than before: "},
    "DOC-TLS": {"wrong_profile": "comes with another security profile than expected: "},
    "DOC:201": {"bad_identity": "its id can't be used: "},
}


@pytest.mark.e2e
def test_what_a_gateway_refused_reaches_the_doctor(house: House) -> None:
    registry = DynamoRegistry(house.aws.client("dynamodb"), Tables())
    for name, facts in REFUSED_ROWS.items():
        registry.add(ChargePoint(name, **facts))
    for path, offered, password in ATTEMPTS:
        basic = base64.b64encode(f"{path}:{password}".encode()).decode()
        with pytest.raises(InvalidStatus):
            connect(
                f"{house.ws_url}/{path}", subprotocols=[Subprotocol(offered)],
                additional_headers={"Authorization": f"Basic {basic}"} if password else {},
            )  # fmt: skip
    with closing(http.client.HTTPConnection(house.ws_url.split("/")[2])) as plain:
        plain.request("GET", "/ocpp/DOC-001")
        assert plain.getresponse().status == 426

    for identity, sentences in SAID.items():
        told = until(house, identity, set(sentences))
        found = {finding["code"]: finding["sentence"] for finding in told["findings"]}
        assert {code: found[code][: len(said)] for code, said in sentences.items()} == sentences
    command = [sys.executable, "-m", "cli", "doctor", "DOC-001", "--json"]
    asked = subprocess.run(command, env=os.environ | house.environment, capture_output=True, text=True, check=False)
    assert SAID["DOC-001"].keys() <= {finding["code"] for finding in json.loads(asked.stdout)["findings"]}
    assert asked.returncode == 4


def until(house: House, identity: str, codes: set[str]) -> dict[str, Any]:
    """The diagnosis over HTTP, once all of these are in it: refusals are told every ten seconds."""
    deadline = time.monotonic() + 25
    while True:
        told: dict[str, Any] = Operator(house).get(f"/charge-points/{identity}/doctor").body
        if codes <= {finding["code"] for finding in told["findings"]}:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
