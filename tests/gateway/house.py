"""A gateway between a broker in memory and real WebSockets, and a cloud for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from adapters.memory import MemoryRegistry
from adapters.memory_link import MemoryBroker, MemoryLink
from domain.models import ChargePoint
from domain.ports import Admissions, LargeFrames, Message
from gateway.options import Options
from gateway.server import Gateway
from ocppj.terms import Limits

PATIENCE_S = 5.0


def options(**changes: Any) -> Options:
    """Free ports and no time to lose."""
    fast: dict[str, Any] = {"port": 0, "admin_port": 0, "sweep_s": 0.02, "drain_s": 0.0, "ping_interval_s": 0.0}
    if "call_timeout_s" in changes:
        changes["limits"] = Limits(call_timeout_s=changes.pop("call_timeout_s"))
    return Options(**(fast | changes))


class House:
    """The gateway, its broker and its registry."""

    def __init__(self, gateway: Gateway, broker: MemoryBroker, links: list[MemoryLink]) -> None:
        self.gateway = gateway
        self.broker = broker
        self.links = links
        self._sockets: list[ClientConnection] = []

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.gateway.port}{path}"

    async def connect(
        self, path: str = "/ocpp/CP1", *offered: str, headers: dict[str, str] | None = None, **kwargs: Any
    ) -> ClientConnection:
        """Connect as a charge point; 1.6 unless told otherwise."""
        protocols = [Subprotocol(token) for token in offered or ("ocpp1.6",)]
        kwargs = {"compression": None, "ping_interval": None, "proxy": None} | kwargs
        socket = await connect(self.url(path), subprotocols=protocols, additional_headers=headers, **kwargs)
        self._sockets.append(socket)
        return socket

    async def abandon(self) -> None:
        """Leave no socket to the garbage collector, which would warn in the middle of another test."""
        for socket in self._sockets:
            socket.transport.abort()
        await asyncio.sleep(0)

    def events(self, event: str) -> list[dict[str, Any]]:
        """What the gateway told of who is connected."""
        return [orjson.loads(raw) for raw in self.broker.payloads(f"gateways/{self.gateway.gateway}/{event}")]

    def heard(self, charge_point_id: str) -> list[list[Any]]:
        """The frames the gateway published for a charge point."""
        return [orjson.loads(raw) for raw in self.broker.payloads(f"{charge_point_id}/in")]

    def tell(self, charge_point_id: str, frame: list[Any], **properties: Any) -> None:
        """Publish to a charge point as the cloud."""
        pairs = [(name, str(value)) for name, value in properties.items()]
        self.broker.publish(f"{charge_point_id}/out", orjson.dumps(frame), pairs)

    def answer_everything(self) -> None:
        """Be a cloud that answers every CALL with its payload."""

        def answer(message: Message) -> None:
            frame = orjson.loads(message.payload)
            if frame[0] == 2:
                epoch = message.properties.get("epoch", "0")
                self.tell(message.topic.removesuffix("/in"), [3, frame[1], frame[3] or {}], epoch=epoch)

        self.broker.subscribe("+/in", answer)


@asynccontextmanager
async def house(
    rows: Iterable[ChargePoint] = (ChargePoint("CP1"), ChargePoint("CP2")),
    admissions: Admissions | None = None,
    broker: MemoryBroker | None = None,
    gateway: str = "g1",
    large_frames: LargeFrames | None = None,
    **changes: Any,
) -> AsyncIterator[House]:
    """A running gateway; it is stopped cleanly at the end."""
    broker = broker or MemoryBroker()
    links: list[MemoryLink] = []

    def make(_: int, will: tuple[str, bytes] | None, on_state: Callable[[bool], None]) -> MemoryLink:
        links.append(MemoryLink(broker, will=will, on_state=on_state))
        return links[-1]

    running = Gateway(
        admissions or MemoryRegistry(rows), make, options(**changes), gateway=gateway, large_frames=large_frames
    )
    task = asyncio.create_task(running.run())
    await asyncio.wait([asyncio.create_task(running.listening.wait()), task], return_when=asyncio.FIRST_COMPLETED)
    await until(lambda: running.is_ready or task.done())
    here = House(running, broker, links)
    try:
        yield here
    finally:
        running.stop()
        await task
        await here.abandon()


async def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so, and fail when it takes too long."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - what is waited for belongs to others, who know no event
            await asyncio.sleep(0.005)


async def hear(socket: ClientConnection) -> list[Any]:
    """The next frame on a charge point's socket."""
    async with asyncio.timeout(PATIENCE_S):
        frame: list[Any] = orjson.loads(await socket.recv())
        return frame


async def closed(socket: ClientConnection) -> int | None:
    """The code a socket was closed with."""
    async with asyncio.timeout(PATIENCE_S):
        await socket.wait_closed()
    return socket.close_code


async def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and body of a request to a port of the loopback."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
    return int(answer.split(" ", 2)[1]), answer.partition("\r\n\r\n")[2]
