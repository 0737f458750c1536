"""PUBLISH packets of QoS 1 in a hurry: what two of the same charge point have in common is encoded, and checked, once.

The codec writes it; here only packet id and payload are put in between.
"""

from collections.abc import Sequence

from mqtt5 import PublishPacket, QoS

PUBACK = 0x40

_PUBLISH_QOS_1 = 0x32
_REMEMBERED = 20_000  # topics, so charge points; about a KiB each
_LONG = 16_384  # remaining lengths from here on take 3 bytes and more

Properties = tuple[tuple[str, str], ...]

# By topic: a charge point that connects again replaces what its last connection left here.
_known: dict[str, tuple[Properties, tuple[bytes, bytes]]] = {}


def publish(topic: str, payload: bytes, packet_id: int, properties: Sequence[tuple[str, str]]) -> bytes:
    """The packet.

    Raises:
        ValueError: topic or properties are not legal in MQTT.
    """
    known = _known.get(topic)
    # Nearly always the same object: a connection has one tuple for all its frames.
    if known is None or (known[0] is not properties and known[0] != properties):
        known = _remember(topic, tuple(properties))
    before, after = known[1]
    size = len(before) + 2 + len(after) + len(payload)
    if size < 128:
        head = bytes((_PUBLISH_QOS_1, size))
    elif size < _LONG:
        head = bytes((_PUBLISH_QOS_1, size & 0x7F | 0x80, size >> 7))
    else:
        return packet(topic, payload, packet_id, properties).write()
    return b"".join((head, before, packet_id.to_bytes(2), after, payload))


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


def _remember(topic: str, properties: Properties) -> tuple[Properties, tuple[bytes, bytes]]:
    around = _encoded(topic, properties)
    if len(_known) >= _REMEMBERED:
        del _known[next(iter(_known))]
    _known[topic] = properties, around
    return _known[topic]


def _encoded(topic: str, properties: Properties) -> tuple[bytes, bytes]:
    # Topic and properties, as they stand before and after the packet id.
    data = packet(topic, b"", 1, properties).write()
    begins = 1
    while data[begins] >= 0x80:
        begins += 1
    ends = begins + 1 + 2 + len(topic.encode())
    return data[begins + 1 : ends], data[ends + 2 :]
