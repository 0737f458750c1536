"""Charge points that connect and go, in a process of their own: a crowd at the door must not hold up those who measure.

python -m tests.faults.newcomers PORT < ids   # one a line; says how often each status came, as JSON
"""

import asyncio
import json
import sys
from collections import Counter

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol


async def knock(port: int, charge_point_id: str) -> int:
    """Connect and go; the status of the handshake."""
    url = f"ws://127.0.0.1:{port}/{charge_point_id}"
    try:
        async with connect(url, subprotocols=[Subprotocol("ocpp1.6")], proxy=None, open_timeout=40):
            return 101
    except InvalidStatus as refused:
        if refused.response.status_code == 503:
            assert int(refused.response.headers["Retry-After"]) > 0
        return refused.response.status_code


async def knock_all(port: int, ids: list[str]) -> Counter[int]:
    """All at once."""
    return Counter(await asyncio.gather(*[knock(port, each) for each in ids]))


async def knocking(port: int, ids: list[str]) -> Counter[int]:
    """The same in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.newcomers", str(port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate("\n".join(ids).encode())
    assert process.returncode == 0
    return Counter({int(status): times for status, times in json.loads(said).items()})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(knock_all(int(sys.argv[1]), sys.stdin.read().split()))))
