"""Who a WebSocket speaks to inside the house: its host until it is open, its peer from then on."""

from typing import TYPE_CHECKING, Protocol

from gateway.plain_request import Asked
from gateway.refusals import Refusal
from gateway.turn import Turn

if TYPE_CHECKING:
    from gateway.websocket import WebSocket


class Peer(Protocol):
    """Who sits behind an open WebSocket."""

    def on_text(self, text: bytes) -> None:
        """A whole message, valid UTF-8."""

    def on_offence(self, why: str) -> None:
        """It can't be served any more and is to be ended: "flooding" (sends too much) or "slow_reader"."""

    def on_end(self, code: int, reason: str) -> None:
        """The end, told once: as soon as a close begins or the connection is lost."""


class Host(Protocol):
    """Who decides about requests; `turn` is where all its WebSockets write."""

    turn: Turn

    def on_request(self, websocket: "WebSocket", asked: Asked) -> None:
        """Answer with `accept` or `refuse`, now or later; with `respond` if there is an `objection`."""

    def on_nonsense(self, websocket: "WebSocket", refusal: Refusal, path: str) -> None:
        """What came is no request, and was answered so; `path` is what could be read of it."""

    def on_made(self, websocket: "WebSocket") -> None:
        """Somebody connected; nothing is known of them yet."""

    def on_lost(self, websocket: "WebSocket") -> None:
        """The TCP connection is gone, whatever it was."""


class Nobody:
    """Sits where the peer sat once the end has been told."""

    __slots__ = ()

    def on_text(self, text: bytes) -> None:
        pass

    def on_offence(self, why: str) -> None:
        pass

    def on_end(self, code: int, reason: str) -> None:
        pass
