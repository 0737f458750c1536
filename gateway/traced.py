"""A session whose frames are traced: each CALL begins a trace, each answer goes on with that of what it answers.

A class of its own, so that frames that nobody traces cost nothing.
"""

import random
from collections import OrderedDict
from typing import Any

from domain import tracing
from domain.ports import Message
from gateway.connection import Session
from ocppj import frames
from ocppj.conversation import Handover
from ocppj.errors import FrameError
from ocppj.frames import Call, Send

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
        traceparent = self._trace_of(frame)
        if not traceparent:
            return super().to_cloud(frame)
        plain = self._properties
        self._properties = (*plain, (tracing.PROPERTY, traceparent))
        try:
            handed = super().to_cloud(frame)
        finally:
            self._properties = plain
        self._tell("from charge point", frame, traceparent, handed=handed.name.lower())
        return handed

    def on_message(self, message: Message) -> None:
        """A message of the cloud, maybe with a trace."""
        traceparent = message.properties.get(tracing.PROPERTY, "")
        if tracing.trace_id(traceparent):
            self._tell("to charge point", message.payload, traceparent)
            self._remember(message.payload, traceparent)
        super().on_message(message)

    def _trace_of(self, text: bytes) -> str:
        frame = _read(text)
        if isinstance(frame, Call | Send):
            return tracing.new() if random.random() < self._share else ""  # noqa: S311 - a sample, no secret
        asked = self._asked.pop(frame.message_id, "") if frame is not None else ""
        return asked and tracing.child(asked)

    def _remember(self, text: bytes, traceparent: str) -> None:
        frame = _read(text)
        if isinstance(frame, Call):
            self._asked[frame.message_id] = traceparent
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)

    def _tell(self, what: str, text: bytes, traceparent: str, **more: str) -> None:
        frame = _read(text)
        told = {"kind": type(frame).__name__, "action": getattr(frame, "action", None)} if frame is not None else {}
        message_id = frame.message_id if frame is not None else None
        trace_id = tracing.trace_id(traceparent)
        self.log.info("traced", step=what, trace_id=trace_id, message_id=message_id, **told, **more)


def _read(text: bytes) -> frames.Frame | None:
    try:
        return frames.decode(text)
    except FrameError:
        return None  # who sent it hears that elsewhere
