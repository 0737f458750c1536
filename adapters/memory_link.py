"""The link without a network: a broker in memory and links to it, for tests and for trying things out.

A test is "the cloud": it subscribes to and publishes on the `MemoryBroker`, and cuts and restores links.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.ports import Message, PacketTooLargeError, Sender


class MemoryBroker:
    """Hands every message to everybody who subscribed, one turn of the event loop later, in order."""

    def __init__(self, max_packet_size: int | None = None) -> None:
        self.max_packet_size = max_packet_size
        self.messages: list[Message] = []
        self.links: list[MemoryLink] = []
        self.is_running = True
        self._subscribers: list[tuple[list[str], Callable[[Message], None]]] = []

    def publish(self, topic: str, payload: bytes, properties: Sequence[tuple[str, str]] = ()) -> None:
        """Publish as the cloud (or for a link); `messages` keeps everything ever published."""
        message = Message(topic, payload, dict(properties))
        self.messages.append(message)
        asyncio.get_running_loop().call_soon(self._deliver, message)

    def subscribe(self, topic_filter: str, on_message: Callable[[Message], None]) -> None:
        """Subscribe as the cloud; `+` and `#` mean what they mean in MQTT."""
        self._subscribers.append((topic_filter.split("/"), on_message))

    def stop(self) -> None:
        """Die: every link loses its connection, nobody is left to publish last wills."""
        self.is_running = False
        for link in self.links:
            link.lose()

    def start(self) -> None:
        """Come back; the links that are running connect again."""
        self.is_running = True
        for link in self.links:
            link.restore()

    def payloads(self, topic: str) -> list[bytes]:
        """What was published on a topic until now."""
        return [message.payload for message in self.messages if message.topic == topic]

    def _deliver(self, message: Message) -> None:
        levels = message.topic.split("/")
        for topic_filter, on_message in list(self._subscribers):
            if _matches(topic_filter, levels):
                on_message(message)
        for link in list(self.links):
            link.deliver(message)


def _matches(topic_filter: list[str], levels: list[str]) -> bool:
    if topic_filter[-1] == "#":
        topic_filter = topic_filter[:-1]
        levels = levels[: len(topic_filter)]
    return len(topic_filter) == len(levels) and all(
        wanted in ("+", level) for wanted, level in zip(topic_filter, levels, strict=True)
    )


@dataclass(slots=True)
class _Subscription:
    on_message: Callable[[Message], None]
    subscribed: Callable[[], None] | None


@dataclass(frozen=True, slots=True)
class _Outgoing:
    topic: str
    payload: bytes
    properties: tuple[tuple[str, str], ...]
    acknowledged: Callable[[], None] | None


class MemoryLink:
    """A `domain.ports.Link` to a `MemoryBroker`."""

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        will: tuple[str, bytes] | None = None,
        on_state: Callable[[bool], None] | None = None,
        max_messages: int = 10_000,
    ) -> None:
        self._broker = broker
        self._will = will
        self._on_state = on_state
        self._max_messages = max_messages
        self._subscriptions: dict[str, _Subscription] = {}
        self._waiting: deque[_Outgoing] = deque()
        self._unacknowledged = 0
        self._is_connected = self._is_running = self._is_cut = self._is_closing = False
        self._drained = asyncio.Event()
        self._closed = asyncio.Event()
        self._drained.set()
        broker.links.append(self)

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._is_connected

    @property
    def outstanding(self) -> int:
        """How many messages are not acknowledged yet."""
        return len(self._waiting) + self._unacknowledged

    def publish(
        self,
        topic: str,
        payload: bytes,
        properties: Sequence[tuple[str, str]] = (),
        acknowledged: Callable[[], None] | None = None,
    ) -> bool:
        """Hand a message over, or keep it until the link is up; see the port."""
        limit = self._broker.max_packet_size
        if limit is not None and (size := len(topic) + len(payload)) > limit:
            raise PacketTooLargeError(f"{topic}: {size} bytes, the broker takes {limit}")
        if self._is_closing or len(self._waiting) + self._unacknowledged >= self._max_messages:
            return False
        self._drained.clear()
        self._waiting.append(_Outgoing(topic, payload, tuple(properties), acknowledged))
        self._send()
        return True

    def sender(self, topic: str, properties: Sequence[tuple[str, str]] = ()) -> Sender:
        """A way to publish, see the port."""
        return lambda payload, acknowledged=None: self.publish(topic, payload, properties, acknowledged)

    def subscribe(
        self, topic: str, on_message: Callable[[Message], None], subscribed: Callable[[], None] | None = None
    ) -> None:
        """Subscribe to one topic; see the port."""
        self._subscriptions[topic] = _Subscription(on_message, subscribed)
        if self._is_connected:
            self._confirm(topic)

    def unsubscribe(self, topic: str) -> None:
        """Stop; see the port."""
        self._subscriptions.pop(topic, None)

    async def run(self) -> None:
        """Be connected, except while cut, until `close`."""
        self._is_running = True
        self._connect()
        try:
            await self._closed.wait()
        finally:
            self._is_running = False
            self.lose()

    async def close(self, flush_s: float) -> None:
        """Let what waits be acknowledged, then leave without a last will."""
        self._is_closing = True
        try:
            async with asyncio.timeout(0 if self._closed.is_set() else flush_s):
                await self._drained.wait()
        except TimeoutError:
            pass  # what the broker did not take in this time is lost, as the caller decided
        self._closed.set()
        self.lose()
        if self in self._broker.links:
            self._broker.links.remove(self)

    def cut(self) -> None:
        """Lose the connection as a cable does: the broker publishes the last will. Stays down until `restore`."""
        was_connected = self._is_connected
        self.lose()
        if was_connected and self._will is not None:
            self._broker.publish(*self._will)

    def lose(self) -> None:
        """Lose the connection to a broker that died (no last will). Stays down until `restore`."""
        self._is_cut = True
        if self._is_connected:
            self._is_connected = False
            self._tell()

    def restore(self) -> None:
        """Let the link connect again: it subscribes again and sends what waited."""
        self._is_cut = False
        self._connect()

    def deliver(self, message: Message) -> None:
        """Take a message from the broker."""
        subscription = self._subscriptions.get(message.topic)
        if subscription is not None and self._is_connected:
            subscription.on_message(message)

    def _connect(self) -> None:
        if self._is_connected or self._is_cut or not self._is_running or not self._broker.is_running:
            return
        self._is_connected = True
        for topic in self._subscriptions:
            self._confirm(topic)
        self._tell()
        self._send()

    def _tell(self) -> None:
        if self._on_state is not None:
            self._on_state(self._is_connected)

    def _confirm(self, topic: str) -> None:
        subscription = self._subscriptions[topic]
        if subscription.subscribed is not None:
            asyncio.get_running_loop().call_soon(subscription.subscribed)
            subscription.subscribed = None

    def _send(self) -> None:
        while self._is_connected and self._waiting:
            message = self._waiting.popleft()
            self._unacknowledged += 1
            self._broker.publish(message.topic, message.payload, message.properties)
            asyncio.get_running_loop().call_soon(self._acknowledge, message)

    def _acknowledge(self, message: _Outgoing) -> None:
        self._unacknowledged -= 1
        if message.acknowledged is not None:
            message.acknowledged()
        if not self._waiting and not self._unacknowledged:
            self._drained.set()
