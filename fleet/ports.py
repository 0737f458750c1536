"""Everything fleet administration needs of the world, in one hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.ports import IdTokens, Outbound, Registry
from fleet.reading import Reading


class Things(Protocol):
    """IoT things, and the shadows they have."""

    def create(self, charge_point_id: str) -> str:
        """Create the thing, or find the one of that name; returns its id."""

    def delete(self, charge_point_id: str) -> None:
        """Delete the thing, if there is one."""

    def shadow(self, charge_point_id: str) -> dict[str, Any] | None:
        """The reported state of its classic shadow, if it has one."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports and a clock."""

    reading: Reading
    registry: Registry
    things: Things
    id_tokens: IdTokens
    outbound: Outbound
    now: Callable[[], datetime]
