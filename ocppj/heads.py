"""The short way to read a frame that breaks no rule, without an object made of it.

Most frames are a CALL or a CALLRESULT with nothing wrong about them. Whatever else there is gets None here, and then
`frames.decode` says what it is, or which rule it breaks: what is read here, `decode` reads the same.
"""

import orjson

from ocppj.frames import CALL, CALL_RESULT, MAX_MESSAGE_ID, Payload

# orjson reads 1,024 levels; how deep is too deep is for `decode` to say. A text of few brackets is not deep.
_MAY_BE_DEEP = 400
_MANY_BRACKETS = 200

Head = tuple[int, str, str, Payload]  # message type, message id, the action of a CALL ("" of a CALLRESULT), payload


def read(text: bytes) -> Head | None:
    """The head of a CALL or CALLRESULT; None if `frames.decode` has to look at it."""
    if len(text) > _MAY_BE_DEEP and text.count(b"[") + text.count(b"{") > _MANY_BRACKETS:
        return None
    try:
        array = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if type(array) is not list:
        return None
    if len(array) == 4:
        kind, message_id, action, payload = array
        is_plain = kind == CALL and type(action) is str
    elif len(array) == 3:
        kind, message_id, payload = array
        is_plain, action = kind == CALL_RESULT, ""
    else:
        return None
    # 2.0 equals 2, and is no message type.
    if is_plain and type(kind) is int and type(payload) is dict and type(message_id) is str:
        return (kind, message_id, action, payload) if 0 < len(message_id) <= MAX_MESSAGE_ID else None
    return None
