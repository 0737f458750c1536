"""What a conversation and those around it agree on: its two ends, its limits, what is counted."""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Literal, Protocol

Direction = Literal["call", "command"]


class Handover(Enum):
    """What became of a frame for the cloud."""

    TAKEN = 1
    BUSY = 2  # not now: the way to the cloud is full or down
    TOO_LARGE = 3  # never


class Ends(Protocol):
    """The two ends of a conversation, and who watches it."""

    def to_charge_point(self, frame: bytes) -> None:
        """Put a frame on the wire."""

    def to_cloud(self, frame: bytes) -> Handover:
        """Hand a frame over to the cloud."""

    def finished(self, direction: Direction, action: str, outcome: str, took_s: float) -> None:
        """A CALL of the charge point or a command ended: outcome is result, error or the reason why not."""

    def odd(self, what: str, message_id: str) -> None:
        """Something was not as it should be: worth a line in the log, nothing else to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how many."""

    call_timeout_s: float = 30.0
    max_waiting: int = 100  # commands in line
    max_unanswered: int = 500  # CALLs of the charge point


@dataclass(slots=True)
class Tally:
    """Counts of frames; one tally may be shared by many conversations."""

    frames_in: int = 0  # from charge points, readable or not
    calls_in: int = 0  # forwarded to the cloud
    calls_here: int = 0  # answered without the cloud
    answers_in: int = 0
    sends_in: int = 0
    calls_out: int = 0  # put on the wire
    answers_out: int = 0
    sends_out: int = 0
    malformed: int = 0  # unreadable, from the charge point
    unsendable: int = 0  # unreadable or not of this version, from the cloud
    late: int = 0  # answers after the time-out
    unknown: int = 0  # answers nobody waits for
    stale: int = 0  # answers of another epoch
    duplicates: int = 0  # CALLs and commands seen before
    unforwarded: int = 0  # frames the way to the cloud did not take
    lost: int = 0  # fates of commands that could not be told to the cloud

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
