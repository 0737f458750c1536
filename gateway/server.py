"""The gateway: a listener, everybody who is connected, and what happens to them all."""

import asyncio
import math
import random
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import orjson
import structlog
from websockets.frames import CloseCode

from domain.models import Connection
from domain.ports import Admissions, LargeFrames
from gateway import emf
from gateway.admin import Admin
from gateway.connection import Session, loop_clock
from gateway.doors import CantListenError, Doors, open_doors, said_clearly
from gateway.drain import Shedding
from gateway.gate import Gate, Pulse
from gateway.heartbeats import EdgeHeartbeats
from gateway.large_frames import WayAround
from gateway.last_seen import LastSeen
from gateway.links import EVICT_ALL, LinkPool, MakeLink
from gateway.listener import Before
from gateway.metrics import Metrics
from gateway.options import Options
from gateway.pages import pages_of
from gateway.plain_request import Asked
from gateway.presence import Lease, Presence
from gateway.reception import Arrival, Reception, utc_now
from gateway.records import Records
from gateway.refusals import Refusal, Refusals
from gateway.refused import Episodes
from gateway.threads import Threads
from gateway.traced import TracedSession
from gateway.turn import Turn
from gateway.watched import Watched
from gateway.websocket import WebSocket
from gateway.wheel import Wheel
from ocppj import topics

log = structlog.get_logger()


class Gateway:
    """One gateway process: `run` it, `stop` it. `listening` is set once the ports are open."""

    def __init__(
        self,
        admissions: Admissions,
        make_link: MakeLink,
        options: Options,
        *,
        gateway: str | None = None,
        large_frames: LargeFrames | None = None,
        utc: Callable[[], datetime] = utc_now,
    ) -> None:
        self.gateway = gateway or secrets.token_hex(4)
        self._pulse = Pulse(options.arrivals.slow_answer_s)
        self.metrics = Metrics(self._pulse)
        self._refused = Episodes(self.gateway)
        self.refusals = Refusals(heard=self._refused.add)
        self.sessions: dict[str, Session] = {}
        self.is_draining = False
        self.turn = Turn(asyncio.get_running_loop())
        self.listening = asyncio.Event()
        self.port = self.second_port = self.plain_port = self.admin_port = 0
        self._options = options
        self._clock = loop_clock(time.time)
        self._stop = asyncio.Event()
        self._all_gone = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._wheel = Wheel(options.sweep_s)
        self.wake = self._wheel.put
        self._shedding = Shedding(self.sessions, lambda closing: self._tasks.create_task(closing, name="shed"))
        self._admin: asyncio.Server | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._websockets: set[WebSocket] = set()
        self._pool = LinkPool(self.gateway, make_link, options.charge_points_per_link)
        self._watched = Watched(options.ingest_rule, self.sessions, self._clock.monotonic)
        self._utc = utc
        self._way_around = WayAround(large_frames, self._clock.wall) if large_frames is not None else None
        self._presence = Presence(self.gateway, utc)
        self._registry = Threads(options.registry_workers, options.registry_max_waiting, options.registry_timeout_s)
        # Who was found is let in before others are looked for: when the registry is slow, else nobody is in time.
        self._registry_writes = Threads(
            options.registry_workers, options.registry_max_waiting, options.registry_timeout_s
        )
        # A storm of handshakes must not make the house believe that this gateway is dead.
        self._lease_thread = Threads(1, 1, options.registry_timeout_s)
        self._lease = Lease(self.gateway, admissions, self._lease_thread, utc, options.lease_s)
        self._last_seen = LastSeen(self.sessions, admissions, self._registry_writes, utc)
        self._hashing = Threads(options.hash_workers, options.registry_max_waiting, options.registry_timeout_s)
        records = Records(
            admissions, self._registry, self._hashing, options.policy, options.remember_rows_s, self._clock.monotonic
        )
        self._reception = Reception(
            self.gateway, admissions, records, self._registry_writes, self._pool, self._presence, self.refusals,
            self.metrics, Gate(options.arrivals, self._pulse), utc, options.subscribe_timeout_s,
            options.closes_without_version,
        )  # fmt: skip
        self.metrics.gauge("ocpp_ws_active_connections", "Open connections", lambda: len(self.sessions))
        self.metrics.watch_links(lambda: self._pool.links)

    @property
    def is_ready(self) -> bool:
        """Whether charge points should be sent here."""
        return not self.is_draining and self.listening.is_set() and self._pool.is_connected and self._lease.is_valid

    def reload_certificates(self) -> None:
        """Read the certificates again, for connections to come."""
        if self._options.tls is not None:
            self._options.tls.reload()

    def stop(self) -> None:
        """Begin to end: close sockets paced, flush links, then `run` returns."""
        self._stop.set()

    def describe(self, charge_point_id: str) -> dict[str, Any] | None:
        """What is known of a connection, as JSON; None if there is none."""
        session = self.sessions.get(charge_point_id)
        return session.describe() if session is not None else None

    def shed(self, count: int, rate: float) -> int:
        """Have some charge points connect again, `rate` a second; returns how many."""
        log.info("rebalancing", gateway=self.gateway, count=count, connections=len(self.sessions))
        return self._shedding.some(count, rate)

    def drain(self, rate: float) -> int:
        """Take no new charge points and have all others connect elsewhere; returns how many."""
        self.is_draining = True
        return self.shed(len(self.sessions), rate)

    async def run(self) -> None:
        """Serve until `stop`.

        Raises:
            CantListenError: a port can't be opened.
        """
        doors = await self._listen()
        try:
            async with self._tasks as tasks:
                hears = {topics.WATCH: self._watched.on_message} if self._options.ingest_rule else {}
                pool = self._pool.run(self._on_evict, self._options.announces_takeovers, hears)
                tasks.create_task(pool, name="links")
                loops = [
                    tasks.create_task(doors.run(), name="doors"),
                    tasks.create_task(self._lease.run(), name="lease"),
                    tasks.create_task(self._last_seen.run(), name="last seen"),
                    tasks.create_task(self._sweep_for_ever(), name="sweep"),
                ]
                if self._options.tls is not None:
                    loops.append(tasks.create_task(self._options.tls.watch(), name="certificates"))
                if self._options.emf_interval_s:
                    writing = emf.write_for_ever(self.metrics, self._options.emf_interval_s, self._clock.wall)
                    loops.append(tasks.create_task(writing, name="emf"))
                self.listening.set()
                log.info("listening", gateway=self.gateway, host=self._options.host, port=self.port)
                await self._stop.wait()
                await self._end(doors)
                for loop in loops:
                    loop.cancel()
        finally:
            doors.close()
            self._registry.close()
            self._registry_writes.close()
            self._hashing.close()
            self._lease_thread.close()

    async def _listen(self) -> Doors:
        options = self._options
        admin = Admin(pages_of(self))
        if options.admin_socket is not None:
            self._admin = await asyncio.start_server(admin.serve, sock=options.admin_socket)
        elif options.admin_port is not None:
            with said_clearly(options.admin_host, options.admin_port):
                self._admin = await asyncio.start_server(admin.serve, options.admin_host, options.admin_port)
        if self._admin is not None:
            self.admin_port = self._admin.sockets[0].getsockname()[1]
        before = Before(options.tls, options.has_proxy, options.websocket.handshake_timeout_s, options.reuse_port)
        try:
            doors = await open_doors(
                options.host, options.port, (options.second_port, options.plain_port), before,
                lambda remote: WebSocket(self, options.websocket, remote), self._reception.turn_away,
            )  # fmt: skip
        except CantListenError:
            self._close_admin()
            raise
        self.port, self.second_port, self.plain_port = doors.port, doors.second_port, doors.plain_port
        return doors

    def _close_admin(self) -> None:
        if self._admin is not None:
            self._admin.close()

    async def _end(self, doors: Doors) -> None:
        self.is_draining = True
        log.info("stopping", gateway=self.gateway, connections=len(self.sessions))
        doors.close()
        for task in list(self._handshakes):
            task.cancel()
        await self._shedding.all_for_good(self._options.drain_s)
        await self._goodbye()
        if self._way_around is not None:
            await self._way_around.close(self._options.flush_s)
        self._presence.tell_again(self._pool.control)
        self._refused.tell(self._pool.control.publish, math.inf)  # what else would be told with the next ten seconds
        await self._pool.close(self._options.flush_s)
        self._close_admin()
        log.info("stopped", gateway=self.gateway)

    async def _goodbye(self) -> None:
        # Closing handshakes take a round trip; who does not answer is cut off.
        try:
            async with asyncio.timeout(self._options.flush_s if self._websockets else 0):
                await self._all_gone.wait()
        except TimeoutError:
            pass
        for websocket in list(self._websockets):
            websocket.abort("the gateway is gone")

    # Handshakes.

    def on_made(self, websocket: WebSocket) -> None:
        """A TCP connection was made."""
        self._websockets.add(websocket)

    def on_lost(self, websocket: WebSocket) -> None:
        """A TCP connection is gone."""
        self._websockets.discard(websocket)
        if self._stop.is_set() and not self._websockets:
            self._all_gone.set()

    def on_request(self, websocket: WebSocket, asked: Asked) -> None:
        """An upgrade request came."""
        task = asyncio.get_running_loop().create_task(self._reception.receive(websocket, asked, self))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def on_nonsense(self, websocket: WebSocket, refusal: Refusal, path: str) -> None:
        """What came was no request."""
        self._reception.turn_away(websocket.remote, refusal, path)

    def connections(self, charge_point_id: str) -> int:
        """How many others are connected: who connects anew takes its own place."""
        return len(self.sessions) - (charge_point_id in self.sessions)

    def has_tls_before(self, port: int) -> bool:
        """Whether TLS ends at the load balancer for those who come to this port."""
        return self._options.tls_offloaded and port in (self.port, self.second_port)

    def open(self, arrival: Arrival) -> bool:
        """Open a session; a session the charge point has already ends now, and one elsewhere is told to."""
        charge_point_id, connection, place = arrival.place.charge_point_id, arrival.connection, arrival.place
        known = self.sessions.get(charge_point_id)
        if known is not None:
            if known.connection.epoch > connection.epoch:
                return False
            known.end(CloseCode.POLICY_VIOLATION, "replaced")
        self._evict_elsewhere(charge_point_id, connection, arrival.old)
        session = self.sessions[charge_point_id] = place.session = self._session(arrival)
        self._presence.connected(charge_point_id, connection, place.link)
        self.metrics.established += 1
        log.info(
            "connected", **session.who, peer=arrival.websocket.remote, ocpp=connection.version.subprotocol,
            link=place.number, took_over=known is not None,
        )  # fmt: skip
        arrival.websocket.accept(session, self._options.traffic.traffic())
        kept, place.kept = place.kept, None
        for message in kept or ():
            session.on_message(message)
        return True

    def _evict_elsewhere(self, charge_point_id: str, connection: Connection, old: Connection | None) -> None:
        if self._options.announces_takeovers:
            topic, epoch = EVICT_ALL, connection.epoch - 1
        elif old is not None and old.gateway != self.gateway and old.disconnected_at is None:
            topic, epoch = f"gateways/{old.gateway}/evict", old.epoch
        else:
            return
        self._pool.control.publish(topic, orjson.dumps({"id": charge_point_id, "epoch": epoch}))

    def _session(self, arrival: Arrival) -> Session:
        options, every = self._options, self._options.forward_heartbeat_every
        make = partial(TracedSession, share=options.tracing) if options.tracing else Session
        session = make(
            self, arrival.websocket, arrival.place, arrival.connection,
            trace=f"{random.getrandbits(64):016x}",  # a name in logs, no secret
            limits=options.limits, metrics=self.metrics, clock=self._clock,
            way_around=self._way_around, answer_here=EdgeHeartbeats(every, self._utc) if every else None,
            ingest_rule=self._watched.rule_of(arrival.place.charge_point_id),
        )  # fmt: skip
        own = arrival.row.ping_interval_s
        session.begin_pings(options.ping_interval_s if own is None else own)
        return session

    # Sessions.

    def on_ended(self, session: Session, code: int, why: str) -> None:
        """A session ended: its place is free; the house hears of it unless a newer session took over here."""
        if self.sessions.get(session.charge_point_id) is session:
            del self.sessions[session.charge_point_id]
            session.place.session = None
        if why != "replaced":
            self._presence.disconnected(
                session.charge_point_id, session.connection, why, session.place.link, session.last_seen
            )
        self._pool.give_back(session.place)
        self.metrics.closed.labels(str(code)).inc()
        if why == "slow_reader":
            self.metrics.send_failures.labels(why).inc()
        log.info("disconnected", **session.who, code=code, reason=why)

    def _on_evict(self, charge_point_id: str, epoch: int) -> None:
        self._pool.evict(charge_point_id, epoch)
        session = self.sessions.get(charge_point_id)
        if session is not None and session.connection.epoch <= epoch:
            session.end(CloseCode.POLICY_VIOLATION, "evicted")

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._options.sweep_s)
            now = self._clock.monotonic()
            self._pulse.is_slow(now)
            self._watched.forget_old()
            for charge_point_id in self._wheel.due(now):
                if (session := self.sessions.get(charge_point_id)) is not None:
                    session.sweep(now)
            if self._pool.links:
                self._pool.weigh(now)
                self._presence.tell_again(self._pool.control)
                self._refused.tell(self._pool.control.publish, now)
            self._shed_if_lost(now)

    def _shed_if_lost(self, now: float) -> None:
        lost_at, grace_s = self._pool.lost_at, self._options.broker_grace_s
        if lost_at is None or now - lost_at < grace_s or self._shedding.is_running or not self.sessions:
            return
        log.error("broker lost for too long: closing sockets", connections=len(self.sessions))
        self._shedding.all_as_lost(max(self._options.drain_s, 1.0), lambda: self._pool.is_connected)
