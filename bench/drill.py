"""How long the way back takes after a disaster, on the emulator: `python -m bench.drill`.

A house with many charge points in its tables and some connected; then tables are restored, damage is copied over, the
house is started anew from the same state (stack, functions, gateway), and all connected ones come back. The emulator
restores a table as it is, not as it was, so the copies are made before the damage; the time that takes is counted.
What AWS adds is told in docs/deploy.md.
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from websockets.exceptions import InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from adapters import dynamodb
from adapters.dynamodb_registry import DynamoRegistry
from domain.models import ChargePoint
from infra.drill import CHARGE_POINTS, Drill, tables_of
from infra.local.cloud import AWS
from tests.house import House

PATIENCE_S = 120
TOUCHED = 0.1  # of the rows are damaged


def fill(aws: AWS, count: int) -> list[str]:
    """Charge points that the registry knows; returns their ids."""
    ids = [f"DRILL-{number:06}" for number in range(count)]
    client = aws.client("dynamodb")
    DynamoRegistry(client, dynamodb.Tables()).add(ChargePoint(ids[0]))
    first = client.get_item(TableName=CHARGE_POINTS, Key={"chargePointId": {"S": ids[0]}})["Item"]
    dynamodb.put_many(client, CHARGE_POINTS, [first | {"chargePointId": {"S": each}} for each in ids])
    return ids


def damage(aws: AWS, ids: list[str]) -> None:
    """Lose rows, as a script in the wrong account does."""
    lost = ids[: int(len(ids) * TOUCHED)]
    dynamodb.delete_many(aws.client("dynamodb"), CHARGE_POINTS, [{"chargePointId": {"S": each}} for each in lost])


def come_back(url: str) -> ClientConnection:
    """As a charge point does: again and again."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return connect(url, subprotocols=[Subprotocol("ocpp1.6")])
        except (InvalidHandshake, OSError):
            if time.monotonic() > until:
                raise
        time.sleep(0.5)


def everybody(house: House, ids: list[str], leaving: ExitStack) -> None:
    """Have all of them connect."""
    with ThreadPoolExecutor(16) as somewhere:
        for socket in somewhere.map(come_back, (f"{house.ws_url}/{each}" for each in ids)):
            leaving.enter_context(socket)


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000, help="charge points in the table; %(default)s")
    parser.add_argument("--connected", type=int, default=50, help="of them; %(default)s")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as state, ExitStack() as leaving:
        house = leaving.enter_context(House(Path(state)))
        house.wait_until_ready()
        ids = fill(house.aws, chosen.rows)
        everybody(house, ids[: chosen.connected], leaving)
        notes = Path(state) / "drill.json"
        drill = Drill(
            house.aws.client, datetime.now(UTC), "-drill", True, lambda _: None, tables_of(), notes, poll_s=0.2
        )
        began = time.monotonic()
        drill.restore()
        _tell("tables restored beside themselves", began)
        damage(house.aws, ids)
        for what, step in (("writers stopped", drill.stop), ("copied back", drill.copy_back), ("started", drill.start)):
            step()
            _tell(what, began)
        house.stop()
        again = leaving.enter_context(House(Path(state), **house.environment))
        again.wait_until_ready()
        _tell("redeployed", began)
        everybody(again, ids[: chosen.connected], leaving)
        _tell(f"all {chosen.connected} charge points back", began)
        again.stop()


def _tell(what: str, began: float) -> None:
    print(f"{what:45} after {time.monotonic() - began:6.1f} s")  # noqa: T201


if __name__ == "__main__":
    main()
