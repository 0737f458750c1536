"""PUBLISH packets of QoS 1 in a hurry: what those of one charge point have in common is encoded, and checked, once.

The codec writes it; here only packet id and payload are put in between.
"""

from collections.abc import Sequence

from mqtt5 import PublishPacket, QoS

PUBACK = 0x40

_PUBLISH_QOS_1 = 0x32


class Header:
    """Topic and properties of many publishes.

    Raises:
        ValueError: topic or properties are not legal in MQTT.
    """

    __slots__ = ("_after", "_before", "properties", "topic")  # before and after the packet id, as they are encoded

    def __init__(self, topic: str, properties: Sequence[tuple[str, str]] = ()) -> None:
        self.topic = topic
        self.properties = properties
        data = packet(topic, b"", 1, properties).write()
        begins = 1
        while data[begins] >= 0x80:
            begins += 1
        ends = begins + 1 + 2 + len(topic.encode())
        self._before, self._after = data[begins + 1 : ends], data[ends + 2 :]

    def publish(self, payload: bytes, packet_id: int) -> bytes:
        """The packet."""
        before, after = self._before, self._after
        size = len(before) + 2 + len(after) + len(payload)
        return b"".join((_fixed_header(size), before, packet_id.to_bytes(2), after, payload))


def packet(
    topic: str, payload: bytes, packet_id: int, properties: Sequence[tuple[str, str]], expires_in_s: int | None = None
) -> PublishPacket:
    """The same as the codec's, which can expire."""
    return PublishPacket(
        topic,
        payload,
        qos=QoS.AT_LEAST_ONCE,
        packet_id=packet_id,
        message_expiry_interval=expires_in_s,
        user_properties=list(properties),
    )


def puback(packet_id: int) -> bytes:
    """The acknowledgement that all is well."""
    return bytes((PUBACK, 2)) + packet_id.to_bytes(2)


def _fixed_header(size: int) -> bytes:
    if size < 128:
        return bytes((_PUBLISH_QOS_1, size))
    octets = [_PUBLISH_QOS_1]
    while size >= 128:
        octets.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*octets, size))
