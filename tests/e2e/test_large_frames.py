"""A frame larger than AWS IoT Core takes, through the whole house: past the broker and answered like any other."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.e2e.operator import DEMO_TAG, Operator
from tests.gateway.house import hear
from tests.house import House

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

AWS_MAX_PACKET = "131072"
WHEN = "2026-11-21T10:00:00.000Z"


async def _call(socket: ClientConnection, message_id: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    await socket.send(orjson.dumps([2, message_id, action, payload]), text=True)
    kind, answered, *rest = await hear(socket)
    assert (kind, answered) == (3, message_id)
    answer: dict[str, Any] = rest[0]
    return answer


async def test_b26_a_stop_transaction_of_300_kb_is_answered(tmp_path: Path) -> None:
    sample = {"timestamp": WHEN, "sampledValue": [{"value": "1500"}]}
    with House(tmp_path / "house", OCPPGW_MQTT_MAX_PACKET=AWS_MAX_PACKET) as house:
        house.wait_until_ready()
        operator = Operator(house)
        identity = operator.register()
        async with connect(f"{house.ws_url}/{identity}", subprotocols=[Subprotocol("ocpp1.6")], proxy=None) as socket:
            await _call(socket, "b", "BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"})
            start = {"connectorId": 1, "idTag": DEMO_TAG, "meterStart": 1000, "timestamp": WHEN}
            started = await _call(socket, "s", "StartTransaction", start)
            stop = {"transactionId": started["transactionId"], "meterStop": 2000, "timestamp": WHEN}
            await _call(socket, "e", "StopTransaction", {**stop, "transactionData": [sample] * 4_200})
        stored = operator.transaction(identity, started["transactionId"])
        logged = _logged(house, identity)
        house.stop()

    assert stored["meterStopWh"] == 2000
    assert [row["action"] for row in logged if row["direction"] == "in"] == [
        "BootNotification", "StartTransaction", "StopTransaction",
    ]  # fmt: skip
    assert len(logged[4]["message"]) > 262_144


def _logged(house: House, identity: str) -> list[dict[str, Any]]:
    """The frame log, as soon as all three calls with their answers are in it."""
    command = [sys.executable, "-m", "cli", "archive", "frames", identity, "--output", "json"]
    for _ in range(20):
        done = subprocess.run(command, env=os.environ | house.environment, capture_output=True, text=True, check=False)
        rows = [orjson.loads(line) for line in done.stdout.splitlines()]
        if len(rows) >= 6:
            break
    return rows
