"""Who is connected, told to the rest of the house; and the lease that says this gateway is alive."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import structlog

from domain.models import Connection
from domain.ports import Admissions, Link
from gateway.threads import Threads
from ocppj import timestamps

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Event:
    topic: str
    payload: bytes


class Presence:
    """Publishes on `gateways/<gateway>/connected` and `.../disconnected`.

    An event no link takes now is kept, the newest of each charge point, and told by `tell_again`.
    """

    def __init__(self, gateway: str, utc: Callable[[], datetime]) -> None:
        self._gateway = gateway
        self._utc = utc
        self._untold: dict[str, _Event] = {}

    def connected(self, charge_point_id: str, connection: Connection, link: Link) -> None:
        """A socket was opened."""
        self._tell("connected", charge_point_id, connection, "accepted", link)

    def disconnected(
        self, charge_point_id: str, connection: Connection, reason: str, link: Link, last_seen: datetime | None = None
    ) -> None:
        """A socket is gone (or never came to be, though the registry says so)."""
        self._tell("disconnected", charge_point_id, connection, reason, link, last_seen)

    def tell_again(self, link: Link) -> None:
        """Try what could not be told before."""
        for charge_point_id, event in list(self._untold.items()):
            if not link.publish(event.topic, event.payload):
                return
            del self._untold[charge_point_id]

    def _tell(
        self,
        event: str,
        charge_point_id: str,
        connection: Connection,
        reason: str,
        link: Link,
        last_seen: datetime | None = None,
    ) -> None:
        body = {
            "event": event,
            "gateway": self._gateway,
            "chargePointId": charge_point_id,
            "epoch": connection.epoch,
            "link": connection.link,
            "ocppVersion": connection.version.subprotocol,
            "reason": reason,
            "at": timestamps.write(self._utc()),
        }
        if last_seen is not None:
            body["lastSeen"] = timestamps.write(last_seen)
        message = _Event(f"gateways/{self._gateway}/{event}", orjson.dumps(body))
        self._untold.pop(charge_point_id, None)
        if not link.publish(message.topic, message.payload):
            self._untold[charge_point_id] = message


class Lease:
    """Renewed as long as the process lives; the rest of the house takes a gateway without one for dead."""

    def __init__(
        self, gateway: str, admissions: Admissions, threads: Threads, utc: Callable[[], datetime], lease_s: float
    ) -> None:
        self._lease_s = lease_s
        self._gateway = gateway
        self._admissions = admissions
        self._threads = threads
        self._utc = utc
        self._valid_until: datetime | None = None

    @property
    def is_valid(self) -> bool:
        """Whether others take this gateway for alive."""
        return self._valid_until is not None and self._utc() < self._valid_until

    async def run(self) -> None:
        """Renew for ever."""
        while True:
            until = self._utc() + timedelta(seconds=self._lease_s)
            try:
                await self._threads.call(self._admissions.renew_lease, self._gateway, until)
                self._valid_until = until
            except Exception:  # the outermost loop: whatever the registry's client raises, the next try may do
                log.exception("lease not renewed", gateway=self._gateway, valid_until=str(self._valid_until))
            await asyncio.sleep(self._lease_s / 3)
