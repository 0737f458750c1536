"""Publishes of QoS 1 on their way: in flight, or waiting for room in the window. No socket, no loop.

Rules:
- A message is encoded once, when it is put, and has its packet id from then on: what can't be encoded or is too large
  is refused to whoever publishes it, and sending it again costs nothing.
- Messages leave in the order they were put. After a lost connection everything unacknowledged leaves again, in that
  order, ahead of what was put later. The session is new (clean start), so these are new publishes without DUP
  (MQTT 5 §3.3.1.1, §4.4): a broker that had got the first one delivers twice, which at-least-once allows.
- In flight are at most as many as the broker's Receive Maximum (§4.9) and our own window.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

import structlog
from mqtt5 import PublishPacket

from adapters import mqtt_publish
from adapters.mqtt_publish import Header
from adapters.mqtt_settings import MAX_PUBLISH_ID
from domain.ports import PacketTooLargeError

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Outgoing:
    """An encoded PUBLISH; `packet` and `expires_at` only if it expires."""

    data: bytes
    acknowledged: Callable[[], None] | None
    is_in_flight: bool = False
    packet: PublishPacket | None = None
    expires_at: float = 0.0


class Outbox:
    """Bounded in messages and bytes; what is not acknowledged yet counts, in flight or not."""

    def __init__(self, max_messages: int, max_bytes: int, max_packet_size: int, clock: Callable[[], float]) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._clock = clock
        self._messages: dict[int, Outgoing] = {}
        self._unsent: deque[int] = deque()
        self._bytes = 0
        self._last_id = 0
        self._room = 0  # how many more may be in flight; none while there is no connection
        self._send: Callable[[bytes], None] | None = None
        self.max_packet_size = max_packet_size

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def is_waiting(self) -> bool:
        """Whether messages wait for room in the window, or for a connection."""
        return bool(self._unsent)

    def put(
        self,
        header: Header,
        payload: bytes,
        acknowledged: Callable[[], None] | None = None,
        expires_in_s: int | None = None,
    ) -> bool:
        """Take a message to send; False if there is no room.

        Raises:
            PacketTooLargeError: the broker would not take it.
        """
        if len(self._messages) >= self._max_messages or self._bytes + len(payload) > self._max_bytes:
            return False
        if len(payload) > self.max_packet_size:
            raise PacketTooLargeError(f"{header.topic}: {len(payload)} bytes, the broker takes {self.max_packet_size}")
        packet_id = self._last_id % MAX_PUBLISH_ID + 1
        while packet_id in self._messages:
            packet_id = packet_id % MAX_PUBLISH_ID + 1
        self._last_id = packet_id
        packet = None
        if expires_in_s is None:
            data = header.publish(payload, packet_id)
        else:
            packet = mqtt_publish.packet(header.topic, payload, packet_id, header.properties, expires_in_s)
            data = packet.write()
        if len(data) > self.max_packet_size:
            raise PacketTooLargeError(f"{header.topic}: {len(data)} bytes, the broker takes {self.max_packet_size}")
        message = Outgoing(data, acknowledged)
        if expires_in_s is not None:
            message.packet, message.expires_at = packet, self._clock() + expires_in_s
        self._messages[packet_id] = message
        self._bytes += len(data)
        if self._send is not None and self._room > 0 and not self._unsent:
            self._room -= 1
            message.is_in_flight = True
            self._send(data)
        else:
            self._unsent.append(packet_id)
        return True

    def take(self) -> bytes | None:
        """The next packet to write now, if there is one and the window has room."""
        while self._room > 0 and self._unsent:
            packet_id = self._unsent.popleft()
            message = self._messages[packet_id]
            data = message.data if message.packet is None else self._still_valid(message, message.packet)
            # Too large only if the broker became stricter since: it would end the connection, again and again.
            if data is not None and len(data) <= self.max_packet_size:
                self._room -= 1
                message.is_in_flight = True
                return data
            del self._messages[packet_id]
            self._bytes -= len(message.data)
            log.warning("publish dropped", reason="too large" if data else "expired", bytes=len(message.data))
        return None

    def settle(self, packet_id: int) -> Outgoing | None:
        """Forget a message in flight because the broker answered for good; None if there is no such message."""
        message = self._messages.get(packet_id)
        if message is None or not message.is_in_flight:
            return None
        self._room += 1
        del self._messages[packet_id]
        self._bytes -= len(message.data)
        return message

    def put_back(self, packet_id: int) -> None:
        """Send a message in flight again, before all that wait."""
        message = self._messages.get(packet_id)
        if message is not None and message.is_in_flight:
            self._room += 1
            # Another object, so that `oldest` doesn't take the next try for the same one, in the same place.
            self._messages[packet_id] = replace(message, is_in_flight=False)
            self._unsent.appendleft(packet_id)

    def connected(self, window: int, max_packet_size: int, send: Callable[[bytes], None] | None = None) -> None:
        """A new session begins: everything may leave; with `send`, what has nothing to wait for leaves as it is put."""
        self._room = window
        self._send = send
        self.max_packet_size = max_packet_size
        self._unsent = deque(self._messages)
        for message in self._messages.values():
            message.is_in_flight = False

    def disconnected(self) -> None:
        """Nothing may leave until the next session."""
        self._room = 0

    def oldest(self) -> Outgoing | None:
        """The message in flight that has waited longest for its acknowledgement."""
        return next((message for message in self._messages.values() if message.is_in_flight), None)

    def _still_valid(self, message: Outgoing, packet: PublishPacket) -> bytes | None:
        # The broker counts from when it gets the message, so the time spent here is taken off.
        left_s = ceil(message.expires_at - self._clock())
        if left_s <= 0:
            return None
        return mqtt_publish.packet(
            packet.topic, packet.payload, packet.packet_id or 0, packet.user_properties, left_s
        ).write()
