"""Frames: what is read, what is refused, and with which code (conformance B.1 and B.3)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppj.errors import OcppError
from ocppj.frames import Call, CallError, CallResult, CallResultError, Frame, Send, decode, encode, of_json
from ocppj.versions import V16, V21, V201, Version

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
message_ids = st.text(min_size=1, max_size=36)
payloads = st.dictionaries(st.text(), json_values, max_size=5)
texts = st.text(max_size=50)
any_frame = st.one_of(
    st.builds(Call, message_ids, texts, payloads),
    st.builds(CallResult, message_ids, payloads),
    st.builds(CallError, message_ids, texts, texts, payloads),
    st.builds(CallResultError, message_ids, texts, texts, payloads),
    st.builds(Send, message_ids, texts, payloads),
)


@given(any_frame)
def test_what_is_encoded_is_decoded_to_the_same_frame(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_our_own_errors(data: bytes) -> None:
    try:
        decode(data)
    except OcppError as error:
        assert all(error.defect.code(version) for version in (V16, V201, V21))


@given(st.lists(json_values, max_size=7) | json_values)
def test_arbitrary_json_raises_nothing_but_our_own_errors(value: Any) -> None:
    try:
        frame = decode(json.dumps(value))
    except OcppError as error:
        assert error.description
    else:
        assert decode(encode(frame)) == frame


def test_the_text_is_compact() -> None:
    assert encode(Call("1", "Heartbeat")) == '[2,"1","Heartbeat",{}]'
    assert encode(CallError("1", "InternalError")) == '[4,"1","InternalError","",{}]'


def test_b01_names_outside_ascii_are_kept_as_utf8() -> None:
    frame = decode('[2,"1","BootNotification",{"chargePointVendor":"Zürich"}]'.encode())

    assert isinstance(frame, Call)
    assert frame.payload["chargePointVendor"] == "Zürich"
    assert "Zürich" in encode(frame)


def test_b15_a_null_payload_is_an_empty_one() -> None:
    assert decode('[2,"1","Heartbeat",null]') == Call("1", "Heartbeat", {})


def test_b12_an_error_without_description_and_details_is_still_an_error() -> None:
    assert decode('[4,"1","FormatViolation"]') == CallError("1", "FormatViolation", "", {})
    assert decode('[4,"1","FormatViolation",null,null]') == CallError("1", "FormatViolation", "", {})


def test_a_frame_parsed_by_the_queue_is_read_like_a_text() -> None:
    assert of_json([3, "1", {"status": "Accepted"}]) == decode('[3,"1",{"status":"Accepted"}]')


DEFECTS = [
    # row, text, answered id, code in 1.6, code in 2.0.1
    ("e1", "{", "-1", "FormationViolation", "RpcFrameworkError"),
    ("e1_bytes", b"\xff\xfe", "-1", "FormationViolation", "RpcFrameworkError"),
    ("e1_nan", '[2,"1","Heartbeat",{"a":NaN}]', "-1", "FormationViolation", "RpcFrameworkError"),
    ("e1_deep", "[" * 100_000, "-1", "FormationViolation", "RpcFrameworkError"),
    ("e2_object", "{}", "-1", "FormationViolation", "RpcFrameworkError"),
    ("e2_empty", "[]", "-1", "FormationViolation", "RpcFrameworkError"),
    ("e2_word", '["2","1","Heartbeat",{}]', "-1", "FormationViolation", "RpcFrameworkError"),
    ("e2_bool", '[true,"1","Heartbeat",{}]', "-1", "FormationViolation", "RpcFrameworkError"),
    ("e3_short", '[2,"1","Heartbeat"]', "1", "ProtocolError", "RpcFrameworkError"),
    ("e3_long", '[2,"1","Heartbeat",{},{}]', "1", "ProtocolError", "RpcFrameworkError"),
    ("e4_missing", "[2]", "-1", "FormationViolation", "RpcFrameworkError"),
    ("e4_number", '[2,1,"Heartbeat",{}]', "-1", "FormationViolation", "RpcFrameworkError"),
    ("e4_empty", '[2,"","Heartbeat",{}]', "-1", "FormationViolation", "RpcFrameworkError"),
    ("e6", '[2,"1",7,{}]', "1", "FormationViolation", "RpcFrameworkError"),
    ("e7_array", '[2,"1","Heartbeat",[]]', "1", "FormationViolation", "FormatViolation"),
    ("e7_word", '[2,"1","Heartbeat","x"]', "1", "FormationViolation", "FormatViolation"),
    ("e8", '[7,"1","Heartbeat",{}]', "1", "ProtocolError", "MessageTypeNotSupported"),
]


@pytest.mark.parametrize(("row", "text", "message_id", "code_16", "code_201"), DEFECTS, ids=[row[0] for row in DEFECTS])
def test_a_broken_call_is_refused_with_its_row_of_b3(
    row: str, text: str | bytes, message_id: str, code_16: str, code_201: str
) -> None:
    with pytest.raises(OcppError) as raised:
        decode(text)

    assert raised.value.message_id == message_id  # type: ignore[attr-defined]
    assert raised.value.answerable  # type: ignore[attr-defined]
    assert (raised.value.defect.code(V16), raised.value.defect.code(V201)) == (code_16, code_201)
    assert raised.value.defect.code(V21) == code_201


@pytest.mark.parametrize(("version", "answered_id"), [(V16, "x" * 37), (V201, "-1"), (V21, "-1")])
def test_e5_an_id_over_36_characters_is_echoed_in_1_6_only(version: Version, answered_id: str) -> None:
    with pytest.raises(OcppError) as raised:
        decode(json.dumps([2, "x" * 37, "Heartbeat", {}]))

    assert raised.value.answer_id(version) == answered_id  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text", ['[3,"1"]', '[3,"1",[]]', '[4,"1"]', '[4,"1",5,"",{}]', '[6,"1","X",[]]', "[3]", '[4,"",""]']
)
def test_b10_a_broken_answer_is_never_answered(text: str) -> None:
    with pytest.raises(OcppError) as raised:
        decode(text)

    assert not raised.value.answerable  # type: ignore[attr-defined]
