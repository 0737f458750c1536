import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt5 import PubAckPacket, read

from adapters import mqtt_publish

words = st.text(st.characters(codec="utf-8", exclude_characters="\0+#"), min_size=1, max_size=20)
sizes = [0, 90, 95, 100, 16_300, 16_345, 16_350, 16_384, 70_000]


@given(
    words, st.binary() | st.sampled_from(sizes).map(bytes), st.integers(1, 65_535), st.lists(st.tuples(words, words))
)
def test_a_packet_is_the_one_the_codec_writes(
    topic: str, payload: bytes, packet_id: int, properties: list[tuple[str, str]]
) -> None:
    written = mqtt_publish.publish(topic, payload, packet_id, properties)

    assert written == mqtt_publish.packet(topic, payload, packet_id, properties).write()


def test_another_charge_point_is_not_taken_for_the_one_before() -> None:
    packets = [mqtt_publish.publish(topic, b"", 1, [("epoch", epoch)]) for topic in "ab" for epoch in "12"]

    assert len(set(packets)) == 4


def test_a_topic_too_long_for_mqtt_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        mqtt_publish.publish("x" * 70_000, b"", 1, [])


def test_an_acknowledgement_is_the_one_the_codec_writes() -> None:
    packet, _ = read(memoryview(mqtt_publish.puback(517)))

    assert isinstance(packet, PubAckPacket)
    assert packet.packet_id == 517
    assert mqtt_publish.puback(517) == PubAckPacket(517).write()


def test_what_an_older_connection_of_a_charge_point_left_is_replaced() -> None:
    before = len(mqtt_publish._known)

    for epoch in range(100):
        mqtt_publish.publish("CP-again/in", b"x", 1, [("epoch", str(epoch))])

    assert len(mqtt_publish._known) <= before + 1
    assert b"99" in mqtt_publish.publish("CP-again/in", b"x", 1, [("epoch", "99")])
