"""Builders: the few shapes every test needs, with everything but the point filled in."""

from typing import Any

from ocppj.frames import Call


def call(action: str, message_id: str = "m-1", **payload: Any) -> Call:
    """A CALL with this payload."""
    return Call(message_id, action, payload)
