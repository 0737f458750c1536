import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt5 import PubAckPacket, read

from adapters import mqtt_publish
from adapters.mqtt_publish import Header

words = st.text(st.characters(codec="utf-8", exclude_characters="\0+#"), min_size=1, max_size=20)
sizes = [0, 90, 95, 100, 16_300, 16_345, 16_350, 16_384, 70_000, 2_097_152]


@given(
    words, st.binary() | st.sampled_from(sizes).map(bytes), st.integers(1, 65_535), st.lists(st.tuples(words, words))
)
def test_a_packet_is_the_one_the_codec_writes(
    topic: str, payload: bytes, packet_id: int, properties: list[tuple[str, str]]
) -> None:
    written = Header(topic, properties).publish(payload, packet_id)

    assert written == mqtt_publish.packet(topic, payload, packet_id, properties).write()


def test_a_topic_too_long_for_mqtt_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        Header("x" * 70_000)


def test_an_acknowledgement_is_the_one_the_codec_writes() -> None:
    packet, _ = read(memoryview(mqtt_publish.puback(517)))

    assert isinstance(packet, PubAckPacket)
    assert packet.packet_id == 517
    assert mqtt_publish.puback(517) == PubAckPacket(517).write()
