from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppj import heads
from ocppj.errors import FrameError
from ocppj.frames import Call, CallResult, decode

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=40)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
payloads = st.dictionaries(st.text(max_size=3), values, max_size=3)
kinds = st.sampled_from([2, 3, 2, 3, 4, 5, 6, 7, 2.0, "2", True, None])
likely = st.tuples(kinds, st.text(max_size=38), st.text(max_size=3), payloads | values).map(list)
shorter = st.tuples(kinds, st.text(max_size=38), payloads | values).map(list)


@given(st.binary(max_size=60) | (likely | shorter | values).map(orjson.dumps))
def test_a_head_that_can_be_read_is_that_of_the_frame(text: bytes) -> None:
    head = heads.read(text)

    if head is not None:
        frame = decode(text)
        assert isinstance(frame, Call | CallResult)
        action = frame.action if isinstance(frame, Call) else ""
        assert head == (2 if isinstance(frame, Call) else 3, frame.message_id, action, frame.payload)


@given(likely | shorter)
def test_every_call_and_result_with_a_payload_has_a_head(array: list[Any]) -> None:
    text = orjson.dumps(array)

    try:
        frame = decode(text)
    except FrameError:
        frame = None

    if isinstance(frame, Call | CallResult) and isinstance(array[-1], dict):
        assert heads.read(text) is not None


@pytest.mark.parametrize(
    "text", [b"[" * 300, b'[2,"1","Heartbeat",{"a":' + b"[" * 300 + b"]" * 300 + b"}]" + b" " * 400]
)
def test_what_may_be_too_deep_is_left_to_decode(text: bytes) -> None:
    head = heads.read(text)

    assert head is None
