"""The way in: from an upgrade request to a session, or to a refusal in an installer's words.

Nothing is written for a stranger. For a charge point that may come in, the order is: its topic is subscribed, then
the one conditional write to the registry, then the 101. So whoever reads in the registry that it is connected can
reach it, and its first CALL never overtakes the subscription its answer needs.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog
from websockets.frames import CloseCode
from websockets.http11 import Response

from domain import registry
from domain.models import ChargePoint, Connection
from domain.ports import Admissions, RowChangedError
from gateway import admission, handshake, profiles, tls
from gateway.admission import NO_COMMON_SUBPROTOCOL, Admitted
from gateway.gate import Gate, not_now
from gateway.handshake import Handshake
from gateway.links import BrokerLostError, LinkPool, Place
from gateway.metrics import Metrics
from gateway.plain_request import Asked
from gateway.presence import Presence
from gateway.records import Records
from gateway.refusals import Refusal, Refusals, Refused, RefusedError
from gateway.threads import BusyError, Threads
from gateway.websocket import WebSocket
from ocppj.errors import IdentityError

# Of what ended before HTTP only that is kept which a charge point may be the cause of: scanners are many.
_KEPT = frozenset({"bad_certificate", "tls_alert", "bad_request"})
ATTEMPTS = 3  # when somebody else changes the row between reading and writing

log = structlog.get_logger()


class Door(Protocol):
    """Where those who may come in go."""

    is_draining: bool

    def connections(self, charge_point_id: str) -> int:
        """How many others are connected."""

    def has_tls_before(self, port: int) -> bool:
        """Whether TLS ends at the load balancer for those who come to this port."""

    def open(self, arrival: "Arrival") -> bool:
        """Open the session; False if a newer one of this charge point is open already."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A charge point that may come in: `old` is the connection that it replaces."""

    websocket: WebSocket
    row: ChargePoint
    place: Place
    connection: Connection
    old: Connection | None


@dataclass(frozen=True, slots=True)
class Reception:
    """Everything an upgrade request needs."""

    gateway: str
    admissions: Admissions
    records: Records
    threads: Threads
    pool: LinkPool
    presence: Presence
    refusals: Refusals
    metrics: Metrics
    gate: Gate
    utc: Callable[[], datetime]
    subscribe_timeout_s: float
    closes_without_version: bool = False

    async def receive(self, websocket: WebSocket, asked: Asked, door: Door) -> None:
        """See one request through to the end."""
        began = asyncio.get_running_loop().time()
        if (objection := websocket.objection) is not None:
            self._respond(websocket, asked, objection)
            return
        shaken: Handshake | None = None
        try:
            shaken = self._read(websocket, asked, door)
            self._ask_gate(websocket, shaken, door, began)
            await self._let_in(shaken, websocket, door)
        except RefusedError as error:
            self._refuse(websocket, asked, shaken, error.refusal)
        except asyncio.CancelledError:
            self._refuse(websocket, asked, shaken, not_now("draining", "This gateway is going away."))
            raise
        except Exception:  # the outermost loop of a handshake; adapters raise what their clients raise
            log.exception("handshake failed", path=asked.path)
            self._refuse(websocket, asked, shaken, not_now("error", "The registry can't be asked now."))
        else:
            self.metrics.setup.observe(asyncio.get_running_loop().time() - began)

    def _read(self, websocket: WebSocket, asked: Asked, door: Door) -> Handshake:
        if door.is_draining:
            raise RefusedError(not_now("draining", "This gateway is going away."))
        try:
            return handshake.read(
                asked.path,
                asked.protocols,
                asked.authorization,
                is_tls=websocket.about("sslcontext") is not None or door.has_tls_before(websocket.about("sockname")[1]),
                certificate=tls.client_certificate(websocket.about("peercert")),
            )
        except IdentityError as error:
            raise RefusedError(admission.nameless(asked.path, str(error))) from error

    def _ask_gate(self, websocket: WebSocket, shaken: Handshake, door: Door, now: float) -> None:
        source = websocket.remote.rpartition(":")[0]
        refusal = self.gate.refusal(source, door.connections(shaken.charge_point_id), now)
        if refusal is not None:
            raise RefusedError(refusal)

    async def _let_in(self, shaken: Handshake, websocket: WebSocket, door: Door) -> None:
        row, admitted = await self.records.admit(shaken)
        if shaken.charge_point_id != row.charge_point_id:
            shaken = replace(shaken, charge_point_id=row.charge_point_id)
        await self._wait_in_line()
        place = await self._take_place(shaken)
        try:
            connection, old = await self._connect(shaken, row, admitted, place)
            if (turned_back := _turned_back(websocket, place, connection, door)) is not None:
                reason, refusal = turned_back
                self.presence.disconnected(shaken.charge_point_id, connection, reason, place.link)
                raise RefusedError(refusal)
            if not door.open(Arrival(websocket, row, place, connection, old)):
                raise RefusedError(not_now("replaced", "A newer connection of this charge point was faster."))
        except BaseException:
            place.kept = None
            self.pool.give_back(place)
            raise
        self.metrics.upgrades["101"] += 1

    async def _wait_in_line(self) -> None:
        turn = self.gate.turn(asyncio.get_running_loop().time())
        if isinstance(turn, Refusal):
            raise RefusedError(turn)
        if turn:
            await asyncio.sleep(turn)

    async def _take_place(self, shaken: Handshake) -> Place:
        try:
            place = self.pool.take(shaken.charge_point_id)
        except BrokerLostError as error:
            raise RefusedError(not_now("broker_lost", "The message broker can't be reached.")) from error
        try:
            async with asyncio.timeout(self.subscribe_timeout_s):
                await place.ready.wait()
        except TimeoutError as error:
            self.pool.give_back(place)
            raise RefusedError(not_now("broker_slow", "The message broker does not answer.")) from error
        except BaseException:
            self.pool.give_back(place)
            raise
        return place

    async def _connect(
        self, shaken: Handshake, row: ChargePoint, admitted: Admitted, place: Place
    ) -> tuple[Connection, Connection | None]:
        # Once the registry says that it is connected here, a command may come before the 101 is on its way.
        place.kept = place.kept or []
        for _ in range(ATTEMPTS):
            connection = self._connection(shaken, row, admitted, place)

            def undo(_: Connection | None, late: Connection = connection) -> None:
                self.presence.disconnected(shaken.charge_point_id, late, "lost", place.link)

            try:
                old = await self.threads.call_or_undo(
                    self.admissions.connect, undo, shaken.charge_point_id, connection, row.credential_version,
                    admitted.proven,
                )  # fmt: skip
            except RowChangedError:
                self.records.forget(shaken.charge_point_id)
                row, admitted = await self.records.admit(shaken)
            except BusyError as error:
                raise RefusedError(not_now("registry_busy", f"The registry does not answer: {error}.")) from error
            else:
                change = partial(
                    registry.connected, connection=connection, credential_version=row.credential_version,
                    proven=admitted.proven,
                )  # fmt: skip
                self.records.keep(row, change)
                return connection, old
        raise RefusedError(not_now("row_changes", "The charge point's record keeps changing."))

    def _connection(self, shaken: Handshake, row: ChargePoint, admitted: Admitted, place: Place) -> Connection:
        now = self.utc()
        last = row.connection.epoch if row.connection is not None else 0
        epoch = max(last + 1, int(now.timestamp() * 1000))
        name = serial = None
        if admitted.proven.profile == profiles.CERTIFICATE and shaken.certificate is not None:
            name, serial = shaken.certificate.common_name, shaken.certificate.serial_number
        return Connection(
            admitted.version, self.gateway, place.number, epoch, now, last_seen=now, certificate_name=name,
            certificate_serial=serial,
        )  # fmt: skip

    def turn_away(self, peer: str, refusal: Refusal, path: str = "") -> None:
        """Somebody does not get as far as a request."""
        if refusal.reason in _KEPT:
            self.refusals.keep(Refused(_identity(path), self.utc(), peer, path, (), refusal))
        self.metrics.rejected.labels(refusal.reason).inc()
        log.info("refused", peer=peer, path=path, reason=refusal.reason, text=refusal.text)

    def _respond(self, websocket: WebSocket, asked: Asked, response: Response) -> None:
        status, text = response.status_code, bytes(response.body or b"").decode().partition("\n")[0]
        refusal = Refusal(status, "no_websocket", text)
        offered = tuple(asked.protocols)
        peer, path = websocket.remote, asked.path
        self.refusals.keep(Refused(_identity(path), self.utc(), peer, path, offered, refusal))
        self.metrics.upgrades[str(status)] += 1
        self.metrics.rejected.labels(refusal.reason).inc()
        log.info("refused", path=path, peer=peer, status=status, reason=refusal.reason, text=text)
        websocket.respond(response)

    def _refuse(self, websocket: WebSocket, asked: Asked, shaken: Handshake | None, refusal: Refusal) -> None:
        identity = shaken.identity if shaken is not None else ""
        offered = shaken.offered if shaken is not None else ()
        self.refusals.keep(Refused(identity, self.utc(), websocket.remote, asked.path, offered, refusal))
        self.metrics.upgrades[str(refusal.status)] += 1
        self.metrics.rejected.labels(refusal.reason).inc()
        log.info(
            "refused", identity=identity, path=asked.path, peer=websocket.remote, offered=list(offered),
            status=refusal.status, reason=refusal.reason, text=refusal.text,
        )  # fmt: skip
        if refusal.reason == NO_COMMON_SUBPROTOCOL and self.closes_without_version:
            # The specification's way; its test tool expects to be refused.
            websocket.dismiss(CloseCode.PROTOCOL_ERROR, "no common OCPP version")
            return
        websocket.refuse(refusal.status, refusal.text, refusal.headers)


def _identity(path: str) -> str:
    try:
        return handshake.identity_of(path)
    except IdentityError:
        return ""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def _turned_back(websocket: WebSocket, place: Place, connection: Connection, door: Door) -> tuple[str, Refusal] | None:
    """Why a charge point does not come in although the registry says that it is connected, and what it hears."""
    if websocket.is_lost:
        return "lost", not_now("left", "The charge point left before it was let in.")
    if place.evicted >= connection.epoch:
        return "evicted", not_now("evicted", "This connection was closed, or a newer one was faster.")
    if door.is_draining:
        return "drained", not_now("draining", "This gateway is going away.")
    return None
