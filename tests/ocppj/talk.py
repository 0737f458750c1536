"""A conversation between two lists, for tests."""

from typing import Any

import orjson

from ocppj.conversation import Conversation
from ocppj.frames import Call, encode
from ocppj.terms import Direction, Handover, Limits, Tally
from ocppj.versions import V16, Version

EPOCH = 1_700_000_000_000
T = 30.0  # call_timeout_s of every conversation here


class Ends:
    """Two lists, and what happened."""

    def __init__(self) -> None:
        self.wire: list[list[Any]] = []
        self.cloud: list[list[Any]] = []
        self.texts: list[bytes] = []
        self.outcomes: list[tuple[Direction, str, str]] = []
        self.oddities: list[str] = []
        self.handover = Handover.TAKEN

    def to_charge_point(self, frame: bytes) -> None:
        self.texts.append(frame)
        self.wire.append(orjson.loads(frame))

    def to_cloud(self, frame: bytes) -> Handover:
        if self.handover is Handover.TAKEN:
            self.texts.append(frame)
            self.cloud.append(orjson.loads(frame))
        return self.handover

    def finished(self, direction: Direction, action: str, outcome: str, took_s: float) -> None:
        self.outcomes.append((direction, action, outcome))

    def odd(self, what: str, message_id: str) -> None:
        self.oddities.append(what)


class Talk:
    """A conversation with its ends and its tally at hand."""

    def __init__(self, version: Version = V16, **limits: Any) -> None:
        self.ends = Ends()
        self.tally = Tally()
        self.conversation = Conversation(
            self.ends, version, gateway="g1", epoch=EPOCH, limits=Limits(call_timeout_s=T, **limits), tally=self.tally
        )

    def hear(self, *frames: Any, now: float = 0.0) -> None:
        """The charge point sends."""
        for frame in frames:
            self.conversation.from_charge_point(_text(frame), now)

    def tell(self, *frames: Any, now: float = 0.0, epoch: int | None = None, deadline: float | None = None) -> None:
        """The cloud sends."""
        for frame in frames:
            self.conversation.from_cloud(_text(frame), now, epoch=epoch, deadline=deadline)

    @property
    def wire(self) -> list[list[Any]]:
        return self.ends.wire

    @property
    def cloud(self) -> list[list[Any]]:
        return self.ends.cloud

    @property
    def codes(self) -> list[str]:
        return [frame[2] for frame in self.wire if frame[0] == 4]

    def fates(self) -> dict[str, str]:
        """Of the commands that came back as synthetic errors: id -> reason."""
        return {frame[1]: frame[4]["reason"] for frame in self.cloud if frame[0] == 4 and "reason" in frame[4]}


def _text(frame: Any) -> bytes:
    if isinstance(frame, bytes | str):
        return frame if isinstance(frame, bytes) else frame.encode()
    return orjson.dumps(frame) if isinstance(frame, list) else encode(frame).encode()


def beat(message_id: str = "c1") -> Call:
    return Call(message_id, "Heartbeat")


def command(message_id: str) -> Call:
    return Call(message_id, "Reset", {"type": "Soft"})
