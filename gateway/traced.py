"""A session whose frames are traced: each CALL begins a trace, each answer goes on with that of what it answers.

A frame in is a span, from the socket to the link, and one out, from the link to the socket.

A class of its own, so that frames that nobody traces cost nothing.
"""

import random
from collections import OrderedDict
from typing import Any

from domain import tracing
from domain.ports import Message
from domain.tracing import Kind
from gateway.connection import Session
from ocppj import frames
from ocppj.errors import FrameError
from ocppj.frames import Call, Frame, Send
from ocppj.terms import Handover

REMEMBERED = 100  # commands without an answer


class TracedSession(Session):
    """Traces a `share` of the CALLs, 0 to 1, and every command that comes with a trace."""

    __slots__ = ("_asked", "_share")

    def __init__(self, *args: Any, share: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._share = share
        self._asked: OrderedDict[str, str] = OrderedDict()

    def to_cloud(self, frame: bytes) -> Handover:
        """Hand a frame over to the broker, with its trace."""
        read = _read(frame)
        traceparent, parent = self._trace_of(read)
        if not traceparent:
            return super().to_cloud(frame)
        plain = self._properties, self._send
        self._properties = (*self._properties, (tracing.PROPERTY, traceparent))
        self._send = self.place.link.sender(self._topic, self._properties)
        try:
            with tracing.spanning(f"receive {_name(read)}", Kind.SERVER, traceparent, parent, **self._attributes(read)):
                handed = super().to_cloud(frame)
        finally:
            self._properties, self._send = plain
        self._tell("from charge point", read, traceparent, handed=handed.name.lower())
        return handed

    def on_message(self, message: Message) -> None:
        """A message of the cloud, maybe with a trace."""
        parent = message.properties.get(tracing.PROPERTY, "")
        if not tracing.trace_id(parent):
            super().on_message(message)
            return
        read, traceparent = _read(message.payload), tracing.child(parent)
        self._tell("to charge point", read, traceparent)
        if isinstance(read, Call):
            self._asked[read.message_id] = traceparent
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
        with tracing.spanning(f"send {_name(read)}", Kind.CONSUMER, traceparent, parent, **self._attributes(read)):
            super().on_message(message)

    def _trace_of(self, frame: Frame | None) -> tuple[str, str]:
        """The span of its own that a frame has, and its parent; nothing of what is not traced."""
        if isinstance(frame, Call | Send):
            return (tracing.new() if random.random() < self._share else ""), ""  # noqa: S311 - a sample, no secret
        asked = self._asked.pop(frame.message_id, "") if frame is not None else ""
        return (tracing.child(asked), asked) if asked else ("", "")

    def _attributes(self, frame: Frame | None) -> dict[str, str]:
        return {"charge_point_id": self.charge_point_id, "message_id": frame.message_id if frame else ""}

    def _tell(self, what: str, frame: Frame | None, traceparent: str, **more: str) -> None:
        told = {"kind": type(frame).__name__, "action": getattr(frame, "action", None)} if frame is not None else {}
        message_id = frame.message_id if frame is not None else None
        trace_id = tracing.trace_id(traceparent)
        self.log.info("traced", step=what, trace_id=trace_id, message_id=message_id, **told, **more)


def _name(frame: Frame | None) -> str:
    return getattr(frame, "action", type(frame).__name__)


def _read(text: bytes) -> Frame | None:
    try:
        return frames.decode(text)
    except FrameError:
        return None  # who sent it hears that elsewhere
