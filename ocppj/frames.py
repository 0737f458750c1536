"""OCPP-J frames: reading and writing the JSON arrays on the wire (J16 §4.2, P4 §4.2, J21 §4.2)."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from ocppj.errors import NO_MESSAGE_ID, Defect, FrameError

CALL, CALL_RESULT, CALL_ERROR, CALL_RESULT_ERROR, SEND = 2, 3, 4, 5, 6
MAX_MESSAGE_ID = 36

_MAY_BE_DEEP = 400  # a text of so many levels has twice as many brackets

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A request: `[2, id, action, payload]`."""

    message_id: str
    action: str
    payload: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to a CALL: `[3, id, payload]`."""

    message_id: str
    payload: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallError:
    """The refusal of a CALL: `[4, id, code, description, details]`."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallResultError:
    """2.1 only: the answer to a CALLRESULT that could not be processed, `[5, id, code, description, details]`."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Send:
    """2.1 only: an unconfirmed message, `[6, id, action, payload]`; never answered."""

    message_id: str
    action: str
    payload: Payload = field(default_factory=dict)


Frame = Call | CallResult | CallError | CallResultError | Send
Answer = CallResult | CallError


def decode(text: str | bytes) -> Frame:
    """Read one frame of any version.

    A `null` payload is read as `{}` (J16 table 4); a CALLERROR with its last members left out is completed.

    Raises:
        FrameError: it is no frame; says which row of conformance B.3 it breaks and whether to answer.
    """
    try:
        array = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FrameError(Defect.NOT_JSON, f"not JSON: {error.msg}") from error
    if len(text) > _MAY_BE_DEEP:
        _check_depth(array)
    return of_json(array)


def of_json(array: Any) -> Frame:
    """Read a frame whose JSON is parsed already, as it arrives in a queue record.

    Raises:
        FrameError: as `decode`.
    """
    if not isinstance(array, list) or not array or type(array[0]) is not int:
        raise FrameError(Defect.NOT_A_FRAME, "a frame is an array that begins with its message type number")
    kind = array[0]
    read = _READERS.get(kind)
    if read is None:
        raise FrameError(Defect.UNKNOWN_MESSAGE_TYPE, f"unknown message type {kind}", _readable_id(array))
    # Only a CALL may be answered (J16 §4.2.3); and a SEND never is (J21 §4.2.4).
    answerable = kind == CALL
    if len(array) < 2 or not isinstance(array[1], str) or not array[1]:
        raise FrameError(Defect.NO_MESSAGE_ID, "the message id must be a string", answerable=answerable)
    if len(array[1]) > MAX_MESSAGE_ID:
        raise FrameError(
            Defect.LONG_MESSAGE_ID,
            f"the message id is longer than {MAX_MESSAGE_ID} characters",
            array[1],
            answerable=answerable,
        )
    return read(array)


def encode(frame: Frame) -> str:
    """The compact JSON text of a frame."""
    return orjson.dumps(as_json(frame)).decode()


def as_json(frame: Frame) -> list[Any]:
    """The JSON array of a frame."""
    match frame:
        case Call():
            return [CALL, frame.message_id, frame.action, frame.payload]
        case CallResult():
            return [CALL_RESULT, frame.message_id, frame.payload]
        case CallError():
            return [CALL_ERROR, frame.message_id, frame.code, frame.description, frame.details]
        case CallResultError():
            return [CALL_RESULT_ERROR, frame.message_id, frame.code, frame.description, frame.details]
        case Send():
            return [SEND, frame.message_id, frame.action, frame.payload]


def _check_depth(array: Any) -> None:
    # orjson reads 1,024 levels and writes 254: what is between could be taken in, but never stored or handed on.
    try:
        orjson.dumps([[[[array]]]])
    except orjson.JSONEncodeError as error:
        raise FrameError(Defect.NOT_JSON, "nested too deeply") from error


def _readable_id(array: list[Any]) -> str:
    readable = len(array) > 1 and isinstance(array[1], str) and 0 < len(array[1]) <= MAX_MESSAGE_ID
    return array[1] if readable else NO_MESSAGE_ID


def _read_request(array: list[Any]) -> Call | Send:
    kind, message_id = array[0], array[1]
    answerable = kind == CALL
    if len(array) != 4:
        raise FrameError(
            Defect.WRONG_LENGTH, f"a CALL has 4 elements, this has {len(array)}", message_id, answerable=answerable
        )
    if not isinstance(array[2], str):
        raise FrameError(Defect.ACTION_NOT_STRING, "the action must be a string", message_id, answerable=answerable)
    payload = _payload(array[3], message_id, answerable)
    return Call(message_id, array[2], payload) if answerable else Send(message_id, array[2], payload)


def _read_result(array: list[Any]) -> CallResult:
    message_id = array[1]
    if len(array) != 3:
        raise FrameError(
            Defect.WRONG_LENGTH, f"a CALLRESULT has 3 elements, this has {len(array)}", message_id, answerable=False
        )
    return CallResult(message_id, _payload(array[2], message_id, answerable=False))


def _read_error(array: list[Any]) -> CallError | CallResultError:
    kind, message_id, *rest = array
    # Chargers leave out description and details, or send null: an error that says less is still an error.
    code, description, details = (*rest, None, None, None)[:3]
    if not isinstance(code, str) or len(rest) > 3:
        raise FrameError(
            Defect.WRONG_LENGTH, "a CALLERROR has a code, a description and details", message_id, answerable=False
        )
    shape = CallError if kind == CALL_ERROR else CallResultError
    return shape(
        message_id,
        code,
        description if isinstance(description, str) else "",
        details if isinstance(details, dict) else {},
    )


def _payload(payload: Any, message_id: str, answerable: bool) -> Payload:
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise FrameError(Defect.PAYLOAD_NOT_OBJECT, "the payload must be an object", message_id, answerable=answerable)
    return payload


_READERS = {
    CALL: _read_request,
    CALL_RESULT: _read_result,
    CALL_ERROR: _read_error,
    CALL_RESULT_ERROR: _read_error,
    SEND: _read_request,
}
