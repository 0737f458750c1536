"""Charge points that share no code with ours: the `ocpp` package's own ChargePoint on `websockets`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import ocpp.v16
import ocpp.v201
from ocpp.routing import on
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol


class _Obedient:
    """Accepts what it is told and remembers it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._told: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def told(self) -> tuple[str, dict[str, Any]]:
        """The next command: its action and payload (snake_case, as the package hands them over)."""
        async with asyncio.timeout(45):
            return await self._told.get()

    def accept(self, action: str, payload: dict[str, Any], results: Any) -> Any:
        self._told.put_nowait((action, payload))
        return getattr(results, action)(status="Accepted")


class ChargePoint16(_Obedient, ocpp.v16.ChargePoint):  # type: ignore[misc]
    @on("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    async def remote_start(self, **payload: Any) -> Any:
        return self.accept("RemoteStartTransaction", payload, ocpp.v16.call_result)

    @on("RemoteStopTransaction")  # type: ignore[untyped-decorator]
    async def remote_stop(self, **payload: Any) -> Any:
        return self.accept("RemoteStopTransaction", payload, ocpp.v16.call_result)


class ChargePoint201(_Obedient, ocpp.v201.ChargePoint):  # type: ignore[misc]
    @on("RequestStartTransaction")  # type: ignore[untyped-decorator]
    async def remote_start(self, **payload: Any) -> Any:
        return self.accept("RequestStartTransaction", payload, ocpp.v201.call_result)

    @on("RequestStopTransaction")  # type: ignore[untyped-decorator]
    async def remote_stop(self, **payload: Any) -> Any:
        return self.accept("RequestStopTransaction", payload, ocpp.v201.call_result)


_SUBPROTOCOLS = {ChargePoint16: "ocpp1.6", ChargePoint201: "ocpp2.0.1"}


@asynccontextmanager
async def connected(kind: Any, url: str, identity: str) -> AsyncIterator[Any]:
    """A charge point of that kind on its own socket, listening until the block ends."""
    subprotocol = next(name for base, name in _SUBPROTOCOLS.items() if issubclass(kind, base))
    async with connect(f"{url}/{identity}", subprotocols=[Subprotocol(subprotocol)]) as socket:
        charge_point = kind(identity, socket)
        listening = asyncio.create_task(charge_point.start(), name=f"{identity} listens")
        try:
            yield charge_point
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError, ConnectionClosed):
                await listening
