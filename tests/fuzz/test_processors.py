"""Payloads nobody would write, through the processors: each CALL is answered once, and nothing is raised (B-28)."""

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from ocppj import frames
from ocppj.errors import FrameError
from ocppj.frames import Call, CallError, CallResult, Send
from ocppj.versions import VERSIONS, Version
from processors import inbox
from processors.errors import RecordError
from tests.fuzz import mutations
from tests.processors.house import EPOCH, NOW, House

CP = "CP-001"
EXAMPLES = 100

some = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
versions = st.sampled_from(VERSIONS)
randoms = st.randoms(use_true_random=False)


@some
@given(versions, st.lists(randoms, min_size=1, max_size=5))
def test_b28_whatever_passes_the_gateway_is_answered_once(version: Version, sources: list[Random]) -> None:
    house = House()
    house.register(CP, version)

    for number, random in enumerate(sources):
        text = mutations.text(random, version, f"m-{number}")
        note(f"{version}: {text!r}")
        frame = _passing(text)
        if frame is None:
            continue
        published = house.send(CP, frame)

        if isinstance(frame, Call):
            [answer] = published
            assert isinstance(answer, CallResult | CallError)
            assert answer.message_id == frame.message_id
            assert not isinstance(answer, CallError) or answer.code != "InternalError"
        else:
            assert published == []


def _passing(text: bytes) -> Call | Send | None:
    """The frame, if the gateway would hand it on."""
    try:
        frame = frames.decode(text)
        text.decode()
    except (FrameError, UnicodeDecodeError):
        return None
    return frame if isinstance(frame, Call | Send) else None


@some
@given(
    st.dictionaries(
        st.sampled_from(["chargePointId", "message", "receivedAt", "epoch", "ocpp", "event", "gateway", "at", "link"]),
        st.none() | st.integers() | st.text() | st.floats(allow_nan=False) | st.lists(st.none() | st.integers()),
    ),
    st.sampled_from(inbox.QUEUES),
)
def test_a_record_of_nobody_is_a_dead_letter_or_nothing(record: dict[str, Any], queue: str) -> None:
    house = House()
    house.register(CP, VERSIONS[0], epoch=EPOCH)

    try:
        house.process({"receivedAt": int(NOW.timestamp() * 1000)} | record, queue=queue)
    except (RecordError, ValueError, OverflowError) as error:
        note(str(error))

    assert house.outbound.published == []
