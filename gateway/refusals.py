"""The handshakes that were refused: kept, so that somebody can ask why a charge point does not get in."""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ocppj import timestamps

KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than 101: `reason` is one word for metrics and logs, `text` is for people.

    `status` is 0 where it did not come as far as HTTP.
    """

    status: int
    reason: str
    text: str
    headers: tuple[tuple[str, str], ...] = ()


class RefusedError(Exception):
    """This handshake ends here."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused handshake. `identity` is empty where the path had none."""

    identity: str
    at: datetime
    peer: str
    path: str
    offered: tuple[str, ...]
    refusal: Refusal


class Refusals:
    """The last refused handshakes; each is given to `heard`, too."""

    def __init__(self, kept: int = KEPT, heard: Callable[[Refused], None] = lambda _: None) -> None:
        self._kept: deque[Refused] = deque(maxlen=kept)
        self._heard = heard

    def keep(self, refused: Refused) -> None:
        """Keep one; the oldest goes."""
        self._kept.append(refused)
        self._heard(refused)

    def of(self, identity: str | None = None) -> list[dict[str, Any]]:
        """As JSON, newest first; of one identity or of all."""
        return [_json(refused) for refused in reversed(self._kept) if identity in (None, refused.identity)]


def _json(refused: Refused) -> dict[str, Any]:
    fields = asdict(refused)
    refusal = fields.pop("refusal")
    kept = {name: refusal[name] for name in ("status", "reason", "text")}
    return fields | {"at": timestamps.write(refused.at)} | kept
