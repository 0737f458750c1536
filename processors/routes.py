"""Which function answers which action in which version.

A handler is found by `@on(action, version, ...)`; OCPP 2.1 falls back to what is written for 2.0.1.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.models import ChargePoint
from ocppj.frames import Payload
from ocppj.versions import Version
from processors.ports import Ports


@dataclass(frozen=True, slots=True)
class Request:
    """A CALL or SEND whose payload has passed its schema.

    `charge_point` is the registry row as the record found it. A handler that changes what the shadow shows says so
    in `reported`; it is merged into the shadow once the answer is out. What else has to wait for the answer goes into
    `afterwards`.
    """

    charge_point: ChargePoint
    version: Version
    message_id: str
    action: str
    payload: Payload
    received_at: datetime
    now: datetime
    reported: Payload = field(default_factory=dict)
    afterwards: list[Callable[[], None]] = field(default_factory=list)

    @property
    def charge_point_id(self) -> str:
        return self.charge_point.charge_point_id

    def on(self, row: ChargePoint) -> "Request":
        """The same request, with what the row says now."""
        return replace(self, charge_point=row)

    def observed(self, at: datetime) -> datetime:
        """A time the device states for what it observed, but never later than we heard of it.

        A clock that once ran ahead would otherwise keep out everything the device says after it was set right.
        """
        return min(at, self.received_at)

    def skew_s(self, at: datetime) -> float:
        """How far the device's clock is ahead of ours, if it says that it is `at` now; below 0: behind."""
        return (at - self.received_at).total_seconds()


Handler = Callable[[Request, Ports], Payload]

_HANDLERS: dict[tuple[str, Version], Handler] = {}


def on(action: str, *versions: Version) -> Callable[[Handler], Handler]:
    """Register the function that answers this action in these versions."""

    def register(handler: Handler) -> Handler:
        for version in versions:
            if (action, version) in _HANDLERS:
                raise ValueError(f"{action} of {version} has two handlers")
            _HANDLERS[action, version] = handler
        return handler

    return register


def find(action: str, version: Version) -> Handler | None:
    """The function for this action, or the one of the version's base."""
    return _HANDLERS.get((action, version)) or _HANDLERS.get((action, version.base))
