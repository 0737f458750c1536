"""What goes with commands, in memory: the lines they wait in, and what guards them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from domain import buckets
from domain.models import Claim, Command


class MemoryCommandLines:
    """CommandLines in dicts."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, datetime]] = defaultdict(dict)

    def put(self, line: str, command: Command) -> None:
        self._lines[line][command.command_id] = command.created_at

    def waiting(self, line: str) -> Sequence[str]:
        its = self._lines.get(line, {})
        return sorted(its, key=lambda command_id: its[command_id])

    def take(self, line: str, command_id: str) -> bool:
        return self._lines.get(line, {}).pop(command_id, None) is not None


class MemoryCommandGuards:
    """CommandGuards in dicts."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[Claim, datetime]] = {}
        self._full_at: dict[str, datetime] = {}
        self._lock = Lock()

    def claim(self, key: str, claim: Claim, now: datetime, until: datetime) -> Claim:
        with self._lock:
            if key not in self._claims or self._claims[key][1] <= now:
                self._claims[key] = claim, until
            return self._claims[key][0]

    def spend(self, bucket: str, per_minute: int, now: datetime) -> float:
        with self._lock:
            self._full_at[bucket], wait_s = buckets.spend(self._full_at.get(bucket), per_minute, now)
            return wait_s
