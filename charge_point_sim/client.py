"""One charge point on a real WebSocket: connects, reads, writes, and connects again when it was cut off."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.http11 import Response
from websockets.typing import Subprotocol

from charge_point_sim import sessions
from charge_point_sim.backoff import Backoff, retry_after_s, sentence
from charge_point_sim.charge_point import ChargePoint
from charge_point_sim.effects import HangUp, Ping, text_of
from charge_point_sim.opening import address, authorization, identity, is_common, offered
from charge_point_sim.tls import TlsError, context
from ocppj.versions import V16

OPEN_TIMEOUT_S = 20.0
_CERTIFICATE = 3  # the security profile
GOODBYE_S = 2.0  # how long the last transaction messages may take when we stop


class Clock:
    """The charge point's clock: real time, or `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._began_at = datetime.now(UTC)
        self._began_s = time.monotonic()

    def now(self) -> datetime:
        """What time it is for the charge point."""
        return self._began_at + timedelta(seconds=(time.monotonic() - self._began_s) * self._speed)

    def real_s(self, seconds: float) -> float:
        """How long so many seconds of the charge point really take."""
        return seconds / self._speed

    def real_s_until(self, moment: datetime) -> float:
        """How long it really takes until then."""
        return max(0.0, self.real_s((moment - self.now()).total_seconds()))


class _AbandonedError(Exception):
    """This side has forgotten a connection that the other side still has."""


class Client:
    """Runs a charge point until it is stopped."""

    def __init__(self, cp: ChargePoint, url: str, clock: Clock | None = None, ca: str | None = None) -> None:
        self.cp = cp
        self._ca = ca
        self._abandoned: list[ClientConnection] = []
        self._endpoint = url
        cp.networks.is_bound = False
        cp.networks.hosts |= {urlsplit(url).hostname or ""}
        self._clock = clock or Clock()
        self._moved = asyncio.Event()  # timers may have changed
        self._to_write = asyncio.Event()
        self._stopping = asyncio.Event()
        self._offline_s: float | None = None
        self._pong: asyncio.Future[float] | None = None
        self._lost = Backoff(cp.rng, 1, 60)
        self._refused = Backoff(cp.rng, 5, 60)

    async def run(self) -> None:
        """Live until `stop`: timers tick whether or not there is a connection."""
        tick = asyncio.create_task(self._tick(), name=f"{self.cp.setup.identity} timers")
        stay = asyncio.create_task(self._stay_connected(), name=f"{self.cp.setup.identity} connection")
        stopped = asyncio.create_task(self._stopping.wait(), name=f"{self.cp.setup.identity} stop")
        try:
            done, _ = await asyncio.wait((tick, stay, stopped), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._say_goodbye()
        finally:
            for socket in self._abandoned:
                socket.transport.abort()
            for task in (tick, stay, stopped):
                task.cancel()
            await asyncio.gather(tick, stay, stopped, return_exceptions=True)

    def stop(self) -> None:
        """End what is running as a power cut would, tell it if that is quickly done, and disconnect."""
        self._stopping.set()

    async def _say_goodbye(self) -> None:
        self.cp.act(self._clock.now(), lambda: sessions.stop_all(self.cp, "power loss"))
        self._settle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                while self.cp.exchange.is_open and self.cp.exchange.has_undelivered:
                    self._moved.clear()
                    await self._moved.wait()

    async def _stay_connected(self) -> None:
        while True:
            wait_s = await self._connect()
            await asyncio.sleep(self._clock.real_s(wait_s))

    async def _connect(self) -> float:
        try:
            socket = await self._dial()
            try:
                if not is_common(self.cp, socket.subprotocol):
                    self.cp.log.warning("no common version", offered=offered(self.cp))
                    return self._refused.next_s()
                return await self._converse(socket)
            finally:
                if socket not in self._abandoned:
                    await socket.close()
        except InvalidStatus as refusal:
            self.cp.not_connected(is_busy=refusal.response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR)
            return self._be_refused(refusal.response)
        except (OSError, TimeoutError, InvalidHandshake, WebSocketException, TlsError) as error:
            self.cp.not_connected()
            wait_s = self._lost.next_s()
            self.cp.log.warning("no connection", why=str(error) or type(error).__name__, retry_in_s=round(wait_s, 1))
            return wait_s

    @property
    def _url(self) -> str:
        return address(self.cp.networks.now.url or self._endpoint, identity(self.cp))

    def _dial(self) -> connect:
        credentials, subprotocol = authorization(self.cp), offered(self.cp)
        is_by_certificate = self.cp.networks.now.security_profile == _CERTIFICATE
        return connect(
            self._url,
            subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
            additional_headers={"Authorization": credentials} if credentials else None,
            compression=None if self.cp.dialect.version is V16 else "deflate",
            ssl=context(self._url, self._ca, self.cp.kept.own if is_by_certificate else None),
            user_agent_header="ocpp-gateway simulator",
            proxy=None,
            ping_interval=None,  # the charge point decides, see WebSocketPingInterval
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=GOODBYE_S,
        )

    async def _converse(self, socket: ClientConnection) -> float:
        self.cp.log.info("connected", url=self._url)
        self._offline_s = self._pong = None
        self._refused.reset()
        self.cp.connected(self._clock.now())
        self._settle()
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(socket), name=f"{self.cp.setup.identity} writer")
                async for text in socket:
                    self._lost.reset()
                    self.cp.receive(text, self._clock.now())
                    self._settle()
                writer.cancel()
        except* (ConnectionClosed, _AbandonedError):
            pass  # not a clean close; logged below like any other
        finally:
            self.cp.disconnected(self._clock.now())
            self._settle()
        wait_s = self._lost.next_s() if self._offline_s is None else self._offline_s
        self.cp.log.info(
            "disconnected", code=socket.close_code, why=socket.close_reason or "-", back_in_s=round(wait_s, 1)
        )
        return wait_s

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            for effect in self.cp.take():
                if isinstance(effect, HangUp):
                    await self._hang_up(socket, effect)
                    return
                if isinstance(effect, Ping):
                    await self._ping(socket)
                    continue
                await socket.send(text_of(effect))

    async def _ping(self, socket: ClientConnection) -> None:
        if self._pong and not self._pong.done():
            self.cp.log.warning("no pong")
            socket.transport.abort()
            return
        self._pong = asyncio.ensure_future(await socket.ping())

    async def _hang_up(self, socket: ClientConnection, how: HangUp) -> None:
        self._offline_s = how.offline_s
        if how.manner == "close":
            await socket.close()
        elif how.manner == "cut":
            socket.transport.abort()
        else:
            # Half-open: the other side still sees a socket, and we open another one beside it.
            socket.transport.pause_reading()
            self._abandoned.append(socket)
            raise _AbandonedError

    def _be_refused(self, response: Response) -> float:
        wait_s = self._refused.next_s() + retry_after_s(response)
        self.cp.log.warning("refused", status=response.status_code, why=sentence(response), retry_in_s=round(wait_s, 1))
        return wait_s

    def _settle(self) -> None:
        self._moved.set()
        self._to_write.set()

    async def _tick(self) -> None:
        while True:
            self._moved.clear()
            due = self.cp.next_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else self._clock.real_s_until(due)):
                    await self._moved.wait()
            self.cp.wake(self._clock.now())
            self._to_write.set()
