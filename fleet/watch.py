"""The frames of one charge point as they pass, both ways, for people and for programs. Secrets are masked.

Frames are read off the broker, so what the gateway answers itself (heartbeats at the edge, refused frames) is not
among them. With Basic Ingest the others are because the gateways are asked for them: `wish`.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from rich.text import Text

from domain import secrets
from ocppj import frames, timestamps, topics
from ocppj.errors import FrameError
from ocppj.frames import Call, CallError, CallResult, CallResultError, Frame, Send

# Calls whose answer is awaited, each way: what was never answered must not add up.
REMEMBERED = 1_000
# A gateway shows the frames for so long; it is asked again before.
ASK_FOR_S, ASK_EVERY_S = 60, 20.0

_TYPES = {
    Call: "CALL",
    CallResult: "CALLRESULT",
    CallError: "CALLERROR",
    CallResultError: "CALLRESULTERROR",
    Send: "SEND",
}
_COLOURS = {"CALL": "cyan", "SEND": "cyan", "CALLRESULT": "green", "CALLERROR": "red", "CALLRESULTERROR": "red"}
_ARROWS = {"in": "→", "out": "←"}  # seen from the cloud: → comes from the charge point


def wish(charge_point_id: str) -> bytes:
    """What the gateways are asked for, on `topics.WATCH`."""
    return orjson.dumps({"id": charge_point_id, "seconds": ASK_FOR_S})


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame. `direction` is seen from the cloud: `in` is from the charge point.

    An answer has the action it answers and how long that took, if the CALL was seen. What can't be read has a `why`.
    """

    at: datetime
    charge_point_id: str
    direction: str
    size: int
    type: str = "unreadable"
    message_id: str | None = None
    action: str | None = None
    payload: Mapping[str, Any] | None = None
    code: str | None = None
    description: str | None = None
    after_ms: int | None = None
    ocpp: str | None = None
    why: str | None = None

    def as_json(self) -> str:
        """One line of JSON; what is unknown is left out."""
        told = {
            "at": timestamps.write(self.at), "chargePointId": self.charge_point_id, "direction": self.direction,
            "type": self.type, "messageId": self.message_id, "action": self.action, "payload": self.payload,
            "code": self.code, "description": self.description, "afterMs": self.after_ms, "ocpp": self.ocpp,
            "bytes": self.size, "why": self.why,
        }  # fmt: skip
        return orjson.dumps({name: value for name, value in told.items() if value is not None}).decode()

    def as_text(self) -> Text:
        """One line for people, in their own time zone."""
        line = Text(no_wrap=False)
        line.append(f"{self.at.astimezone():%H:%M:%S.%f}"[:-3], "dim")
        line.append(f" {_ARROWS[self.direction]} ", "bold")
        line.append(f"{self.action or self.type} ", _COLOURS.get(self.type, "red"))
        if self.type not in ("CALL", "SEND"):
            line.append(f"{self.type} " if self.action else "", "dim")
        if self.code is not None:
            line.append(f"{self.code}: {self.description} " if self.description else f"{self.code} ", "red")
        line.append(self.why or orjson.dumps(self.payload).decode())
        if self.after_ms is not None:
            line.append(f"  {self.after_ms} ms", "dim")
        return line


@dataclass(frozen=True, slots=True)
class Watcher:
    """Reads what comes off the broker, and remembers which CALLs are to be answered."""

    _asked: OrderedDict[tuple[str, str], tuple[str, datetime]] = field(default_factory=OrderedDict)

    def read(self, topic: str, payload: bytes, properties: Mapping[str, str], at: datetime) -> Seen:
        """A message of one of the topics of a charge point, at the time it came here."""
        plain: dict[str, Any] = {
            "at": at, "charge_point_id": topics.charge_point_of(topic), "direction": topic.rpartition("/")[2],
            "size": len(payload), "ocpp": properties.get("ocpp"),
        }  # fmt: skip
        try:
            frame = frames.decode(payload)
        except FrameError as error:
            return Seen(**plain, why=str(error))
        return Seen(**plain, type=_TYPES[type(frame)], message_id=frame.message_id, **self._told(frame, plain))

    def _told(self, frame: Frame, plain: Mapping[str, Any]) -> dict[str, Any]:
        match frame:
            case Call() | Send():
                if isinstance(frame, Call):
                    self._remember((plain["direction"], frame.message_id), (frame.action, plain["at"]))
                return {"action": frame.action, "payload": secrets.masked(frame.payload)}
            case CallResult():
                return {"payload": secrets.masked(frame.payload), **self._asked_by(frame, plain)}
            case CallError() | CallResultError():
                error = {"code": frame.code, "description": frame.description or None}
                return {"payload": secrets.masked(frame.details), **error, **self._asked_by(frame, plain)}

    def _remember(self, key: tuple[str, str], call: tuple[str, datetime]) -> None:
        self._asked[key] = call
        while len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)

    def _asked_by(self, frame: CallResult | CallError | CallResultError, plain: Mapping[str, Any]) -> dict[str, Any]:
        # A gateway's "no answer came" is published on the way in, as the charge point's own would be. A
        # CALLRESULTERROR goes the way of the CALL it is about.
        is_about_answer = isinstance(frame, CallResultError)
        asker = plain["direction"] if is_about_answer else {"in": "out", "out": "in"}[plain["direction"]]
        call = self._asked.pop((asker, frame.message_id), None)
        if call is None:
            return {}
        action, asked_at = call
        return {"action": action, "after_ms": round((plain["at"] - asked_at).total_seconds() * 1000)}
