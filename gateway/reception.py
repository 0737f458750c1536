"""The way in: from an upgrade request to a session, or to a refusal in an installer's words.

Nothing is written for a stranger. For a charge point that may come in, the order is: its topic is subscribed, then
the one conditional write to the registry, then the 101. So whoever reads in the registry that it is connected can
reach it, and its first CALL never overtakes the subscription its answer needs.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog
from websockets.http11 import Request, Response

from domain.models import ChargePoint, Connection
from domain.ports import Admissions, RowChangedError
from gateway import admission, handshake
from gateway.admission import Refusal
from gateway.gate import Gate, not_now
from gateway.handshake import Handshake
from gateway.links import BrokerLostError, LinkPool, Place
from gateway.metrics import Metrics
from gateway.presence import Presence
from gateway.refusals import Refusals, Refused
from gateway.threads import BusyError, Threads
from gateway.websocket import WebSocket
from ocppj.errors import IdentityError

ATTEMPTS = 3  # when somebody else changes the row between reading and writing

log = structlog.get_logger()


class RefusedError(Exception):
    """This handshake ends here."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Door(Protocol):
    """Where those who may come in go."""

    is_draining: bool

    def connections(self, charge_point_id: str) -> int:
        """How many others are connected."""

    def open(
        self, websocket: WebSocket, response: Response, place: Place, connection: Connection, old: Connection | None
    ) -> bool:
        """Open the session; False if a newer one of this charge point is open already."""


@dataclass(frozen=True, slots=True)
class Reception:
    """Everything an upgrade request needs."""

    gateway: str
    admissions: Admissions
    pepper: bytes
    threads: Threads
    pool: LinkPool
    presence: Presence
    refusals: Refusals
    metrics: Metrics
    gate: Gate
    utc: Callable[[], datetime]
    subscribe_timeout_s: float

    async def receive(self, websocket: WebSocket, request: Request, door: Door) -> None:
        """See one request through to the end."""
        began = asyncio.get_running_loop().time()
        response = websocket.check(request)
        if response.status_code != 101:
            self.metrics.upgrades.labels(str(response.status_code)).inc()
            websocket.respond(response)
            return
        shaken: Handshake | None = None
        try:
            shaken = self._read(request, door)
            self._ask_gate(websocket, shaken, door)
            await self._let_in(shaken, websocket, response, door)
        except RefusedError as error:
            self._refuse(websocket, request, shaken, error.refusal)
        except asyncio.CancelledError:
            self._refuse(websocket, request, shaken, not_now("draining", "This gateway is going away."))
            raise
        except Exception:  # the outermost loop of a handshake; adapters raise what their clients raise
            log.exception("handshake failed", path=request.path)
            self._refuse(websocket, request, shaken, not_now("error", "The registry can't be asked now."))
        else:
            self.metrics.setup.observe(asyncio.get_running_loop().time() - began)

    def _read(self, request: Request, door: Door) -> Handshake:
        if door.is_draining:
            raise RefusedError(not_now("draining", "This gateway is going away."))
        headers = request.headers
        try:
            return handshake.read(
                request.path, headers.get_all("Sec-WebSocket-Protocol"), headers.get_all("Authorization")
            )
        except IdentityError as error:
            raise RefusedError(admission.nameless(request.path, str(error))) from error

    def _ask_gate(self, websocket: WebSocket, shaken: Handshake, door: Door) -> None:
        source, now = websocket.remote.rpartition(":")[0], asyncio.get_running_loop().time()
        refusal = self.gate.refusal(source, door.connections(shaken.charge_point_id), now)
        if refusal is not None:
            raise RefusedError(refusal)

    async def _let_in(self, shaken: Handshake, websocket: WebSocket, response: Response, door: Door) -> None:
        row = await self._admit(shaken)
        await self._wait_in_line()
        place = await self._take_place(shaken)
        try:
            connection, old = await self._connect(shaken, row, place)
            if websocket.is_lost:
                self.presence.disconnected(shaken.charge_point_id, connection, "lost", place.link)
                raise RefusedError(not_now("left", "The charge point left before it was let in."))
            if not door.open(websocket, response, place, connection, old):
                raise RefusedError(not_now("replaced", "A newer connection of this charge point was faster."))
        except BaseException:
            place.kept = None
            self.pool.give_back(place)
            raise
        self.metrics.upgrades.labels("101").inc()

    async def _admit(self, shaken: Handshake) -> ChargePoint:
        def decide() -> tuple[ChargePoint | None, Refusal | None]:  # in a thread: scrypt may be asked, too
            row = self.admissions.find(shaken.charge_point_id)
            return row, admission.admit(shaken, row, self.pepper)

        try:
            row, refusal = await self.threads.call(decide)
        except BusyError as error:
            raise RefusedError(not_now("registry_busy", f"The registry does not answer: {error}.")) from error
        if refusal is not None or row is None:
            raise RefusedError(refusal or admission.unknown(shaken))
        return row

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

    async def _connect(self, shaken: Handshake, row: ChargePoint, place: Place) -> tuple[Connection, Connection | None]:
        # Once the registry says that it is connected here, a command may come before the 101 is on its way.
        place.kept = place.kept or []
        for _ in range(ATTEMPTS):
            connection = self._connection(shaken, row, place)

            def undo(_: Connection | None, late: Connection = connection) -> None:
                self.presence.disconnected(shaken.charge_point_id, late, "lost", place.link)

            try:
                old = await self.threads.call_or_undo(
                    self.admissions.connect, undo, shaken.charge_point_id, connection, row.credential_version
                )
            except RowChangedError:
                row = await self._admit(shaken)
            except BusyError as error:
                raise RefusedError(not_now("registry_busy", f"The registry does not answer: {error}.")) from error
            else:
                return connection, old
        raise RefusedError(not_now("row_changes", "The charge point's record keeps changing."))

    def _connection(self, shaken: Handshake, row: ChargePoint, place: Place) -> Connection:
        version = shaken.version
        if version is None:  # `admit` refuses those
            raise RefusedError(not_now("error", "The version got lost."))
        now = self.utc()
        last = row.connection.epoch if row.connection is not None else 0
        epoch = max(last + 1, int(now.timestamp() * 1000))
        return Connection(version, self.gateway, place.number, epoch, now)

    def _refuse(self, websocket: WebSocket, request: Request, shaken: Handshake | None, refusal: Refusal) -> None:
        identity = shaken.identity if shaken is not None else ""
        offered = shaken.offered if shaken is not None else ()
        self.refusals.keep(Refused(identity, self.utc(), websocket.remote, request.path, offered, refusal))
        self.metrics.upgrades.labels(str(refusal.status)).inc()
        self.metrics.rejected.labels(refusal.reason).inc()
        log.info(
            "refused", identity=identity, path=request.path, peer=websocket.remote, offered=list(offered),
            status=refusal.status, reason=refusal.reason, text=refusal.text,
        )  # fmt: skip
        websocket.refuse(refusal.status, refusal.text, refusal.headers)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
