"""What a link is subscribed to, and the SUBSCRIBE and UNSUBSCRIBE packets that make it so. No socket, no loop."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from mqtt5 import QoS, RetainHandling, SubAckPacket, SubAckReasonCode, SubscribePacket, TopicFilter, UnsubscribePacket

from adapters.mqtt_settings import MAX_PUBLISH_ID
from domain.ports import Message

_MAX_IN_FLIGHT = 16  # packets; enough to hide the round trip, little enough not to flood a broker after a reconnect
_IDS = range(MAX_PUBLISH_ID + 1, 65_536)


@dataclass(slots=True, eq=False)
class Subscription:
    """One `subscribe`; a later one of the same topic replaces it and makes its answers meaningless."""

    topic: str
    on_message: Callable[[Message], None]
    subscribed: Callable[[], None] | None
    failures: int = 0


class Subscriptions:
    """The wanted subscriptions by topic, those still to be sent, and those not answered yet."""

    def __init__(self, filters_per_packet: int) -> None:
        self._filters_per_packet = filters_per_packet
        self.wanted: dict[str, Subscription] = {}
        self._to_subscribe: dict[str, Subscription] = {}
        self._to_unsubscribe: dict[str, None] = {}
        self._in_flight: dict[int, list[Subscription]] = {}
        self._last_id = _IDS[-1]

    def add(self, subscription: Subscription) -> None:
        """Want a topic.

        Raises:
            ValueError: it is a filter: messages are handed out by their topic.
        """
        if not subscription.topic or "+" in subscription.topic or "#" in subscription.topic:
            raise ValueError(f"{subscription.topic!r} is no topic: subscribe to one topic at a time.")
        self.wanted[subscription.topic] = subscription
        self._to_subscribe[subscription.topic] = subscription

    def remove(self, topic: str) -> None:
        """Want it no more."""
        if self.wanted.pop(topic, None) is not None:
            self._to_subscribe.pop(topic, None)
            self._to_unsubscribe[topic] = None

    def again(self, subscription: Subscription) -> None:
        """Ask for it again, unless it is not wanted any more."""
        if self.wanted.get(subscription.topic) is subscription:
            self._to_subscribe[subscription.topic] = subscription

    def connected(self) -> None:
        """A new session knows of nothing: ask for everything."""
        self._in_flight.clear()
        self._to_unsubscribe.clear()
        self._to_subscribe = dict(self.wanted)

    def next_unsubscribe(self) -> bytes | None:
        """The next UNSUBSCRIBE. They go first, so that leaving and coming back ends with being subscribed."""
        if not self._to_unsubscribe or len(self._in_flight) >= _MAX_IN_FLIGHT:
            return None
        topics = list(islice(self._to_unsubscribe, self._filters_per_packet))
        for topic in topics:
            del self._to_unsubscribe[topic]
        return UnsubscribePacket(self._new_id([]), topics).write()

    def due(self) -> int:
        """How many filters the next SUBSCRIBE would have; 0 if there is none to send now."""
        if len(self._in_flight) >= _MAX_IN_FLIGHT:
            return 0
        return min(len(self._to_subscribe), self._filters_per_packet)

    def next_subscribe(self) -> bytes:
        """The next SUBSCRIBE, if `due`."""
        batch = list(islice(self._to_subscribe.values(), self._filters_per_packet))
        for subscription in batch:
            del self._to_subscribe[subscription.topic]
        # Retained messages would come again with every reconnect: an old command must not.
        filters = [
            TopicFilter(subscription.topic, max_qos=QoS.AT_LEAST_ONCE, retain_handling=RetainHandling.SEND_NEVER)
            for subscription in batch
        ]
        return SubscribePacket(self._new_id(batch), filters).write()

    def answered(self, packet: SubAckPacket) -> list[tuple[Subscription, SubAckReasonCode]] | None:
        """The subscriptions this SUBACK answers that are still wanted, with its codes; None if it doesn't fit."""
        batch = self._in_flight.pop(packet.packet_id, None)
        if batch is None or len(batch) != len(packet.reason_codes):
            return None
        pairs = zip(batch, packet.reason_codes, strict=True)
        return [(one, code) for one, code in pairs if self.wanted.get(one.topic) is one]

    def forget(self, packet_id: int) -> None:
        """An UNSUBSCRIBE was answered."""
        self._in_flight.pop(packet_id, None)

    def oldest(self) -> object:
        """What has waited longest for its answer, or None."""
        return next(iter(self._in_flight.values()), None)

    def _new_id(self, batch: list[Subscription]) -> int:
        packet_id = self._last_id
        while packet_id == self._last_id or packet_id in self._in_flight:
            packet_id = packet_id + 1 if packet_id < _IDS[-1] else _IDS[0]
        self._in_flight[packet_id] = batch
        self._last_id = packet_id
        return packet_id
