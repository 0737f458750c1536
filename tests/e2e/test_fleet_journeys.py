"""Fleet administration, end to end: the command line and HTTP on the running house."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import ocpp.v16.call
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.independent import ChargePoint16, connected
from tests.e2e.operator import Operator, until, until_async
from tests.house import House

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROWS = 2_000


@pytest.fixture(scope="module")
def operator(house: House) -> Operator:
    return Operator(house)


def command(house: House, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli", "fleet", *arguments]


def fleet(house: House, *arguments: str) -> dict[str, Any]:
    """What `ocppgw fleet ... --output json` says."""
    done = subprocess.run(
        [*command(house, *arguments), "--output", "json"],
        env=os.environ | house.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@asynccontextmanager
async def with_password(house: House, identity: str, password: str) -> AsyncIterator[ClientConnection]:
    token = base64.b64encode(f"{identity}:".encode() + bytes.fromhex(password)).decode()
    async with connect(
        f"{house.ws_url}/{identity}", subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {token}"},
    ) as socket:  # fmt: skip
        yield socket


async def until_closed(socket: ClientConnection) -> float:
    """When it was closed."""
    await socket.wait_closed()
    return time.monotonic()


async def status(house: House, identity: str, password: str) -> int:
    try:
        async with with_password(house, identity, password):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_registered_connected_disabled_refused_enabled_deleted_evicted(operator: Operator) -> None:
    house, identity = operator.house, f"CP-{uuid4().hex[:8]}"
    told = await asyncio.to_thread(
        fleet, house, "register", identity, "--profile", "1", "--password", "generate", "--site", "Depot"
    )  # fmt: skip
    password = told["password"]

    async with with_password(house, identity, password) as socket:
        began = time.monotonic()
        closing = asyncio.create_task(until_closed(socket))
        disabled = await asyncio.to_thread(operator.post, f"/charge-points/{identity}/disable", {})
        answered = time.monotonic()
        closed = await closing
    sys.stdout.write(f"disabled: answered after {answered - began:.3f} s, socket closed after {closed - began:.3f} s\n")
    assert closed - began < 10  # it takes milliseconds, unless others take the processor
    assert (disabled.status, disabled.body["status"], socket.close_code) == (200, "disabled", 1008)
    assert await status(house, identity, password) == 403

    assert (await asyncio.to_thread(fleet, house, "enable", identity))["status"] in ("online", "offline")
    async with with_password(house, identity, password) as socket:
        deleted = await asyncio.to_thread(fleet, house, "delete", identity)
        await socket.wait_closed()
    assert (deleted["deleted"], socket.close_code) == (True, 1008)
    assert await status(house, identity, password) == 404
    assert operator.row(identity) is None


async def test_an_unknown_card_is_found_and_added(operator: Operator) -> None:
    house, identity, card = operator.house, operator.register(), f"card{uuid4().hex[:8]}"
    async with connected(ChargePoint16, house.ws_url, identity) as charge_point:
        await charge_point.call(ocpp.v16.call.BootNotification(charge_point_model="One", charge_point_vendor="Acme"))
        before = await charge_point.call(ocpp.v16.call.Authorize(card))

        await until_async(lambda: card in {each["idToken"] for each in operator.get("/unknown-id-tokens").body["data"]})
        added = await operator.post_async("/id-tokens", {"idToken": card})
        after = await charge_point.call(ocpp.v16.call.Authorize(card.upper()))

    assert (before.id_tag_info["status"], added.status, after.id_tag_info["status"]) == ("Invalid", 201, "Accepted")


def test_a_thing_made_at_the_console_and_a_row_whose_thing_is_gone_are_reconciled(operator: Operator) -> None:
    house, identity = operator.house, f"CP-{uuid4().hex[:8]}"
    fleet(house, "register", identity)
    table = house.aws.resource("dynamodb").Table("ChargePointTable")
    table.delete_item(Key={"chargePointId": identity})  # as if the event of its creation had been lost

    dry = fleet(house, "reconcile", "--dry-run")["data"]
    done = fleet(house, "reconcile")["data"]

    its = [[each for each in found if each["chargePointId"] == identity] for found in (dry, done)]
    assert [each["action"] for (each,) in its] == ["would be: row made", "row made"]
    assert operator.row(identity) is not None


def test_an_import_is_interrupted_and_resumed(operator: Operator, tmp_path: Path) -> None:
    house, prefix = operator.house, f"I{uuid4().hex[:6]}"
    file = tmp_path / "fleet.csv"
    ids = [f"{prefix}-{number:04}" for number in range(ROWS)]
    file.write_text("\n".join(["id,partner,password", *(f"{name},{prefix},generate" for name in ids)]))
    results = Path(f"{file}.results.jsonl")
    importing = subprocess.Popen(
        command(house, "import", str(file), "--rate", "0"), env=os.environ | house.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: results.exists() and results.read_bytes().count(b"\n") > ROWS // 20, within_s=60)
        importing.send_signal(signal.SIGKILL)
    finally:
        importing.wait()
    reached = results.read_bytes().count(b"\n")

    began = time.monotonic()
    done = subprocess.run(
        command(house, "import", str(file), "--rate", "0", "--resume"), env=os.environ | house.environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    sys.stdout.write(f"resumed after {reached} rows, {(ROWS - reached) / (time.monotonic() - began):.0f} rows/s\n")

    assert reached < ROWS
    assert (done.returncode, done.stdout.split(";")[0]) == (0, f"{ROWS} registered")
    told = [json.loads(line) for line in results.read_text().splitlines()]
    assert [each["id"] for each in told] == ids
    assert all(len(each["password"]) == 40 for each in told)
    listed = fleet(house, "list", "--partner", prefix, "--limit", str(ROWS + 1))["data"]
    assert [each["chargePointId"] for each in listed] == ids
